// SPDX-License-Identifier: Apache-2.0

#include "wsgi/http2_connection.h"

#include <nghttp2/nghttp2.h>

#include <functional>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "spdlog/logger.h"
#include "spdlog/sinks/ostream_sink.h"
#include "tests/support/status_matchers.h"
#include "wsgi/access_log.h"
#include "wsgi/application.h"
#include "wsgi/environ.h"
#include "wsgi/http2_test_client.h"

namespace bergen::wsgi {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

// News of exchanges, from any thread.
class News : public Http2Exchange::Owner {
 public:
  void OnNews(std::shared_ptr<Http2Exchange> exchange) override {
    absl::MutexLock lock(&mutex_);
    news_.push_back(std::move(exchange));
  }
  void OnReady(std::shared_ptr<Http2Exchange> exchange) override {
    absl::MutexLock lock(&mutex_);
    ready_.push_back(std::move(exchange));
  }
  std::vector<std::shared_ptr<Http2Exchange>> TakeReady() {
    absl::MutexLock lock(&mutex_);
    return std::exchange(ready_, {});
  }
  // Blocks until there are some, or `Finish` was called.
  std::vector<std::shared_ptr<Http2Exchange>> Await() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](News* news) ABSL_EXCLUSIVE_LOCKS_REQUIRED(news->mutex_) {
          return news->finished_ || !news->news_.empty();
        },
        this));
    finished_ = false;
    return std::exchange(news_, {});
  }
  std::vector<std::shared_ptr<Http2Exchange>> Take() {
    absl::MutexLock lock(&mutex_);
    return std::exchange(news_, {});
  }
  void Finish() {
    absl::MutexLock lock(&mutex_);
    finished_ = true;
  }

 private:
  absl::Mutex mutex_;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::shared_ptr<Http2Exchange>> news_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<Http2Exchange>> ready_ ABSL_GUARDED_BY(mutex_);
};

// The same piece, so many times, and then trailers or an error.
class Pieces : public BodySource {
 public:
  Pieces(std::string piece, int count, int* given,
         std::vector<Header> trailers = {}, absl::Status error = {})
      : piece_(std::move(piece)),
        count_(count),
        given_(given),
        trailers_(std::move(trailers)),
        error_(std::move(error)) {}
  absl::StatusOr<std::optional<absl::string_view>> Next() override {
    if (*given_ == count_) {
      if (!error_.ok()) return error_;
      return std::nullopt;
    }
    ++*given_;
    return piece_;
  }
  absl::Span<const Header> Trailers() override { return trailers_; }

 private:
  std::string piece_;
  int count_;
  int* given_;
  std::vector<Header> trailers_;
  absl::Status error_;
};

class Http2ConnectionTest : public testing::Test, public Application {
 protected:
  using Function =
      std::function<absl::StatusOr<Body>(Environ&, StartResponse&)>;

  Http2ConnectionTest()
      : log_("test",
             std::make_shared<spdlog::sinks::ostream_sink_mt>(log_text_)),
        access_log_(*AccessLogFormat::Create(
            "%(request_line)s %(status_code)s %(body_length)s")) {
    log_.set_pattern("%v");
    settings_.app = this;
    settings_.log = &log_;
    settings_.access_log = &access_log_;
    settings_.max_body = 1 << 30;
    settings_.body_timeout = settings_.write_timeout = absl::Hours(1);
  }

  absl::StatusOr<Body> operator()(Environ& environ,
                                  StartResponse& start_response) override {
    ++calls_;
    return app_(environ, start_response);
  }

