// SPDX-License-Identifier: Apache-2.0
//
// The server's side of one HTTP/2 connection: bytes in, requests out; responses
// in, bytes out. No I/O, no clock, no threads.
//
//   Http2Session session(limits, handler);
//   if (absl::Status read = session.Receive(bytes, now); !read.ok()) ...
//   session.Send(out, 65536);  // And write `out`, also after an error.
//   if (session.done()) ... close the connection ...
//
// A request is the text that HTTP/1.1 would have for it, parsed by http1.h, so
// that the same limits and the same rules hold for both.
//
// Source: RFC 9113, framing by nghttp2. Limits: RFC 9113, 10.5, and what became
// known since: streams that are opened only to be reset, by the client or by a
// mistake it makes on purpose, heads in very many frames, and frames that cost
// their sender nothing.

#ifndef WSGI_HTTP2_H_
#define WSGI_HTTP2_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "wsgi/http1.h"
#include "wsgi/http2_limits.h"
#include "wsgi/request.h"

struct nghttp2_session;

namespace bergen::wsgi {

// What a client of HTTP/2 sends first.
inline constexpr absl::string_view kHttp2Preface =
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// Names in lower case, and values, that can be sent as they are.
using Http2Fields = std::vector<std::pair<std::string, std::string>>;

// Something that may be done so often at once, and so often a second in the
// long run. A value.
class Http2Budget {
 public:
  Http2Budget(uint32_t at_once, uint32_t per_second)
      : most_(at_once), per_second_(per_second), left_(at_once) {}

  // `now`: by any clock that does not go back. Returns whether there was one
  // left.
  bool Spend(absl::Duration now);

 private:
  double most_;
  double per_second_;
  double left_;
  absl::Duration at_;
};

// Used by one thread at a time. Every stream that is told of by `OnRequest` is
// told of by `OnClosed`, unless the session is destroyed before.
class Http2Session {
 public:
  struct Output {
    size_t size = 0;      // Bytes put into the buffer.
    bool ended = false;   // There is no more.
    bool failed = false;  // There should be more, but there is not.
    const Http2Fields* trailers = nullptr;  // Once ended; may be null.
  };

  // Must not destroy the session. May call any of its functions but `Receive`
  // and `Send`.
  class Handler {
   public:
    virtual ~Handler() = default;

    // A head is complete; it was parsed, unless it is refused: then only
    // `request.request_line` has a meaning. `has_body`: `OnBody` and
    // `OnBodyEnd` follow. A body of unknown length is `chunked`.
    virtual void OnRequest(int32_t stream, std::unique_ptr<Request> request,
                           std::optional<Refusal> refusal, bool has_body) = 0;
    virtual void OnBody(int32_t stream, absl::string_view data) = 0;
    virtual void OnBodyEnd(int32_t stream, Http2Fields trailers) = 0;
    // The stream is over, whatever was sent or received of it.
    virtual void OnClosed(int32_t stream) = 0;
    // The next bytes of a response's body, at most `size`. None, and not ended:
    // asks again after `Resume`.
    virtual Output ReadResponse(int32_t stream, char* buffer, size_t size) = 0;
  };

  // Heads have the limits of HTTP/1. `handler` must outlive it.
  Http2Session(const HeadLimits& head, const Http2Limits& limits,
               Handler& handler);
  ~Http2Session();

  Http2Session(const Http2Session&) = delete;
  Http2Session& operator=(const Http2Session&) = delete;

  // Takes all of `bytes`; `now` as for `Http2Budget`. After an error, which is
  // InvalidArgument for bytes that are not HTTP/2 and ResourceExhausted for a
  // client that sends too much of something, `Send` has the last bytes.
  absl::Status Receive(absl::string_view bytes, absl::Duration now);

  // Appends what is to be sent, until `out` has `most` bytes or a few more.
  void Send(std::string& out, size_t most);
  bool wants_to_send() const;

  // All that concern one stream do nothing if it is closed.
  // The response; `has_body`: `ReadResponse` gives it.
  void Respond(int32_t stream, int status, const Http2Fields& fields,
               bool has_body);
  // Tells the client to send its body.
  void Continue(int32_t stream);
  // There is something to `ReadResponse` again.
  void Resume(int32_t stream);
  // So much of the request's body is used up: the client may send as much more.
  void Consumed(int32_t stream, size_t size);
  // Ends the stream with an error that is not the client's fault.
  void Reset(int32_t stream);

  // Tells the client to open no more streams; those that are on their way are
  // served.
  void AnnounceEnd();
  // Streams that come from now on are not served. `done` once those that are
  // there have ended.
  void End();
  // Ends at once; `calm`: because the client does too much.
  void Terminate(bool calm);

  // Nothing more will be received or sent.
  bool done() const;
  // Streams that are open.
  size_t streams() const { return streams_.size(); }
  // Begun so far.
  uint64_t requests() const { return requests_; }
  // The connection's or a request's head began to arrive and is not complete.
  bool awaits_head() const { return !settled_ || in_head_; }

 private:
  struct Callbacks;
  friend struct Callbacks;

  struct Stream {
    std::string head;  // As HTTP/1.1 would have it, without the last line.
    std::string method, path, authority, cookies;
    bool has_request_line = false;
    bool too_large = false;
    bool told = false;  // By `OnRequest`.
    bool body_ended = false;
    bool reset_by_us = false;
    size_t trailers_size = 0;
    Http2Fields trailers;
  };

  Stream* Find(int32_t stream);
  void AddField(Stream& stream, absl::string_view name,
                absl::string_view value);
  void BeginFields(Stream& stream);
  void AddLine(Stream& stream, absl::string_view name, absl::string_view value);
  void HeadComplete(int32_t id, Stream& stream, bool has_body);
  void BodyComplete(int32_t id, Stream& stream);
  void SpendIdleFrame();
  // What nghttp2 is told when it has called: to go on, or to stop at once.
  int Verdict() const;
  // Must not be called while nghttp2 is calling.
  void TellOfTermination();

  const HeadLimits head_limits_;
  Handler* const handler_;
  nghttp2_session* session_ = nullptr;
  absl::flat_hash_map<int32_t, std::unique_ptr<Stream>> streams_;
  Http2Budget resets_;
  Http2Budget idle_frames_;
  absl::Duration now_;
  uint64_t requests_ = 0;
  bool settled_ = false;  // The client's first SETTINGS have come.
  bool in_head_ = false;
  bool ended_ = false;
  bool terminated_ = false;
  bool to_be_told_ = false;  // Terminated, and nghttp2 does not know yet.
  bool too_much_ = false;
  bool receiving_ = false;
  bool broken_ = false;  // Nothing is received any more.
};

}  // namespace bergen::wsgi

#endif  // WSGI_HTTP2_H_
