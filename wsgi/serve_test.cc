// SPDX-License-Identifier: Apache-2.0

#include "wsgi/serve.h"

#include <memory>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "service/listener.h"
#include "service/service_group.h"
#include "service/vitals.h"
#include "spdlog/sinks/null_sink.h"
#include "spdlog/spdlog.h"
#include "tests/support/status_matchers.h"
#include "wsgi/application.h"
#include "wsgi/respond.h"
#include "wsgi/server.h"

namespace bergen::wsgi {
namespace {

// What a launcher tells.
struct Worker {
  int total = 1;
  Vitals* vitals = nullptr;
};

class ServeTest : public ::testing::Test {
 protected:
  ServeTest() { listener_ = Listener::ListenTcp("http", "127.0.0.1", 0, {}); }

  spdlog::logger log_{"test", std::make_shared<spdlog::sinks::null_sink_mt>()};
  FunctionApplication<absl::StatusOr<Body> (*)(Environ&, StartResponse&)> app_{
      [](Environ&, StartResponse& start) { return Respond(start, "hi\n"); }};
  absl::StatusOr<Listener> listener_ = absl::UnknownError("");
  ServiceGroup services_{"worker", log_};
};

TEST_F(ServeTest, AddsAServer) {
  ASSERT_THAT(listener_, IsOk());
  ASSERT_THAT(Serve(log_, app_, *listener_)(Worker{}, services_), IsOk());
  ASSERT_THAT(services_.Start(), IsOk());
  services_.Stop();
  EXPECT_THAT(services_.Wait(), IsOk());
}

TEST_F(ServeTest, FailsWithOptionsThatNoServerHas) {
  ASSERT_THAT(listener_, IsOk());
  EXPECT_THAT(
      Serve(log_, app_, *listener_, {.pool_size = 0})(Worker{}, services_),
      StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace bergen::wsgi