  void Begin(const Http2Limits& limits = {}) {
    connection_ = std::make_unique<Http2Connection>(settings_, limits, info_,
                                                    news_, absl::Seconds(1));
    Talk();
  }
  // Both ends say what they have to say.
  void Talk() {
    for (;;) {
      for (const auto& exchange : news_.Take()) TakeNews(exchange);
      const std::string up = client_->Output();
      if (!up.empty()) received_ = connection_->Receive(up, absl::Seconds(1));
      std::string down;
      connection_->Send(down, size_t{1} << 30);
      client_->Input(down);
      if (up.empty() && down.empty()) return;
    }
  }
  void TakeNews(const std::shared_ptr<Http2Exchange>& exchange) {
    if (exchange->connection() != nullptr) connection_->TakeNews(*exchange);
  }
  // Runs what is ready, each time on a thread of its own, until nothing is.
  void Serve() {
    Talk();
    for (auto ready = news_.TakeReady(); !ready.empty();
         ready = news_.TakeReady()) {
      for (const auto& exchange : ready) Run(*exchange);
    }
  }
  void Run(Http2Exchange& exchange) {
    absl::Notification returned;
    std::thread thread([&] {
      exchange.Run();
      returned.Notify();
      news_.Finish();
    });
    while (!returned.HasBeenNotified()) {
      for (const auto& news : news_.Await()) TakeNews(news);
      Talk();
    }
    thread.join();
    Talk();
  }
  static absl::Status Start(StartResponse& start_response,
                            absl::Span<const Header> headers = {}) {
    return start_response("200 OK", headers);
  }
  Function Streams(const std::string& piece, int count,
                   const std::vector<Header>& trailers = {},
                   const absl::Status& error = {}) {
    return [=, this](Environ&,
                     StartResponse& start_response) -> absl::StatusOr<Body> {
      if (absl::Status started = Start(start_response); !started.ok()) {
        return started;
      }
      return Body(
          std::make_unique<Pieces>(piece, count, &given_, trailers, error));
    };
  }

  std::ostringstream log_text_;
  spdlog::logger log_;
  AccessLogFormat access_log_;
  ExchangeSettings settings_;
  ConnectionInfo info_;
  News news_;
  std::unique_ptr<Http2TestClient> client_ =
      std::make_unique<Http2TestClient>();
  Function app_ = [](Environ&,
                     StartResponse& start_response) -> absl::StatusOr<Body> {
    absl::Status started = Start(start_response, {{"X-Test", "yes"}});
    if (!started.ok()) return started;
    return Body("hello");
  };
  int calls_ = 0;
  int given_ = 0;  // Pieces.
  absl::Status received_;
  std::unique_ptr<Http2Connection> connection_;
};

TEST_F(Http2ConnectionTest, AnAnswerHasItsHeadersAndIsLogged) {
  Begin();
  const int32_t id = client_->Get("/");
  Serve();
  EXPECT_THAT(client_->heads[id],
              HasSubstr(":status=200;x-test=yes;content-length=5;date="));
  EXPECT_EQ(client_->bodies[id], "hello");
  EXPECT_EQ(client_->closed[id], NGHTTP2_NO_ERROR);
  EXPECT_EQ(log_text_.str(), "GET / HTTP/2.0 200 5\n");
}

TEST_F(Http2ConnectionTest, AHeadHasNoBody) {
  Begin();
  const int32_t id = client_->Send({{":method", "HEAD"},
                                    {":scheme", "http"},
                                    {":authority", "x"},
                                    {":path", "/"}});
  Serve();
  EXPECT_THAT(client_->heads[id], HasSubstr("content-length=5"));
  EXPECT_EQ(client_->bodies[id], "");
  EXPECT_EQ(client_->closed[id], NGHTTP2_NO_ERROR);
}

TEST_F(Http2ConnectionTest, ABodyIsStreamedWithTrailers) {
  app_ = Streams(std::string(300000, 'x'), 10, {{"X-Sum", "7"}});
  Begin();
  const int32_t id = client_->Get("/");
  Serve();
  EXPECT_EQ(client_->bodies[id].size(), 3000000);
  EXPECT_THAT(client_->heads[id], HasSubstr("x-sum=7;"));
  EXPECT_EQ(client_->closed[id], NGHTTP2_NO_ERROR);
  EXPECT_THAT(log_text_.str(), HasSubstr(" 200 3000000\n"));
}

TEST_F(Http2ConnectionTest, AnApplicationReadsTheBodyAndItsTrailers) {
  app_ = [](Environ& environ,
            StartResponse& start_response) -> absl::StatusOr<Body> {
    absl::StatusOr<std::string> body = ReadAll(environ.input(), 1 << 20);
    if (!body.ok()) return body.status();
    if (absl::Status started = Start(start_response); !started.ok()) {
      return started;
    }
    return Body(*std::move(body));
  };
  Begin({.window = 1000});
  const std::string body(20000, 'x');
  const int32_t id = client_->Post(body, {{"expect", "100-continue"}});
  Serve();
  EXPECT_EQ(client_->bodies[id], body);
  EXPECT_EQ(client_->closed[id], NGHTTP2_NO_ERROR);
}

