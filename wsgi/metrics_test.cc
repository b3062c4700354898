// SPDX-License-Identifier: Apache-2.0

#include "wsgi/metrics.h"

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/gauge.h"
#include "prometheus/registry.h"
#include "tests/support/status_matchers.h"
#include "wsgi/application.h"
#include "wsgi/environ.h"
#include "wsgi/metrics_board.h"
#include "wsgi/test_client.h"
#include "wsgi/validator.h"

namespace bergen::wsgi {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr Header kText = {"Content-Type", "text/plain"};

// Gives two pieces, each of which takes half a second, then perhaps an error.
class SlowSource : public BodySource {
 public:
  SlowSource(absl::Duration& now, absl::Status end)
      : now_(&now), end_(std::move(end)) {}

  absl::StatusOr<std::optional<absl::string_view>> Next() override {
    *now_ += absl::Seconds(0.5);
    if (++pieces_ <= 2) return "abc";
    if (!end_.ok()) return end_;
    return std::nullopt;
  }

 private:
  absl::Duration* now_;
  absl::Status end_;
  int pieces_ = 0;
};

class MetricsTest : public ::testing::Test {
 protected:
  // Calls an application of `function` with metrics around it.
  template <typename Function>
  absl::StatusOr<TestResponse> Call(Function function,
                                    const TestRequest& request = {}) {
    FunctionApplication app(std::move(function));
    RequestMetrics metrics(app, (*claim_)->slot(), [this] { return now_; });
    Validator validator(metrics);
    return TestClient(validator).Call(request);
  }

  std::string Page() {
    MetricsPage page({&*board_});
    Validator validator(page);
    const absl::StatusOr<TestResponse> response =
        TestClient(validator).Call({.target = "/metrics"});
    EXPECT_THAT(response, IsOk());
    return response.ok() ? response->body() : "";
  }

  absl::Duration now_ = absl::Seconds(100);
  absl::StatusOr<MetricsBoard> board_ = MetricsBoard::Create(1);
  absl::StatusOr<std::unique_ptr<MetricsBoard::Claim>> claim_ =
      board_->MakeClaim();
};

TEST_F(MetricsTest, RequestsAreCountedByMethodAndCode) {
  const auto answer = [](Environ& environ,
                         StartResponse& start) -> absl::StatusOr<Body> {
    absl::Status started =
        start(environ.path_info() == "/" ? "200 OK" : "404 Not Found", {kText});
    if (!started.ok()) return started;
    return Body("hello");
  };
  for (const TestRequest& request :
       {TestRequest{}, TestRequest{}, TestRequest{.target = "/x"},
        TestRequest{.method = "BREW"}}) {
    EXPECT_THAT(Call(answer, request), IsOk());
  }
  EXPECT_THAT(
      Page(),
      AllOf(HasSubstr("# TYPE http_requests_total counter\n"),
            HasSubstr("http_requests_total{code=\"200\",method=\"GET\"} 2\n"),
            HasSubstr("http_requests_total{code=\"404\",method=\"GET\"} 1\n"),
            HasSubstr("http_requests_total{code=\"200\",method=\"other\"} 1\n"),
            HasSubstr("http_response_body_bytes_total 20\n"),
            HasSubstr("http_requests_in_progress 0\n"),
            HasSubstr("http_request_duration_seconds_count 4\n")));
}

TEST_F(MetricsTest, ARequestLastsUntilTheEndOfItsBody) {
  EXPECT_THAT(
      Call([this](Environ&, StartResponse& start) -> absl::StatusOr<Body> {
        now_ += absl::Seconds(0.5);
        absl::Status started = start("200 OK", {kText});
        if (!started.ok()) return started;
        EXPECT_THAT(Page(), HasSubstr("http_requests_in_progress 1\n"));
        EXPECT_THAT(Page(), Not(HasSubstr("http_requests_total{")));
        return Body(std::make_unique<SlowSource>(now_, absl::OkStatus()));
      }),
      IsOk());
  EXPECT_THAT(
      Page(),
      AllOf(HasSubstr("http_response_body_bytes_total 6\n"),
            HasSubstr("http_requests_in_progress 0\n"),
            HasSubstr("http_request_duration_seconds_sum 2\n"),
            HasSubstr("http_request_duration_seconds_bucket{le=\"1\"} 0\n"),
            HasSubstr("http_request_duration_seconds_bucket{le=\"2.5\"} 1\n")));
}

TEST_F(MetricsTest, ErrorsAre500UnlessSomethingIsSent) {
  const auto counted = [this](const char* code, int count) {
    return absl::StrCat("http_requests_total{code=\"", code,
                        "\",method=\"GET\"} ", count, "\n");
  };
  EXPECT_THAT(Call([](Environ&, StartResponse& start) -> absl::StatusOr<Body> {
                EXPECT_THAT(start("200 OK", {kText}), IsOk());
                return absl::NotFoundError("x");
              }),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(Page(), HasSubstr(counted("500", 1)));
  EXPECT_THAT(Call([](Environ&, StartResponse&) -> absl::StatusOr<Body> {
                throw std::runtime_error("x");
              }),
              StatusIs(absl::StatusCode::kInternal));
  EXPECT_THAT(Page(), HasSubstr(counted("500", 2)));
  EXPECT_THAT(
      Call([this](Environ&, StartResponse& start) -> absl::StatusOr<Body> {
        EXPECT_THAT(start("200 OK", {kText}), IsOk());
        return Body(
            std::make_unique<SlowSource>(now_, absl::NotFoundError("x")));
      }),
      StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(Page(), AllOf(HasSubstr(counted("200", 1)),
                            HasSubstr("http_requests_in_progress 0\n")));
}

TEST_F(MetricsTest, ThreadsCountTogether) {
  FunctionApplication app(
      [](Environ&, StartResponse& start) -> absl::StatusOr<Body> {
        absl::Status started = start("204 No Content", {});
        if (!started.ok()) return started;
        return Body();
      });
  RequestMetrics metrics(app, (*claim_)->slot());
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&metrics] {
      TestClient client(metrics);
      for (int j = 0; j < 100; ++j) EXPECT_THAT(client.Call({}), IsOk());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(
      Page(),
      HasSubstr("http_requests_total{code=\"204\",method=\"GET\"} 400\n"));
}

TEST_F(MetricsTest, ThePageTakesSeveralSourcesAndTwoMethods) {
  prometheus::Registry registry;
  prometheus::BuildGauge().Name("own").Register(registry).Add({}).Set(7);
  MetricsPage page({&*board_, &registry});
  const absl::StatusOr<TestResponse> response = TestClient(page).Call({});
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->Header("Content-Type"),
            "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(response->body(),
              AllOf(HasSubstr("wsgi_workers 1\n"), HasSubstr("own 7\n")));
  EXPECT_EQ(TestClient(page).Call({.method = "POST"})->code, 405);
  EXPECT_EQ(TestClient(page).Call({.method = "HEAD"})->code, 200);
}

}  // namespace
}  // namespace bergen::wsgi
