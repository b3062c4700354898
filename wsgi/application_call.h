// SPDX-License-Identifier: Apache-2.0
//
// One call of an application and what it gives, with the checks that every
// protocol makes of it. A protocol derives from it and says how its bytes go
// out:
//
//   class Exchange : public ApplicationCall {
//     void SendHead(std::optional<uint64_t> body_size) override;
//     // ...
//   };
//   // In it:
//   Begin(request, info, input);
//   Call();
//   while (!ended()) Pull();

#ifndef WSGI_APPLICATION_CALL_H_
#define WSGI_APPLICATION_CALL_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "spdlog/fwd.h"
#include "wsgi/access_log.h"
#include "wsgi/application.h"
#include "wsgi/environ.h"
#include "wsgi/http1.h"
#include "wsgi/request.h"
#include "wsgi/response.h"

namespace bergen::wsgi {

// What the exchanges of a server have in common. What it points to outlives
// them.
struct ExchangeSettings {
  Application* app = nullptr;
  spdlog::logger* log = nullptr;
  const AccessLogFormat* access_log = nullptr;
  HeadLimits limits;
  uint64_t max_body = 0;
  // So much of a request's body is there before the application is called, or
  // all of it; 0: it is called at once.
  size_t body_buffer = 0;
  // Longest silence of a client that is to send a body, or to take a response.
  absl::Duration body_timeout;
  absl::Duration write_timeout;
  // Bytes a second that it must move in the long run; 0: any number.
  uint64_t least_rate = 0;
  // The most requests of one connection; 0: any number.
  uint64_t max_requests = 0;
  bool keep_alive = true;
  bool debug = false;
  // Set once the server stops: no connection is kept after that.
  const std::atomic<bool>* stopping = nullptr;
};

// Writes one line of the access log, if the log takes it: now, about the peer
// of `info`, and for the rest what `record` says.
void LogAccess(const ExchangeSettings& settings, const ConnectionInfo& info,
               AccessRecord record);

// What to answer to a request that says that its body is too large.
std::optional<Refusal> CheckLength(const ExchangeSettings& settings,
                                   const Request& request);
// Whether a body may have so many bytes: ResourceExhausted otherwise.
absl::Status CheckBodySize(const ExchangeSettings& settings, uint64_t size);
// The client kept the server waiting for its body, last for `time`.
absl::Status TooSlow(absl::Duration time);

// `wsgi.input` as the server knows it.
class ClientInput : public Input {
 public:
  // What `Read` returned, if that was an error.
  const absl::Status& failure() const { return failure_; }

 protected:
  absl::Status failure_;
};

// Used by one thread at a time.
class ApplicationCall {
 public:
  virtual ~ApplicationCall();

  ApplicationCall(const ApplicationCall&) = delete;
  ApplicationCall& operator=(const ApplicationCall&) = delete;

 protected:
  // `settings` must outlive it.
  explicit ApplicationCall(const ExchangeSettings& settings);

  // Forgets the last call. All must outlive the one that begins.
  void Begin(const Request& request, const ConnectionInfo& info,
             ClientInput& input);

  // Calls the application. A complete body is sent; one from a source, unless
  // that ended already, is for `Pull`.
  void Call();
  // Asks the source for its next piece. Requires that it did not end.
  void Pull();
  // Answers without the application, unless the head is sent, which breaks.
  // What is left of the application goes.
  void Answer(const Refusal& refusal, absl::string_view text = "");
  // The same for an error of the body: the client's failure, which is answered
  // by its kind, or else the application's.
  void Fail(const absl::Status& error);
  // Destroys what the application returned.
  void DropBody() { body_ = Body(); }

  // An access log line, unless there was no response.
  void LogResponse(uint64_t body_length);

  bool called() const { return called_; }
  // All of the response was handed to the protocol.
  bool ended() const { return ended_; }
  bool has_source() const { return body_.source() != nullptr; }

  const ExchangeSettings& settings() const { return *settings_; }
  const Request& request() const { return *request_; }
  const ConnectionInfo& info() const { return *info_; }

  // The protocol's part.
  // Sends the head by a plan, which it puts into `plan_`, and marks it as sent;
  // `body_size` is as for `PlanResponse`.
  virtual void SendHead(std::optional<uint64_t> body_size) = 0;
  // Of the body; it stays as it is until the next `Pull` or `DropBody`.
  virtual void SendData(absl::string_view data) = 0;
  // The end of a body of unknown length; the errors of `AppendLastChunk`.
  virtual absl::Status SendEnd(absl::Span<const Header> trailers) = 0;
  // A whole response; `id` is that of the request.
  virtual void SendRefusal(const Refusal& refusal, absl::string_view text,
                           absl::string_view id) = 0;
  // The response cannot be finished, and the client has to notice.
  virtual void Break() = 0;

  ResponseHead head_;
  ResponsePlan plan_;
  Body body_;
  HttpDate date_;
  bool called_ = false;
  bool ended_ = false;
  uint64_t body_queued_ = 0;  // Of the body, handed to the protocol.

 private:
  void TakeComplete();
  void TakePiece(absl::string_view piece);
  void EndOfSource();
  // The id of the request, which is made if nobody gave it one.
  absl::string_view EnsureId();

  const ExchangeSettings* settings_;
  const Request* request_ = nullptr;
  const ConnectionInfo* info_ = nullptr;
  ClientInput* input_ = nullptr;
  std::optional<Environ> environ_;  // None before the first `Begin`.
  std::string id_;                  // If the server had to give it one.
  int refused_with_ = 0;            // The status of a refusal; otherwise 0.
  absl::Duration began_;            // Monotonic.
};

}  // namespace bergen::wsgi

#endif  // WSGI_APPLICATION_CALL_H_
