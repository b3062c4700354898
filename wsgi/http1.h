// SPDX-License-Identifier: Apache-2.0
//
// HTTP/1.0 and HTTP/1.1 requests: bytes in, meaning or refusal out, within
// stated limits. No I/O. How the bytes were split into pieces never matters.
//
//   HeadScanner scanner(limits);
//   switch (scanner.Scan(received)) {
//     case HeadScanner::Verdict::kNeedMore: ... receive more, scan again ...
//     case HeadScanner::Verdict::kRefused: ... scanner.refusal() ...
//     case HeadScanner::Verdict::kComplete:
//       request.head.assign(received.substr(0, scanner.head_size()));
//       std::optional<Refusal> refusal = ParseHead(request);
//   }
//
// Source: RFC 9110, RFC 9112. Where these leave a choice, the stricter one is
// taken: bare CR or LF, folded lines, blanks before the colon, lists and
// repetitions in Content-Length, Content-Length beside Transfer-Encoding, and
// any transfer coding but `chunked` are refused. Limits and answers are those
// of oslo.service's server, except that answers always have a status line and
// that header lines too large are 431, as RFC 6585 has it, where it says 400.

#ifndef WSGI_HTTP1_H_
#define WSGI_HTTP1_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "wsgi/request.h"

namespace bergen::wsgi {

// All in bytes, line ends counted.
struct HeadLimits {
  // A request line of this size is refused with 414.
  size_t max_request_line = 8192;
  // A header line of this size is refused with 431.
  size_t max_header_line = 16384;
  // More than this in all header lines is refused with 431.
  size_t max_headers_total = 65536;
  // More header lines than this are refused with 431.
  int max_headers = 100;
};

// Why a request is not served. The connection is of no more use after it.
struct Refusal {
  int status = 400;
  absl::string_view reason;  // Of the status line; a constant.
  absl::string_view detail;  // For the log; a constant.
  // Seconds after which trying again makes sense; 0: nobody knows.
  int retry_after = 0;
};

// Finds the end of a request's head in bytes that arrive in pieces, and checks
// what can be seen without understanding it. Not thread-safe.
class HeadScanner {
 public:
  enum class Verdict { kNeedMore, kComplete, kRefused };

  explicit HeadScanner(const HeadLimits& limits) : limits_(limits) {}

  // `received` is all of the head so far, not only what is new. One empty line
  // before the request line is allowed. After a verdict other than kNeedMore,
  // `Reset` comes next.
  Verdict Scan(absl::string_view received);

  // Begins a new head.
  void Reset();

  // After kComplete: where the request line begins, and where the head ends,
  // in `received`.
  size_t head_begin() const { return begin_; }
  size_t head_end() const { return line_start_; }
  // A header says how a body is framed.
  bool may_have_body() const { return may_have_body_; }

  // After kRefused.
  const Refusal& refusal() const { return refusal_; }

 private:
  Verdict Refuse(int status, absl::string_view reason,
                 absl::string_view detail);
  // `size`: the least that the current line can have, given what arrived.
  bool LineTooLong(size_t size);

  HeadLimits limits_;
  Refusal refusal_;
  size_t begin_ = 0;
  size_t position_ = 0;  // No line end before it, from line_start_.
  size_t line_start_ = 0;
  bool seen_request_line_ = false;
  bool past_begin_ = false;
  bool may_have_body_ = false;
  int headers_ = 0;
  size_t headers_size_ = 0;
};

// Parses `request.head`, a head that `HeadScanner` found complete, into the
// rest of `request`, whose other content is replaced.
std::optional<Refusal> ParseHead(Request& request);

// Takes the chunks of a request's body apart. Extensions are ignored, and an
// error if they are much larger than the data. Not thread-safe.
class ChunkDecoder {
 public:
  // A chunk's line, or the last chunk with its trailers, longer than
  // `max_line` is an error.
  explicit ChunkDecoder(size_t max_line);
  ~ChunkDecoder();

  struct Step {
    // How much of the input is used up; zero: more is needed, and must be
    // presented together with what was not used up.
    size_t consumed = 0;
    // Data of the body, inside the input; may be empty.
    absl::string_view data;
    // The body is complete; what follows is another request.
    bool done = false;
  };

  // Returns InvalidArgument if the input is not well formed; the decoder is of
  // no more use then. Must not be called after `done`.
  absl::StatusOr<Step> Decode(absl::string_view input);

  // After `done`; as long as the decoder lives.
  absl::Span<const Header> trailers() const;

 private:
  class Parser;

  size_t max_line_;
  int64_t excess_ = 0;  // Bytes of lines beyond what the data warrants.
  std::unique_ptr<Parser> parser_;
};

}  // namespace bergen::wsgi

#endif  // WSGI_HTTP1_H_
