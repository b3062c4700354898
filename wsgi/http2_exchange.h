// SPDX-License-Identifier: Apache-2.0
//
// One request of an HTTP/2 connection and its response: the application on
// threads that may block, and the connection's session on the loop's, with a
// bounded amount of either body between them. A thread waits for the client
// only for more of a body than is buffered.
//
//   auto exchange = std::make_shared<Http2Exchange>(...);
//   bool ready = exchange->Begin();
//   ready = exchange->AddBody(data);  // The loop's thread, and if ready:
//   bool over = exchange->Run();      // Another, and not over until ...
//   exchange->TakeNews();             // The loop's, after `OnNews`.
//   ready = exchange->Read(...);      // ... it is ready again.

#ifndef WSGI_HTTP2_EXCHANGE_H_
#define WSGI_HTTP2_EXCHANGE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "wsgi/application_call.h"
#include "wsgi/environ.h"
#include "wsgi/http2.h"
#include "wsgi/patience.h"
#include "wsgi/request.h"

namespace bergen::wsgi {

class Http2Connection;

// `Call` and `Run` are for one thread at a time, the rest for the loop's.
class Http2Exchange : public ApplicationCall,
                      public std::enable_shared_from_this<Http2Exchange> {
 public:
  // Must outlive every exchange that is running.
  class Owner {
   public:
    virtual ~Owner() = default;
    // `TakeNews` has something. On any thread, without locks; not again until
    // that was called.
    virtual void OnNews(std::shared_ptr<Http2Exchange> exchange) = 0;
    // `Run` is to be called. On the loop's thread, perhaps by the session.
    virtual void OnReady(std::shared_ptr<Http2Exchange> exchange) = 0;
  };

  // What the session is to do.
  struct News {
    size_t consumed = 0;  // Of the request's body.
    bool send_continue = false;
    bool respond = false;  // With the following:
    int status = 0;
    Http2Fields fields;
    bool has_body = false;
    bool has_output = false;
    bool failed = false;  // The stream is to be reset.
  };

  enum class State {
    kBody,     // Waits for the request's body, or enough of it.
    kRunning,  // A thread has it, or will.
    kFull,     // Waits until its client has taken some of the response.
    kSettled,  // Needs no thread any more.
  };

  // `settings` and `owner` must outlive it. `buffer`: as much of the body is to
  // be there before the application is called.
  Http2Exchange(const ExchangeSettings& settings,
                std::shared_ptr<const ConnectionInfo> info, Owner& owner,
                Http2Connection* connection, int32_t stream,
                std::unique_ptr<Request> request, bool has_body, size_t buffer);
  ~Http2Exchange() override;

  // Null once the connection is gone.
  Http2Connection* connection() const { return connection_; }
  int32_t stream() const { return stream_; }

  // These return whether it is ready from now on: `Run` comes next.
  // At the beginning, unless it is refused.
  [[nodiscard]] bool Begin();
  [[nodiscard]] bool AddBody(absl::string_view data);
  [[nodiscard]] bool EndBody(Http2Fields trailers);
  // The stream is closed, or its connection gone: nobody waits for the client
  // any more.
  [[nodiscard]] bool Close();
  void ForgetConnection() { connection_ = nullptr; }

  News TakeNews();
  // For the session; `ready` as above.
  Http2Session::Output Read(char* buffer, size_t size, bool& ready);

  // Answers instead of the application, if that was not called; returns whether
  // it will. Neither `Call` nor `Run` follows then.
  bool Refuse(const Refusal& refusal);

  // The client has made it wait for too long. A request whose body did not come
  // is answered; otherwise returns true: the stream is to be reset.
  bool EndIfOverdue(absl::Duration now);

  State state() const;
  bool settled() const { return state() == State::kSettled; }
  absl::Duration began() const { return began_; }
  const Request& parsed() const { return *parsed_; }

  // `Call` would not wait for the client, and was not made.
  bool may_call_inline() const;

  // Calls the application; what its body's source has is left for `Run`.
  // Returns whether there is such a source, or else no `Run` is needed.
  bool Call();
  // Calls the application unless `Call` did, and passes its response on until
  // that is over, which it returns, or until there is too much of it.
  bool Run();

  // For whoever runs it: it was counted as a request in progress.
  bool in_progress = false;

 private:
  // `wsgi.input`
  class RequestBody : public ClientInput {
   public:
    explicit RequestBody(Http2Exchange& exchange) : exchange_(&exchange) {}
    absl::StatusOr<size_t> Read(char* buffer, size_t size) override;
    absl::Span<const Header> trailers() const override { return trailers_; }
    void Fail(absl::Status failure) { failure_ = std::move(failure); }

   private:
    absl::StatusOr<size_t> Wait(char* buffer, size_t size);

    Http2Exchange* exchange_;
    bool ended_ = false;
    uint64_t total_ = 0;
    std::vector<Header> trailers_;
  };

  void SendHead(std::optional<uint64_t> body_size) override;
  void SendData(absl::string_view data) override;
  absl::Status SendEnd(absl::Span<const Header> trailers) override;
  void SendRefusal(const Refusal& refusal, absl::string_view text,
                   absl::string_view id) override;
  void Break() override;

  // Moves what was pulled to `out_`. Returns whether there is room for more;
  // otherwise another thread may run it from now on.
  bool PassOn();
  // No thread uses it from now on.
  void Settle();
  // Answers `failure`, of the client, instead of the application.
  void AnswerToClient(const absl::Status& failure);

  void Tell();
  bool gone() const;
  void LogIfOver();
  size_t waiting_output() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return out_.size() - out_sent_;
  }

  size_t most_output() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::shared_ptr<const ConnectionInfo> info_;
  Owner* const owner_;
  Http2Connection* connection_;
  const int32_t stream_;
  const std::unique_ptr<Request> parsed_;
  const size_t buffer_;
  const absl::Duration began_;

  // Of the thread that runs it.
  RequestBody input_;
  absl::string_view piece_;

  mutable absl::Mutex mutex_;
  absl::CondVar changed_;
  State state_ ABSL_GUARDED_BY(mutex_) = State::kBody;
  bool told_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool logged_ ABSL_GUARDED_BY(mutex_) = false;
  News news_ ABSL_GUARDED_BY(mutex_);
  // Of the request's body, not read yet.
  std::string received_ ABSL_GUARDED_BY(mutex_);
  size_t received_used_ ABSL_GUARDED_BY(mutex_) = 0;
  bool body_ended_ ABSL_GUARDED_BY(mutex_);
  bool awaits_continue_ ABSL_GUARDED_BY(mutex_);
  Http2Fields trailers_ ABSL_GUARDED_BY(mutex_);
  // Of the response's, not sent yet: this, and then that.
  std::string out_ ABSL_GUARDED_BY(mutex_);
  size_t out_sent_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::string_view complete_ ABSL_GUARDED_BY(mutex_);  // Inside body_.
  bool out_ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool out_failed_ ABSL_GUARDED_BY(mutex_) = false;
  Http2Fields out_trailers_ ABSL_GUARDED_BY(mutex_);
  uint64_t sent_ ABSL_GUARDED_BY(mutex_) = 0;
  Patience reading_ ABSL_GUARDED_BY(mutex_);
  Patience writing_ ABSL_GUARDED_BY(mutex_);
  // In every state but kRunning: since when it waits for its client to move
  // something.
  absl::Duration waits_since_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace bergen::wsgi

#endif  // WSGI_HTTP2_EXCHANGE_H_