TEST_F(Http2ConnectionTest, ASourceIsNotAskedForMoreThanTheClientTakes) {
  client_ = std::make_unique<Http2TestClient>(/*reads=*/false);
  app_ = Streams(std::string(10000, 'x'), 1000);
  Begin();
  const int32_t id = client_->Get("/");
  // It returns: no thread waits.
  Serve();
  // Its window, and twice as much that waits.
  EXPECT_LE(given_, 30);
  EXPECT_EQ(connection_->exchanges().at(id)->state(),
            Http2Exchange::State::kFull);
  connection_->EndOverdue(absl::ZeroDuration());
  Talk();
  EXPECT_EQ(client_->closed.count(id), 0);
  connection_->EndOverdue(absl::Hours(24 * 365 * 1000));
  Serve();
  EXPECT_EQ(client_->closed[id], NGHTTP2_INTERNAL_ERROR);
  EXPECT_THAT(log_text_.str(), HasSubstr(" 200 65535\n"));
}

TEST_F(Http2ConnectionTest, ASourceGoesWhereItRanWhenItsClientIsGone) {
  client_ = std::make_unique<Http2TestClient>(/*reads=*/false);
  auto alive = std::make_shared<int>(0);
  const std::weak_ptr<int> watched = alive;
  app_ = [&alive](Environ&,
                  StartResponse& start_response) -> absl::StatusOr<Body> {
    class Source : public BodySource {
     public:
      explicit Source(std::shared_ptr<int> alive) : alive_(std::move(alive)) {}
      absl::StatusOr<std::optional<absl::string_view>> Next() override {
        return piece_;
      }

     private:
      std::string piece_ = std::string(10000, 'x');
      std::shared_ptr<int> alive_;
    };
    if (absl::Status started = Start(start_response); !started.ok()) {
      return started;
    }
    return Body(std::make_unique<Source>(std::exchange(alive, nullptr)));
  };
  Begin();
  client_->Get("/");
  Serve();
  connection_.reset();
  EXPECT_FALSE(watched.expired());
  const auto ready = news_.TakeReady();
  ASSERT_EQ(ready.size(), 1);
  EXPECT_TRUE(ready[0]->Run());
  EXPECT_TRUE(watched.expired());
}

TEST_F(Http2ConnectionTest, ABodyIsWholeBeforeTheApplicationIsCalled) {
  settings_.body_buffer = 100;
  app_ = [](Environ& environ,
            StartResponse& start_response) -> absl::StatusOr<Body> {
    absl::StatusOr<std::string> body = ReadAll(environ.input(), 1 << 20);
    if (!body.ok()) return body.status();
    if (absl::Status started = Start(start_response); !started.ok()) {
      return started;
    }
    return Body(*std::move(body));
  };
  Begin();
  const int32_t id =
      client_->Post("hello", {{"expect", "100-continue"}}, /*ends=*/false);
  Talk();
  EXPECT_THAT(client_->heads[id], HasSubstr(":status=100;"));
  EXPECT_THAT(news_.TakeReady(), IsEmpty());
  client_->Resume(id, " world");
  Serve();
  EXPECT_EQ(client_->bodies[id], "hello world");
  // One that does not fit is begun with what is there.
  const int32_t large = client_->Post(std::string(99, 'x'), {}, false);
  Talk();
  EXPECT_THAT(news_.TakeReady(), IsEmpty());
  client_->Resume(large, "x", false);
  Talk();
  EXPECT_EQ(news_.TakeReady().size(), 1);
}

TEST_F(Http2ConnectionTest, ABodyThatDoesNotComeIsAnsweredInTime) {
  settings_.body_buffer = 100;
  settings_.max_body = 50;
  Begin();
  const int32_t slow = client_->Post("hello", {}, /*ends=*/false);
  Talk();
  connection_->EndOverdue(absl::ZeroDuration());
  Talk();
  EXPECT_EQ(client_->heads.count(slow), 0);
  connection_->EndOverdue(absl::Hours(24 * 365 * 1000));
  Talk();
  EXPECT_THAT(client_->heads[slow], HasSubstr(":status=408;"));
  EXPECT_EQ(client_->closed[slow], NGHTTP2_NO_ERROR);
  const int32_t large = client_->Post(std::string(51, 'x'), {}, false);
  Talk();
  EXPECT_THAT(client_->heads[large], HasSubstr(":status=413;"));
  EXPECT_EQ(calls_, 0);
  EXPECT_THAT(log_text_.str(), HasSubstr("POST / HTTP/2.0 408 0\n"));
}

