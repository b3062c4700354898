// SPDX-License-Identifier: Apache-2.0
//
// Heads of responses: what an application may put into one, how the body is
// framed, and the bytes. No I/O.
//
//   ResponseHead head;
//   absl::StatusOr<Body> body = app(environ, head);
//   ResponsePlan plan = PlanResponse(request, head, body->complete().size(),
//   true); head.AppendTo(plan, date.Now(), out);
//
// Source: RFC 9110, RFC 9112. Statuses and framing are those of oslo.service's
// server, except that a HEAD's body is never sent.

#ifndef WSGI_RESPONSE_H_
#define WSGI_RESPONSE_H_

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "wsgi/application.h"
#include "wsgi/http1.h"
#include "wsgi/request.h"

namespace bergen::wsgi {

// How the end of a body is told.
enum class Framing {
  kNone,        // There is no body, or it must not be sent.
  kLength,      // Content-Length.
  kChunked,     // HTTP/1.1 only.
  kUntilClose,  // By closing the connection.
};

struct ResponsePlan {
  Framing framing = Framing::kNone;
  // Value of Content-Length, which a response without body may have too.
  std::optional<uint64_t> length;
  bool keep_alive = false;
  // HTTP/1.0 must be told that a connection stays open.
  bool http10 = false;
};

// What an application gave to `start_response`, checked. Reused for one
// response after another. Not thread-safe.
class ResponseHead : public StartResponse {
 public:
  absl::Status operator()(absl::string_view status,
                          absl::Span<const Header> headers) override;

  // Forgets everything.
  void Reset();

  bool started() const { return status_ != 0; }
  int status() const { return status_; }
  bool sent() const { return sent_; }
  std::optional<uint64_t> content_length() const { return content_length_; }
  // The application asked for the connection to be closed.
  bool close() const { return close_; }

  // The headers, each `Name: value` and a line end, without those of the plan.
  absl::string_view fields() const { return fields_; }
  bool has_date() const { return has_date_; }
  // For whoever writes it in another form than `AppendTo`.
  void set_sent() { sent_ = true; }

  // Appends status line, headers and the empty line; `date` is the value for
  // Date, unless the application gave one. From now on `sent`.
  void AppendTo(const ResponsePlan& plan, absl::string_view date,
                std::string& out);

 private:
  int status_ = 0;  // 0 until started.
  bool sent_ = false;
  bool close_ = false;
  bool has_date_ = false;
  std::optional<uint64_t> content_length_;
  std::string status_line_;  // `200 OK`
  std::string fields_;       // Lines with their ends.
};

// `body_size` is none if the body comes from a source. `may_keep_alive`: the
// server would keep the connection open.
ResponsePlan PlanResponse(const Request& request, const ResponseHead& head,
                          std::optional<uint64_t> body_size,
                          bool may_keep_alive);

// Appends the line before a chunk of `size` bytes, which must be positive.
void AppendChunkLine(size_t size, std::string& out);
inline constexpr absl::string_view kChunkEnd = "\r\n";
inline constexpr absl::string_view kLastChunk = "0\r\n\r\n";
// Appends the last chunk and what follows it. InvalidArgument, and nothing is
// appended, if a trailer could not be sent as it is, or says how a message is
// framed or where it goes.
absl::Status AppendLastChunk(absl::Span<const Header> trailers,
                             std::string& out);

// The whole response to what is not served; it closes. `text` is its body,
// `request_id` its X-Request-Id.
std::string RefusalResponse(const Refusal& refusal, absl::string_view text,
                            absl::string_view request_id,
                            absl::string_view date);

// The time as HTTP writes it, made once a second. Not thread-safe.
class HttpDate {
 public:
  // Valid until the next call.
  absl::string_view Now();
  static std::string Format(time_t time);

 private:
  time_t time_ = -1;
  std::string text_;
};

}  // namespace bergen::wsgi

#endif  // WSGI_RESPONSE_H_
