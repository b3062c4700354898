// SPDX-License-Identifier: Apache-2.0
//
// Calls an application without a socket, for its tests.
//
//   TestClient client(app);
//   absl::StatusOr<TestResponse> response =
//       client.Call({.method = "POST", .target = "/echo", .body = "hello"});
//   ASSERT_THAT(response, IsOk());
//   EXPECT_EQ(response->code, 200);

#ifndef WSGI_TEST_CLIENT_H_
#define WSGI_TEST_CLIENT_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "wsgi/application.h"
#include "wsgi/environ.h"

namespace bergen::wsgi {

struct TestRequest {
  std::string method = "GET";
  std::string target = "/";
  // Host, if it is not among them, and, for a body, Content-Length are added.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

struct TestResponse {
  int code = 0;
  std::string status;  // `200 OK`
  std::vector<std::pair<std::string, std::string>> headers;
  // As they were pulled, empty ones left out; a complete body is one.
  std::vector<std::string> pieces;

  // Ignoring case; the first one of that name.
  std::optional<std::string> Header(absl::string_view name) const;
  std::string body() const;
};

// Not thread-safe.
class TestClient {
 public:
  // `app` must outlive it.
  explicit TestClient(Application& app) : app_(&app) {}

  // What the environ says of the connection; may be changed between calls.
  ConnectionInfo& connection() { return connection_; }

  // Calls the application, pulls its body and destroys it. InvalidArgument if
  // the server would refuse the request; the application's own errors; Internal
  // for an exception; FailedPrecondition if `start_response` was not called.
  absl::StatusOr<TestResponse> Call(const TestRequest& request);

 private:
  Application* app_;
  ConnectionInfo connection_ = {.server_name = "127.0.0.1",
                                .server_port = "80",
                                .remote_addr = "127.0.0.1",
                                .remote_port = "50000"};
};

}  // namespace bergen::wsgi

#endif  // WSGI_TEST_CLIENT_H_
