// SPDX-License-Identifier: Apache-2.0
//
// One line for each response, from a template that is checked at start.
//
//   absl::StatusOr<AccessLogFormat> format = AccessLogFormat::Create(
//       "%(client_ip)s \"%(request_line)s\" status: %(status_code)s");
//   if (!format.ok()) return format.status();
//   log.info("{}", format->Line(record));
//
// Source: `wsgi_log_format` in oslo.service. Differences: an unknown
// placeholder is found at start, `body_length` is the body's, what the
// client sent cannot end the line or its quotes, and a line may be JSON.

#ifndef WSGI_ACCESS_LOG_H_
#define WSGI_ACCESS_LOG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace bergen::wsgi {

inline constexpr absl::string_view kDefaultLogFormat =
    "%(client_ip)s \"%(request_line)s\" status: %(status_code)s  len: "
    "%(body_length)s time: %(wall_seconds).7f";

// Instead of a template: each line is a JSON object with every field.
inline constexpr absl::string_view kJsonLogFormat = "json";

struct AccessRecord {
  // Address of the peer, and X-Forwarded-For as it was sent, or empty.
  absl::string_view client_ip;
  absl::string_view forwarded_for;
  absl::string_view client_port;
  absl::string_view request_line;
  absl::Time time;
  int status_code = 0;
  // Bytes of the response's body that were sent, without its framing.
  uint64_t body_length = 0;
  double wall_seconds = 0;
  // See request_id.h; empty if it has none.
  absl::string_view request_id = {};
};

// A parsed template. Immutable, so it may be shared by threads.
class AccessLogFormat {
 public:
  // Placeholders are written as in Python: `%(NAME)s`, with an optional width
  // (negative: to the left) and precision, `s`, `d` or `f`; `%%` is one
  // percent sign. NAME is one of client_ip, client_port, date_time,
  // request_line, status_code, body_length, wall_seconds, request_id.
  // InvalidArgument names the placeholder that is not, or is malformed.
  //
  // `json` makes objects with these keys: `time` in UTC, `client_ip` and
  // `forwarded_for` apart, `client_port`, `request_line`, `status_code`,
  // `body_length`, `wall_seconds`, `request_id`. Text that is empty is left
  // out; bytes that are not ASCII are written as if they were Latin-1.
  static absl::StatusOr<AccessLogFormat> Create(absl::string_view format);

  std::string Line(const AccessRecord& record) const;

 private:
  enum class Field {
    kText,
    kClientIp,
    kClientPort,
    kDateTime,
    kRequestLine,
    kStatusCode,
    kBodyLength,
    kWallSeconds,
    kRequestId,
  };
  struct Part {
    Field field = Field::kText;
    std::string text;    // Of kText.
    int width = 0;       // Negative: fill at the right.
    int precision = -1;  // -1: none.
    char conversion = 's';
  };

  static absl::StatusOr<Field> FieldOf(absl::string_view name);
  static bool IsNumber(Field field);
  static std::string Value(const Part& part, const AccessRecord& record);

  bool is_json_ = false;
  std::vector<Part> parts_;
};

}  // namespace bergen::wsgi

#endif  // WSGI_ACCESS_LOG_H_
