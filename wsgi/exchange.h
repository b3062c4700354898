// SPDX-License-Identifier: Apache-2.0
//
// One request and its response, from a complete head to the last byte sent, on
// the thread that calls.
//
//   exchange.Begin(channel, scanner.head_begin(), scanner.head_end());
//   switch (exchange.Run(/*may_block=*/true)) { ... }

#ifndef WSGI_EXCHANGE_H_
#define WSGI_EXCHANGE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "spdlog/fwd.h"
#include "wsgi/access_log.h"
#include "wsgi/application.h"
#include "wsgi/environ.h"
#include "wsgi/http1.h"
#include "wsgi/patience.h"
#include "wsgi/request.h"
#include "wsgi/response.h"
#include "wsgi/transport.h"

namespace bergen::wsgi {

// What the exchanges of a server have in common. What it points to outlives
// them.
struct ExchangeSettings {
  Application* app = nullptr;
  spdlog::logger* log = nullptr;
  const AccessLogFormat* access_log = nullptr;
  HeadLimits limits;
  uint64_t max_body = 0;
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

// A connection as an exchange needs it.
struct Channel {
  Transport transport;
  ConnectionInfo info;
  // Received and not yet used.
  std::string received;
  // Begun on it so far.
  uint64_t requests = 0;
};

// What becomes of the connection after an exchange.
enum class After {
  kKeep,     // The next request may follow, or be in `received` already.
  kClose,    // Close it.
  kLinger,   // The client may be sending still: read on for a while, lest
             // closing destroys the answer on its way.
  kBlocked,  // Not over: call `Run` again where waiting is allowed.
};

// Writes one line of the access log, if the log takes it: now, about the peer
// of `info`, and for the rest what `record` says.
void LogAccess(const ExchangeSettings& settings, const ConnectionInfo& info,
               AccessRecord record);

// The server's answer to a client that failed: `failure`, of its request's
// body, is one of the errors of `Input`. None if there is nobody to answer.
std::optional<Refusal> AnswerToFailure(const absl::Status& failure);

// What the client calls its request, if that is a good id; otherwise a new one.
std::string ChooseRequestId(const Request& request);

// Serves one request after another. Used by one thread at a time.
class Exchange {
 public:
  // `settings` must outlive it.
  explicit Exchange(const ExchangeSettings& settings);
  ~Exchange();

  // Takes the head, found complete at [begin, end) of `channel.received`, out
  // of it. `channel` must outlive the exchange that begins.
  void Begin(Channel& channel, size_t begin, size_t end);

  // After `Begin`: reading the request's body could wait for the client.
  bool MayWaitForBody() const;

  // Answers `refusal` instead, if the application was not called yet; returns
  // whether it will. `Run` comes next either way.
  bool Refuse(const Refusal& refusal);

  // Runs the application and sends its response. If it may not block it
  // returns kBlocked instead of waiting for the client, and after sending some
  // pieces of a body that has more.
  After Run(bool may_block);

 private:
  // `wsgi.input` of this exchange.
  class RequestBody : public Input {
   public:
    explicit RequestBody(Exchange& exchange) : exchange_(&exchange) {}

    void Begin();
    absl::StatusOr<size_t> Read(char* buffer, size_t size) override;
    absl::Span<const Header> trailers() const override;

    // How much is still to come if that is known; 0 at the end.
    std::optional<uint64_t> remaining() const;
    bool awaits_continue() const { return awaits_continue_; }
    // From now on the client is not told to continue.
    void GiveUpContinue() { continue_allowed_ = false; }
    const absl::Status& failure() const { return failure_; }

   private:
    absl::StatusOr<size_t> ReadLength(char* buffer, size_t size);
    absl::StatusOr<size_t> ReadChunked(char* buffer, size_t size);
    absl::Status SendContinue();

    Exchange* exchange_;
    uint64_t remaining_ = 0;  // Of a body with a length.
    uint64_t total_ = 0;      // Of a chunked body, so far.
    bool chunked_ = false;    // And not at its end.
    bool awaits_continue_ = false;
    bool continue_allowed_ = false;
    absl::Status failure_;
    std::optional<ChunkDecoder> decoder_;
    size_t chunk_data_ = 0;  // Decoded, at the front of `received`.
  };

  enum class Progress { kDone, kBlocked, kBroken };

  void CallApplication();
  Progress Send();
  void Pull();
  // If the body is a file that the kernel can send: sends its head, and from
  // now on `file_`.
  void BeginFile();
  // Sends some of `file_`.
  Progress SendFile();
  // What to do after a write that could not be.
  Progress Hold(sslutils::IoState state);
  void TakePiece(absl::string_view piece);
  void EndOfSource();
  // Sends the head, with what is known of the body.
  void SendHead(std::optional<uint64_t> body_size);
  // The application failed: answers 500 if the head is not sent, or else cuts
  // the connection.
  void Fail(const absl::Status& error);
  // The id of the request, which is made if nobody gave it one.
  absl::string_view EnsureId();
  // Answers without the application.
  void Answer(const Refusal& refusal, absl::string_view text);
  void Queue(absl::string_view body);
  void Sent(size_t size);
  After Finish(bool broken);
  bool DropRestOfBody();
  // Block until the socket is ready: the first for at most `longest`, for
  // bytes of the response the second.
  absl::Status Wait(sslutils::IoState state, Patience& patience,
                    absl::Duration longest);
  absl::Status WaitToSend(sslutils::IoState state);
  absl::StatusOr<size_t> Receive(char* buffer, size_t size);

  const ExchangeSettings* settings_;
  Channel* channel_ = nullptr;
  Request request_;
  RequestBody input_;
  std::optional<Environ> environ_;
  ResponseHead head_;
  ResponsePlan plan_;
  HttpDate date_;
  Body body_;

  bool may_block_ = true;
  bool called_ = false;   // The application was, or will not be.
  bool ended_ = false;    // All of the response is queued.
  bool broken_ = false;   // The connection is of no more use.
  bool refused_ = false;  // The request was not understood.
  int status_ = 0;
  std::string id_;  // Of the request, if the server had to give it one.
  int pieces_ = 0;  // Pulled in this `Run`.
  Patience reading_;
  Patience writing_;
  // Of one wait for the request's body, besides `reading_`.
  absl::Duration longest_wait_;
  absl::Duration began_;  // Monotonic; if the access is logged.

  // Sent in this order.
  std::string out_;
  size_t out_sent_ = 0;
  absl::string_view piece_;
  absl::string_view tail_;
  uint64_t file_left_ = 0;  // Of the source's file, after all of the above.
  uint64_t body_queued_ = 0;
  uint64_t out_body_ = 0;  // Of the end of out_, bytes of the body.
};

}  // namespace bergen::wsgi

#endif  // WSGI_EXCHANGE_H_