TEST_F(Http2ConnectionTest, AClientThatDoesNotTakeACompleteBodyIsResetInTime) {
  client_ = std::make_unique<Http2TestClient>(/*reads=*/false);
  settings_.write_timeout = absl::Hours(1);
  app_ = [](Environ&, StartResponse& start_response) -> absl::StatusOr<Body> {
    if (absl::Status started = Start(start_response); !started.ok()) {
      return started;
    }
    return Body(std::string(1000000, 'x'));
  };
  Begin();
  const int32_t id = client_->Get("/");
  Serve();
  EXPECT_EQ(client_->bodies[id].size(), 65535);
  connection_->EndOverdue(absl::ZeroDuration());
  Talk();
  EXPECT_EQ(client_->closed.count(id), 0);
  connection_->EndOverdue(absl::Hours(24 * 365 * 1000));
  Talk();
  EXPECT_EQ(client_->closed[id], NGHTTP2_INTERNAL_ERROR);
  EXPECT_THAT(log_text_.str(), HasSubstr(" 200 65535\n"));
}

TEST_F(Http2ConnectionTest, FailuresOfTheClientAreAnsweredByTheServer) {
  app_ = [](Environ& environ, StartResponse&) -> absl::StatusOr<Body> {
    return ReadAll(environ.input(), 1 << 20).status();
  };
  settings_.max_body = 10;
  settings_.body_timeout = absl::Milliseconds(1);
  Begin({.window = 20});
  const int32_t known =
      client_->Post(std::string(11, 'x'), {{"content-length", "11"}});
  Serve();
  EXPECT_EQ(calls_, 0);
  const int32_t unknown = client_->Post(std::string(11, 'x'));
  Serve();
  EXPECT_THAT(client_->heads[known], HasSubstr(":status=413;"));
  EXPECT_THAT(client_->heads[unknown], HasSubstr(":status=413;"));
  EXPECT_EQ(calls_, 1);
  settings_.max_body = 1000;
  // More than its window, and nobody tells the client that some was read.
  app_ = [](Environ& environ, StartResponse&) -> absl::StatusOr<Body> {
    char buffer[20];
    absl::Status status;
    while (status.ok()) {
      status = environ.input().Read(buffer, sizeof(buffer)).status();
    }
    return status;
  };
  const int32_t slow = client_->Post(std::string(500, 'x'));
  Talk();
  const auto begun = news_.TakeReady();
  ASSERT_EQ(begun.size(), 1);
  begun[0]->Run();
  Talk();
  EXPECT_THAT(client_->heads[slow], HasSubstr(":status=408;"));
}

TEST_F(Http2ConnectionTest, AnApplicationThatFailsIsA500WithAnId) {
  app_ = [](Environ&, StartResponse&) -> absl::StatusOr<Body> {
    return absl::InternalError("on purpose");
  };
  Begin();
  const int32_t id = client_->Get("/", {{"x-request-id", "req-1"}});
  Serve();
  EXPECT_THAT(client_->heads[id], HasSubstr(":status=500;"));
  EXPECT_THAT(client_->heads[id], HasSubstr("x-request-id=req-1;"));
  EXPECT_THAT(log_text_.str(), HasSubstr("on purpose [req-1]"));
  EXPECT_THAT(log_text_.str(), HasSubstr("GET / HTTP/2.0 500 0\n"));
}

TEST_F(Http2ConnectionTest, ABodyThatFailsResetsItsStreamOnly) {
  app_ = Streams("some", 1, {}, absl::InternalError("on purpose"));
  Begin();
  const int32_t id = client_->Get("/");
  Serve();
  EXPECT_EQ(client_->closed[id], NGHTTP2_INTERNAL_ERROR);
  EXPECT_THAT(client_->goaways, IsEmpty());
}

TEST_F(Http2ConnectionTest, ABodyOfTheWrongLengthResetsItsStream) {
  for (const char* length : {"3", "5"}) {
    app_ = [this, length](
               Environ&,
               StartResponse& start_response) -> absl::StatusOr<Body> {
      absl::Status started =
          Start(start_response, {{"Content-Length", length}});
      if (!started.ok()) return started;
      given_ = 0;
      return Body(std::make_unique<Pieces>("four", 1, &given_));
    };
    client_ = std::make_unique<Http2TestClient>();
    Begin();
    const int32_t id = client_->Get("/");
    Serve();
    if (absl::string_view(length) == "3") {
      EXPECT_EQ(client_->bodies[id], "fou");
      EXPECT_EQ(client_->closed[id], NGHTTP2_NO_ERROR);
    } else {
      EXPECT_EQ(client_->closed[id], NGHTTP2_INTERNAL_ERROR);
    }
  }
}

