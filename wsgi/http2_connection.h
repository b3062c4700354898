// SPDX-License-Identifier: Apache-2.0
//
// The requests of one HTTP/2 connection: what stands between its session and
// its exchanges. No I/O, no clock.
//
//   Http2Connection connection(settings, limits, info, owner, now);
//   connection.Receive(bytes, now);  // The owner is told what to run.
//   connection.Send(out, 65536);

#ifndef WSGI_HTTP2_CONNECTION_H_
#define WSGI_HTTP2_CONNECTION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "wsgi/application_call.h"
#include "wsgi/environ.h"
#include "wsgi/http2.h"
#include "wsgi/http2_exchange.h"
#include "wsgi/request.h"

namespace bergen::wsgi {

// Used by one thread at a time, apart from what exchanges do by themselves.
class Http2Connection : public Http2Session::Handler {
 public:
  // `settings` and `owner` must outlive it, and every exchange that is running.
  // Times are of a clock that does not go back.
  Http2Connection(const ExchangeSettings& settings, const Http2Limits& limits,
                  const ConnectionInfo& info, Http2Exchange::Owner& owner,
                  absl::Duration now);
  // Ends the exchanges, which may be running still.
  ~Http2Connection() override;

  // The errors of `Http2Session::Receive`.
  absl::Status Receive(absl::string_view bytes, absl::Duration now);
  // After `OnNews` of an exchange whose connection this is.
  void TakeNews(Http2Exchange& exchange);
  void Send(std::string& out, size_t most) { session_.Send(out, most); }

  void AnnounceEnd() { session_.AnnounceEnd(); }
  void End() { session_.End(); }
  bool done() const { return session_.done(); }
  size_t streams() const { return session_.streams(); }
  // Begun so far.
  uint64_t requests() const { return session_.requests(); }
  // Those that are not over, by stream.
  const absl::flat_hash_map<int32_t, std::shared_ptr<Http2Exchange>>&
  exchanges() const {
    return exchanges_;
  }
  // Since when a head arrives; infinite if none does.
  absl::Duration head_since() const { return head_since_; }
  // Ends the streams whose clients take too long to send their requests, or to
  // take their responses.
  void EndOverdue(absl::Duration now);

 private:
  void OnRequest(int32_t stream, std::unique_ptr<Request> request,
                 std::optional<Refusal> refusal, bool has_body) override;
  void OnBody(int32_t stream, absl::string_view data) override;
  void OnBodyEnd(int32_t stream, Http2Fields trailers) override;
  void OnClosed(int32_t stream) override;
  Http2Session::Output ReadResponse(int32_t stream, char* buffer,
                                    size_t size) override;
  void Ready(const std::shared_ptr<Http2Exchange>& exchange, bool ready) {
    if (ready) owner_->OnReady(exchange);
  }
  // Too many applications work for streams that are no more.
  bool TooManyAbandoned();

  const ExchangeSettings* const settings_;
  const Http2Limits limits_;
  const std::shared_ptr<const ConnectionInfo> info_;
  Http2Exchange::Owner* const owner_;
  absl::flat_hash_map<int32_t, std::shared_ptr<Http2Exchange>> exchanges_;
  // Of streams that are no more, when an application was still at work.
  std::vector<std::shared_ptr<Http2Exchange>> abandoned_;
  absl::Duration head_since_;
  Http2Session session_;
};

}  // namespace bergen::wsgi

#endif  // WSGI_HTTP2_CONNECTION_H_
