// SPDX-License-Identifier: Apache-2.0

#include "wsgi/access_log.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace bergen::wsgi {
namespace {

// Wider than any line one would want to read.
constexpr int kMaxWidth = 1000;

// Makes control characters, quotes, backslashes and what is not ASCII visible.
void AppendEscaped(absl::string_view text, std::string& out) {
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (absl::ascii_isprint(static_cast<unsigned char>(c))) {
      out += c;
    } else {
      absl::StrAppendFormat(&out, "\\x%02x", static_cast<unsigned char>(c));
    }
  }
}

// `, "name": "text"`, unless the text is empty.
void AppendJson(absl::string_view name, absl::string_view text,
                std::string& out) {
  if (text.empty()) return;
  absl::StrAppend(&out, ", \"", name, "\": \"");
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (absl::ascii_isprint(static_cast<unsigned char>(c))) {
      out += c;
    } else {
      absl::StrAppendFormat(&out, "\\u%04x", static_cast<unsigned char>(c));
    }
  }
  out += '"';
}

std::string JsonLine(const AccessRecord& record) {
  std::string line =
      absl::StrCat("{\"time\": \"",
                   absl::FormatTime("%E4Y-%m-%dT%H:%M:%E6SZ", record.time,
                                    absl::UTCTimeZone()),
                   "\"");
  AppendJson("client_ip", record.client_ip, line);
  AppendJson("forwarded_for", record.forwarded_for, line);
  AppendJson("client_port", record.client_port, line);
  AppendJson("request_line", record.request_line, line);
  absl::StrAppendFormat(
      &line,
      ", \"status_code\": %d, \"body_length\": %d, \"wall_seconds\": %.6f",
      record.status_code, record.body_length, record.wall_seconds);
  AppendJson("request_id", record.request_id, line);
  line += '}';
  return line;
}

// Reads decimal digits; -1 if they say more than kMaxWidth.
int TakeNumber(absl::string_view& text) {
  int number = 0;
  while (!text.empty() && absl::ascii_isdigit(text[0])) {
    if (number >= 0) number = number * 10 + (text[0] - '0');
    if (number > kMaxWidth) number = -1;
    text.remove_prefix(1);
  }
  return number;
}

std::string ClientIp(const AccessRecord& record) {
  std::string value;
  if (!record.forwarded_for.empty()) {
    std::string list(record.forwarded_for);
    std::string packed;
    for (const char c : list) {
      if (c != ' ' && c != '\t') packed += c;
    }
    AppendEscaped(packed, value);
    value += ',';
  }
  AppendEscaped(record.client_ip, value);
  return value;
}

}  // namespace

absl::StatusOr<AccessLogFormat::Field> AccessLogFormat::FieldOf(
    absl::string_view name) {
  if (name == "client_ip") return Field::kClientIp;
  if (name == "client_port") return Field::kClientPort;
  if (name == "date_time") return Field::kDateTime;
  if (name == "request_line") return Field::kRequestLine;
  if (name == "status_code") return Field::kStatusCode;
  if (name == "body_length") return Field::kBodyLength;
  if (name == "wall_seconds") return Field::kWallSeconds;
  if (name == "request_id") return Field::kRequestId;
  return absl::InvalidArgumentError(
      absl::StrCat("wsgi_log_format: unknown placeholder \"", name, "\""));
}

bool AccessLogFormat::IsNumber(Field field) {
  return field == Field::kStatusCode || field == Field::kBodyLength ||
         field == Field::kWallSeconds;
}

absl::StatusOr<AccessLogFormat> AccessLogFormat::Create(
    absl::string_view format) {
  AccessLogFormat result;
  result.is_json_ = format == kJsonLogFormat;
  if (result.is_json_) return result;
  std::string text;
  absl::string_view rest = format;
  while (!rest.empty()) {
    if (rest[0] != '%') {
      text += rest[0];
      rest.remove_prefix(1);
      continue;
    }
    const absl::string_view placeholder = rest;
    rest.remove_prefix(1);
    if (!rest.empty() && rest[0] == '%') {
      text += '%';
      rest.remove_prefix(1);
      continue;
    }
    const size_t end = rest.find(')');
    if (rest.empty() || rest[0] != '(' || end == rest.npos) {
      return absl::InvalidArgumentError(absl::StrCat(
          "wsgi_log_format: no %(NAME)s at \"", placeholder, "\""));
    }
    const absl::StatusOr<Field> field = FieldOf(rest.substr(1, end - 1));
    if (!field.ok()) return field.status();
    rest.remove_prefix(end + 1);

    Part part;
    part.field = *field;
    const bool left = !rest.empty() && rest[0] == '-';
    if (left) rest.remove_prefix(1);
    part.width = TakeNumber(rest);
    bool valid = part.width >= 0;
    if (left) part.width = -part.width;
    if (!rest.empty() && rest[0] == '.') {
      rest.remove_prefix(1);
      part.precision = TakeNumber(rest);
      valid = valid && part.precision >= 0;
    }
    part.conversion = rest.empty() ? '\0' : rest[0];
    valid = valid && (part.conversion == 's' ||
                      ((part.conversion == 'd' || part.conversion == 'f') &&
                       IsNumber(part.field)));
    if (!valid) {
      return absl::InvalidArgumentError(absl::StrCat(
          "wsgi_log_format: malformed placeholder at \"", placeholder, "\""));
    }
    rest.remove_prefix(1);
    if (!text.empty()) {
      result.parts_.push_back({.text = std::exchange(text, {})});
    }
    result.parts_.push_back(std::move(part));
  }
  if (!text.empty()) result.parts_.push_back({.text = std::move(text)});
  return result;
}

std::string AccessLogFormat::Value(const Part& part,
                                   const AccessRecord& record) {
  if (part.conversion != 's') {
    double number = record.wall_seconds;
    if (part.field == Field::kStatusCode) number = record.status_code;
    if (part.field == Field::kBodyLength) {
      number = static_cast<double>(record.body_length);
    }
    const int precision = part.precision < 0 ? 6 : part.precision;
    return absl::StrFormat("%.*f", part.conversion == 'd' ? 0 : precision,
                           number);
  }
  std::string value;
  switch (part.field) {
    case Field::kText:
      value = part.text;
      break;
    case Field::kClientIp:
      value = ClientIp(record);
      break;
    case Field::kClientPort:
      value = std::string(record.client_port);
      break;
    case Field::kDateTime:
      value = absl::FormatTime("%d/%b/%Y %H:%M:%S", record.time,
                               absl::LocalTimeZone());
      break;
    case Field::kRequestLine:
      AppendEscaped(record.request_line, value);
      break;
    case Field::kStatusCode:
      value = absl::StrCat(record.status_code);
      break;
    case Field::kBodyLength:
      value = absl::StrCat(record.body_length);
      break;
    case Field::kWallSeconds:
      value = absl::StrCat(record.wall_seconds);
      break;
    case Field::kRequestId:
      AppendEscaped(record.request_id, value);
      break;
  }
  if (part.precision >= 0 && part.field != Field::kText) {
    value = value.substr(0, part.precision);
  }
  return value;
}

std::string AccessLogFormat::Line(const AccessRecord& record) const {
  if (is_json_) return JsonLine(record);
  std::string line;
  for (const Part& part : parts_) {
    const std::string value = Value(part, record);
    const size_t width = std::abs(part.width);
    const size_t fill = value.size() < width ? width - value.size() : 0;
    if (part.width > 0) line.append(fill, ' ');
    line += value;
    if (part.width < 0) line.append(fill, ' ');
  }
  return line;
}

}  // namespace bergen::wsgi
