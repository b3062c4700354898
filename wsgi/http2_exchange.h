// SPDX-License-Identifier: Apache-2.0
//
// One request of an HTTP/2 connection and its response: the application on a
// thread that may block, and the connection's session on the loop's, with a
// bounded amount of either body between them.
//
//   auto exchange = std::make_shared<Http2Exchange>(...);
//   exchange->AddBody(data);   // The loop's thread, as the session tells.
//   exchange->Run();           // Another thread.
//   exchange->TakeNews();      // The loop's, after `OnNews`.

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
#include "wsgi/application.h"
#include "wsgi/environ.h"
#include "wsgi/exchange.h"
#include "wsgi/http2.h"
#include "wsgi/patience.h"
#include "wsgi/request.h"
#include "wsgi/response.h"

namespace bergen::wsgi {

class Http2Connection;

// `Call` and `Run` are for one thread at a time, the rest for the loop's.
class Http2Exchange : public std::enable_shared_from_this<Http2Exchange> {
 public:
  // Must outlive every exchange that is running.
  class Owner {
   public:
    virtual ~Owner() = default;
    // `TakeNews` has something. On any thread, without locks; not again until
    // that was called.
    virtual void OnNews(std::shared_ptr<Http2Exchange> exchange) = 0;
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

  // `settings` and `owner` must outlive it.
  Http2Exchange(const ExchangeSettings& settings,
                std::shared_ptr<const ConnectionInfo> info, Owner& owner,
                Http2Connection* connection, int32_t stream,
                std::unique_ptr<Request> request, bool has_body);
  ~Http2Exchange();

  Http2Exchange(const Http2Exchange&) = delete;
  Http2Exchange& operator=(const Http2Exchange&) = delete;

  // Null once the connection is gone.
  Http2Connection* connection() const { return connection_; }
  int32_t stream() const { return stream_; }

  void AddBody(absl::string_view data);
  void EndBody(Http2Fields trailers);
  // The stream is closed, or its connection gone: whoever waits for the client
  // waits no more.
  void Close();
  void ForgetConnection() { connection_ = nullptr; }

  News TakeNews();
  Http2Session::Output Read(char* buffer, size_t size);

  // Answers instead of the application, if that was not called; returns whether
  // it will. Neither `Call` nor `Run` follows then.
  bool Refuse(const Refusal& refusal);

  // The application is done, and its client takes too long to take the rest.
  bool Overdue(absl::Duration now) const;
  // No thread needs it any more.
  bool settled() const;

  // `Call` would not wait for the client.
  bool may_run_inline() const;

  // Calls the application; what its body's source has is left for `Run`.
  // Returns whether there is such a source, or else no `Run` is needed.
  bool Call();
  // Calls the application unless `Call` did, and passes its response on.
  void Run();

 private:
  // `wsgi.input`
  class RequestBody : public Input {
   public:
    explicit RequestBody(Http2Exchange& exchange) : exchange_(&exchange) {}
    absl::StatusOr<size_t> Read(char* buffer, size_t size) override;
    absl::Span<const Header> trailers() const override { return trailers_; }
    const absl::Status& failure() const { return failure_; }

   private:
    absl::StatusOr<size_t> Wait(char* buffer, size_t size);

    Http2Exchange* exchange_;
    absl::Status failure_;
    bool ended_ = false;
    uint64_t total_ = 0;
    std::vector<Header> trailers_;
  };

  // Of the thread that runs it.
  void TakeComplete();
  void Pull();
  void TakePiece(absl::string_view piece);
  void EndOfSource();
  void PrepareHead(std::optional<uint64_t> body_size);
  void Fail(const absl::Status& error);
  void Answer(const Refusal& refusal, absl::string_view text);
  absl::Status WaitForRoom();
  // Says that the client, if there still is one, gets no more.
  void Break();
  // No thread uses it from now on.
  void Settle();

  void Tell();
  bool gone() const;
  void LogIfOver();

  const ExchangeSettings* const settings_;
  const std::shared_ptr<const ConnectionInfo> info_;
  Owner* const owner_;
  Http2Connection* connection_;
  const int32_t stream_;
  const std::unique_ptr<Request> request_;
  const absl::Duration began_;

  // Of the thread that runs it, in the order in which they need each other.
  RequestBody input_;
  Environ environ_;
  ResponseHead head_;
  Body body_;
  ResponsePlan plan_;
  uint64_t body_queued_ = 0;
  std::string id_;
  bool called_ = false;
  bool ended_ = false;
  Patience reading_;
  Patience writing_;

  mutable absl::Mutex mutex_;
  absl::CondVar changed_;
  bool told_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool settled_ ABSL_GUARDED_BY(mutex_) = false;
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
  int status_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t sent_ ABSL_GUARDED_BY(mutex_) = 0;
  // Once settled: since when, what was sent before, and when something was.
  absl::Duration settled_at_ ABSL_GUARDED_BY(mutex_);
  uint64_t sent_before_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Duration moved_at_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace bergen::wsgi

#endif  // WSGI_HTTP2_EXCHANGE_H_