TEST_F(Http2ConnectionTest, AStreamThatWasResetIsNotServed) {
  Begin();
  const int32_t id = client_->Get("/");
  Talk();
  client_->Reset(id);
  Serve();
  EXPECT_EQ(calls_, 0);
  EXPECT_EQ(log_text_.str(), "");
}

TEST_F(Http2ConnectionTest, AReaderIsToldThatItsClientIsGone) {
  absl::Status read;
  absl::Notification reading;
  app_ = [&](Environ& environ, StartResponse&) -> absl::StatusOr<Body> {
    char buffer[10];
    EXPECT_THAT(environ.input().Read(buffer, sizeof(buffer)), IsOk());
    reading.Notify();
    while (read.ok()) {
      read = environ.input().Read(buffer, sizeof(buffer)).status();
    }
    return read;
  };
  Begin({.window = 10});
  client_->Post(std::string(100000, 'x'));
  Talk();
  const auto begun = news_.TakeReady();
  ASSERT_EQ(begun.size(), 1);
  std::thread thread([&] { begun[0]->Run(); });
  reading.WaitForNotification();
  connection_.reset();
  thread.join();
  EXPECT_THAT(read, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(log_text_.str(), "");
}

TEST_F(Http2ConnectionTest, AbandonedWorkIsLimitedAsStreamsAre) {
  Begin({.max_streams = 2});
  std::vector<std::shared_ptr<Http2Exchange>> working;
  for (int i = 0; i < 2; ++i) {
    const int32_t id = client_->Get("/");
    Talk();
    for (auto& exchange : news_.TakeReady()) {
      working.push_back(std::move(exchange));
    }
    client_->Reset(id);
    Talk();
  }
  ASSERT_EQ(working.size(), 2);
  // One of them is done: there is room for another.
  working[0]->Run();
  client_->Reset(client_->Get("/"));
  const int32_t next = client_->Get("/");
  Talk();
  EXPECT_THAT(client_->goaways, IsEmpty());
  client_->Reset(next);
  Talk();
  client_->Get("/");
  Talk();
  ASSERT_EQ(client_->goaways.size(), 1);
  EXPECT_EQ(client_->goaways[0].second, NGHTTP2_ENHANCE_YOUR_CALM);
  EXPECT_TRUE(connection_->done());
}

TEST_F(Http2ConnectionTest, ItEndsAfterSoManyRequests) {
  settings_.max_requests = 2;
  Begin();
  const int32_t first = client_->Get("/");
  const int32_t second = client_->Get("/");
  Serve();
  EXPECT_THAT(client_->goaways, ElementsAre(Pair(second, NGHTTP2_NO_ERROR)));
  EXPECT_EQ(client_->bodies[first], "hello");
  EXPECT_EQ(client_->bodies[second], "hello");
  EXPECT_TRUE(connection_->done());
}

TEST_F(Http2ConnectionTest, ARefusalForWantOfAThreadIsAnAnswer) {
  Begin();
  const int32_t id = client_->Get("/");
  Talk();
  const auto begun = news_.TakeReady();
  ASSERT_EQ(begun.size(), 1);
  EXPECT_TRUE(begun[0]->Refuse({503, "Service Unavailable", "", 3}));
  Talk();
  EXPECT_THAT(client_->heads[id], HasSubstr(":status=503;"));
  EXPECT_THAT(client_->heads[id], HasSubstr("retry-after=3;"));
  EXPECT_FALSE(begun[0]->Refuse({503, "Service Unavailable", "", 3}));
}

TEST_F(Http2ConnectionTest, AHeadThatArrivesHasATime) {
  connection_ = std::make_unique<Http2Connection>(
      settings_, Http2Limits{}, info_, news_, absl::Seconds(1));
  EXPECT_EQ(connection_->head_since(), absl::Seconds(1));
  const std::string up = client_->Output();
  ASSERT_THAT(connection_->Receive(up, absl::Seconds(2)), IsOk());
  EXPECT_EQ(connection_->head_since(), absl::InfiniteDuration());
  // HEADERS of one byte, without their end.
  const std::string head("\0\0\1\1\0\0\0\0\1\x82", 10);
  ASSERT_THAT(connection_->Receive(head, absl::Seconds(3)), IsOk());
  EXPECT_EQ(connection_->head_since(), absl::Seconds(3));
}

}  // namespace
}  // namespace bergen::wsgi
