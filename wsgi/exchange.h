// SPDX-License-Identifier: Apache-2.0
//
// One request and its response, from a complete head to the last byte sent. It
// never waits for the client, but for more of a body than is buffered:
//
//   exchange.Begin(channel, scanner.head_begin(), scanner.head_end());
//   Exchange::Next next = exchange.Proceed();
//   // kRun: another thread calls exchange.Run(/*may_block=*/true).
//   // kWait: once the socket is ready for exchange.waits_for(), Proceed().
//   // kOver: exchange.after() says what becomes of the connection.
//
// A client that says `Expect: 100-continue` is told to continue before its body
// is waited for; with no buffer, when the application reads.
//
// Source: nginx for the buffer, and for when a client is told to continue.

#ifndef WSGI_EXCHANGE_H_
#define WSGI_EXCHANGE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "sslutils/stream.h"
#include "wsgi/application_call.h"
#include "wsgi/environ.h"
#include "wsgi/event_loop.h"
#include "wsgi/http1.h"
#include "wsgi/patience.h"
#include "wsgi/request.h"
#include "wsgi/transport.h"

namespace bergen::wsgi {

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
  kKeep,    // The next request may follow, or be in `received` already.
  kClose,   // Close it.
  kLinger,  // The client may be sending still: read on for a while, lest
            // closing destroys the answer on its way.
};

// Serves one request after another. Used by one thread at a time. Times are
// those of `CoarseNow`.
class Exchange : public ApplicationCall {
 public:
  enum class Next { kRun, kWait, kOver };
  // What is waited for.
  enum class Phase {
    kBody,      // The application was not called yet.
    kResponse,  // It was, or there is another answer.
    kRest,      // Of a body that nobody read; the response is sent.
  };

  // `settings` must outlive it.
  explicit Exchange(const ExchangeSettings& settings);
  ~Exchange() override;

  // Takes the head, found complete at [begin, end) of `channel.received`, out
  // of it. `channel` must outlive the exchange that begins, and be the same as
  // before if something is held.
  void Begin(Channel& channel, size_t begin, size_t end);

  // Goes on as far as it can without the application, and without waiting:
  // after `Begin`, and after kWait.
  Next Proceed();
  // Runs the application too. Requires kRun, or `Begin` for a request without
  // a body. If it may not block it returns kRun after some pieces of a body
  // that has more, and requires that `MayWaitForBody` does not hold. If it may
  // hold, a small response is held, to be sent together with the next one.
  Next Run(bool may_block, bool may_hold);

  // After kOver: responses are held. Either the next exchange of the same
  // connection begins, which sends them, or `SendHeld`.
  bool held() const { return held_; }
  // Like `Proceed`.
  Next SendHeld();

  // After kWait.
  Phase phase() const { return phase_; }
  EventLoop::Direction waits_for() const { return waits_for_; }
  absl::Duration deadline() const { return deadline_; }
  // The deadline has come: like `Proceed`. The client may get more time.
  Next Overdue();
  // The connection is of no more use: like `Proceed`.
  Next GiveUp();

  // Reading the request's body could wait for the client.
  bool MayWaitForBody() const { return !input_.complete(); }

  // Answers `refusal` instead, if the application was not called yet; returns
  // whether it will. `Proceed` comes next then.
  bool Refuse(const Refusal& refusal);

  // After kOver.
  After after() const { return after_; }

 private:
  // `wsgi.input` of this exchange.
  class RequestBody : public ClientInput {
   public:
    explicit RequestBody(Exchange& exchange) : exchange_(&exchange) {}

    void Begin();
    // Takes in what was received, up to the size of the buffer. Returns whether
    // the application may be called; `failure` says if it should not.
    bool Collect();
    // Forgets what was received of it. Returns whether that was all; it was not
    // after a failure.
    bool Drop();
    void Fail(absl::Status failure) { failure_ = std::move(failure); }

    absl::StatusOr<size_t> Read(char* buffer, size_t size) override;
    absl::Span<const Header> trailers() const override;

