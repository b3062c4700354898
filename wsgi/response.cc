// SPDX-License-Identifier: Apache-2.0

#include "wsgi/response.h"

#include <cstdio>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "wsgi/characters.h"

namespace bergen::wsgi {
namespace {

bool IsToken(absl::string_view text) {
  return !text.empty() && ConsistsOf<IsTokenCharacter>(text);
}

// Whether `text` can be sent as it is without ending its line.
bool IsOneLine(absl::string_view text) {
  return ConsistsOf<IsValueCharacter>(text);
}

// `StrAppend` would fill with zeros first, once for each response.
void Append(absl::string_view text, std::string& out) {
  out.append(text.data(), text.size());
}

// Headers between two ends of one connection, which only the server knows.
// Requires a token, as those who look at many headers have one.
bool IsServersOwn(absl::string_view name) {
  switch (name[0] | 0x20) {
    case 't':
      return absl::EqualsIgnoreCase(name, "transfer-encoding") ||
             absl::EqualsIgnoreCase(name, "trailer");
    case 'k':
      return absl::EqualsIgnoreCase(name, "keep-alive");
    case 'u':
      return absl::EqualsIgnoreCase(name, "upgrade");
    case 'p':
      return absl::StartsWithIgnoreCase(name, "proxy-auth") ||
             absl::EqualsIgnoreCase(name, "proxy-connection");
    default:
      return false;
  }
}

absl::Status CheckStatus(absl::string_view status) {
  if (status.size() < 4 || !absl::ascii_isdigit(status[0]) ||
      !absl::ascii_isdigit(status[1]) || !absl::ascii_isdigit(status[2]) ||
      status[3] != ' ' || !IsOneLine(status)) {
    return absl::InvalidArgumentError(
        absl::StrCat("start_response: status is not like \"200 OK\": \"",
                     absl::CEscape(status), "\""));
  }
  if (status[0] < '2' || status[0] > '5') {
    return absl::InvalidArgumentError(absl::StrCat(
        "start_response: status is not from 200 to 599: ", status));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ResponseHead::operator()(absl::string_view status,
                                      absl::Span<const Header> headers) {
  if (sent_) {
    return absl::FailedPreconditionError(
        "start_response: the head is already sent");
  }
  if (absl::Status valid = CheckStatus(status); !valid.ok()) return valid;
  Reset();
  for (const Header& header : headers) {
    absl::Status error;
    if (!IsToken(header.name) || !IsOneLine(header.value)) {
      error = absl::InvalidArgumentError(absl::StrCat(
          "start_response: header cannot be sent: \"",
          absl::CEscape(header.name), ": ", absl::CEscape(header.value), "\""));
    } else if (absl::EqualsIgnoreCase(header.name, "content-length")) {
      uint64_t length;
      if (!ConsistsOf<IsDigit>(header.value) ||
          !absl::SimpleAtoi(header.value, &length) ||
          (content_length_.has_value() && *content_length_ != length)) {
        error = absl::InvalidArgumentError(
            absl::StrCat("start_response: bad Content-Length: ", header.value));
      } else {
        content_length_ = length;
        continue;
      }
    } else if (absl::EqualsIgnoreCase(header.name, "connection")) {
      if (absl::EqualsIgnoreCase(header.value, "close")) {
        close_ = true;
        continue;
      }
      error = absl::InvalidArgumentError(absl::StrCat(
          "start_response: Connection other than close: ", header.value));
    } else if (IsServersOwn(header.name)) {
      error = absl::InvalidArgumentError(absl::StrCat(
          "start_response: header is the server's business: ", header.name));
    }
    if (!error.ok()) {
      Reset();
      return error;
    }
    has_date_ = has_date_ || absl::EqualsIgnoreCase(header.name, "date");
    Append(header.name, fields_);
    Append(": ", fields_);
    Append(header.value, fields_);
    Append("\r\n", fields_);
  }
  status_line_.assign(status.data(), status.size());
  status_ = (status[0] - '0') * 100 + (status[1] - '0') * 10 + status[2] - '0';
  return absl::OkStatus();
}

void ResponseHead::Reset() {
  status_ = 0;
  sent_ = close_ = has_date_ = false;
  content_length_.reset();
  status_line_.clear();
  fields_.clear();
}

void ResponseHead::AppendTo(const ResponsePlan& plan, absl::string_view date,
                            std::string& out) {
  sent_ = true;
  Append("HTTP/1.1 ", out);
  Append(status_line_, out);
  Append("\r\n", out);
  Append(fields_, out);
  if (plan.length.has_value()) {
    Append("Content-Length: ", out);
    Append(absl::AlphaNum(*plan.length).Piece(), out);
    Append("\r\n", out);
  }
  if (plan.framing == Framing::kChunked) {
    Append("Transfer-Encoding: chunked\r\n", out);
  }
  if (!has_date_) {
    Append("Date: ", out);
    Append(date, out);
    Append("\r\n", out);
  }
  if (!plan.keep_alive) {
    Append("Connection: close\r\n", out);
  } else if (plan.http10) {
    Append("Connection: keep-alive\r\n", out);
  }
  Append("\r\n", out);
}

ResponsePlan PlanResponse(const Request& request, const ResponseHead& head,
                          std::optional<uint64_t> body_size,
                          bool may_keep_alive) {
  ResponsePlan plan;
  plan.http10 = request.minor_version == 0;
  plan.keep_alive = may_keep_alive && request.keep_alive && !head.close();
  if (head.status() == 204) return plan;
  plan.length = head.content_length();
  if (head.status() == 304) return plan;
  if (!plan.length.has_value()) plan.length = body_size;
  if (request.method == "HEAD") return plan;
  if (plan.length.has_value()) {
    plan.framing = Framing::kLength;
  } else if (!plan.http10) {
    plan.framing = Framing::kChunked;
  } else {
    plan.framing = Framing::kUntilClose;
    plan.keep_alive = false;
  }
  return plan;
}

void AppendChunkLine(size_t size, std::string& out) {
  Append(absl::AlphaNum(absl::Hex(size)).Piece(), out);
  Append("\r\n", out);
}

absl::Status AppendLastChunk(absl::Span<const Header> trailers,
                             std::string& out) {
  for (const Header& trailer : trailers) {
    if (!IsToken(trailer.name) || !IsOneLine(trailer.value) ||
        IsServersOwn(trailer.name) ||
        absl::EqualsIgnoreCase(trailer.name, "content-length") ||
        absl::EqualsIgnoreCase(trailer.name, "connection") ||
        absl::EqualsIgnoreCase(trailer.name, "host")) {
      return absl::InvalidArgumentError(absl::StrCat(
          "trailer cannot be sent: \"", absl::CEscape(trailer.name), ": ",
          absl::CEscape(trailer.value), "\""));
    }
  }
  Append("0\r\n", out);
  for (const Header& trailer : trailers) {
    Append(trailer.name, out);
    Append(": ", out);
    Append(trailer.value, out);
    Append("\r\n", out);
  }
  Append("\r\n", out);
  return absl::OkStatus();
}

std::string RefusalResponse(const Refusal& refusal, absl::string_view text,
                            absl::string_view request_id,
                            absl::string_view date) {
  std::string response = absl::StrCat(
      "HTTP/1.1 ", refusal.status, " ", refusal.reason,
      "\r\nContent-Type: text/plain\r\nContent-Length: ", text.size(),
      "\r\nX-Request-Id: ", request_id, "\r\n");
  if (refusal.retry_after > 0) {
    absl::StrAppend(&response, "Retry-After: ", refusal.retry_after, "\r\n");
  }
  absl::StrAppend(&response, "Date: ", date, "\r\nConnection: close\r\n\r\n",
                  text);
  return response;
}

absl::string_view HttpDate::Now() {
  const time_t now = time(nullptr);
  if (now != time_) {
    time_ = now;
    text_ = Format(now);
  }
  return text_;
}

std::string HttpDate::Format(time_t time) {
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed",
                                          "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr",
                                            "May", "Jun", "Jul", "Aug",
                                            "Sep", "Oct", "Nov", "Dec"};
  tm utc = {};
  gmtime_r(&time, &utc);
  char text[64];
  snprintf(text, sizeof(text), "%s, %02d %s %04d %02d:%02d:%02d GMT",
           kDays[utc.tm_wday], utc.tm_mday, kMonths[utc.tm_mon],
           utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
  return text;
}

}  // namespace bergen::wsgi