    // All that is still to come is there.
    bool complete() const;
    // How much is still to be read if that is known; 0 at the end.
    std::optional<uint64_t> remaining() const;
    uint64_t dropped() const { return dropped_; }
    // The client wants to be told to continue, and was not. Not again, once
    // this was called.
    bool TakeContinue() { return std::exchange(awaits_continue_, false); }
    bool awaits_continue() const { return awaits_continue_; }
    // From now on the client is not told to continue.
    void GiveUpContinue() { continue_allowed_ = false; }

   private:
    absl::StatusOr<size_t> ReadLength(char* buffer, size_t size);
    absl::StatusOr<size_t> ReadChunked(char* buffer, size_t size);
    // The next data of a chunked body, in `received` from `begin` on, which is
    // moved behind it; none if more is needed.
    absl::StatusOr<std::optional<absl::string_view>> Decode(size_t& begin);

    Exchange* exchange_;
    uint64_t remaining_ = 0;  // Of a body with a length.
    uint64_t total_ = 0;      // Of a chunked body, so far.
    uint64_t dropped_ = 0;
    bool chunked_ = false;  // And not at its end.
    bool awaits_continue_ = false;
    bool continue_allowed_ = false;
    std::optional<ChunkDecoder> decoder_;
    // Of a chunked body: decoded, and read from here on.
    std::string buffered_;
    size_t buffered_used_ = 0;
  };

  // How far `Send` goes.
  enum class Mode { kNoApplication, kSomePieces, kAll };

  Next Collect();
  Next Send(Mode mode);
  // All of the response is in `out_`, and may stay there for a while.
  bool MayHold() const;
  // Writes what is queued. Returns whether all of it is written, or nothing can
  // be any more; otherwise `blocked_on_` says why.
  bool Flush(int most_writes);
  // If the body is a file that the kernel can send: sends its head, and from
  // now on the file.
  void BeginFile();
  // Sends some of it; as `Flush`.
  bool SendFile();
  void Broken(absl::string_view why);
  void Sent(size_t size);
  Next Finish();
  Next Drop();
  // Receives what is there, some of it at least; returns whether it could.
  bool Receive();
  Next Wait(Phase phase);
  // Ends what `Wait` has begun. Returns whether the client has taken some of
  // the response since.
  bool EndWait();
  // Blocks until the socket is ready, or `patience` is at its end.
  absl::Status Block(sslutils::IoState state, Patience& patience);
  absl::Status BlockToFlush();
  absl::StatusOr<size_t> BlockToReceive(char* buffer, size_t size);

  void SendHead(std::optional<uint64_t> body_size) override;
  void SendData(absl::string_view data) override;
  absl::Status SendEnd(absl::Span<const Header> trailers) override;
  void SendRefusal(const Refusal& refusal, absl::string_view text,
                   absl::string_view id) override;
  void Break() override { broken_ = true; }

  Channel* channel_ = nullptr;
  Request parsed_;
  RequestBody input_;

  bool broken_ = false;    // The connection is of no more use.
  bool refused_ = false;   // Answered without the application.
  bool held_ = false;      // `out_` is, from this exchange and earlier ones.
  bool may_hold_ = false;  // In this `Run`.
  bool logged_ = false;
  int pieces_ = 0;  // Pulled in this `Run`.
  Phase phase_ = Phase::kBody;
  After after_ = After::kClose;
  Patience reading_;
  Patience writing_;

  // Of a wait: for what, since when, until when, and how much the socket had to
  // send when it began.
  sslutils::IoState blocked_on_ = sslutils::IoState::kWantRead;
  EventLoop::Direction waits_for_ = EventLoop::kRead;
  bool waiting_ = false;
  absl::Duration waits_since_;
  absl::Duration deadline_;
  int queued_then_ = 0;
  absl::Duration drop_until_;  // Of a rest; infinite before it is waited for.

  // Sent in this order.
  std::string out_;
  size_t out_sent_ = 0;
  absl::string_view piece_;
  absl::string_view tail_;
  uint64_t file_left_ = 0;  // Of the source's file, after all of the above.
  uint64_t out_body_ = 0;   // Of the end of out_, bytes of the body.
};

}  // namespace bergen::wsgi

#endif  // WSGI_EXCHANGE_H_
