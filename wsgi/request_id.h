// SPDX-License-Identifier: Apache-2.0
//
// Middleware that gives every request an id, for logs here and elsewhere.
//
//   RequestIds with_ids(app);
//   ... in the application: RequestId(environ) ...
//
// Source: RequestId of oslo.middleware. Differences: the header is X-Request-Id
// both ways, and an id that the client sends is taken if it is harmless.
// Answers that the server makes have an id without it too.

#ifndef WSGI_REQUEST_ID_H_
#define WSGI_REQUEST_ID_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "wsgi/application.h"
#include "wsgi/environ.h"

namespace bergen::wsgi {

inline constexpr size_t kMaxRequestIdSize = 128;

inline constexpr absl::string_view kRequestIdHeader = "X-Request-Id";

// Whether an id may be taken from a client: 1 to `kMaxRequestIdSize` letters,
// digits and `-_.~+/=:@`, which neither logs nor headers mistake.
bool IsGoodRequestId(absl::string_view id);

// `req-` and a random UUID.
std::string NewRequestId();

// The id that middleware gave to the request; empty if there is none.
absl::string_view RequestId(const Environ& environ);

// Sets the id in the environ, as `HTTP_X_REQUEST_ID` too, and X-Request-Id in
// the response, unless the application sets it. An error of the application
// gets it at its end. Thread-safe, if the application and `make` are.
class RequestIds : public Application {
 public:
  // `app` must outlive it. `make` makes ids for requests that have none, or a
  // bad one.
  explicit RequestIds(Application& app,
                      std::function<std::string()> make = NewRequestId)
      : app_(&app), make_(std::move(make)) {}
  // The same around an application that it owns.
  explicit RequestIds(std::unique_ptr<Application> app,
                      std::function<std::string()> make = NewRequestId)
      : owned_(std::move(app)), app_(owned_.get()), make_(std::move(make)) {}

  absl::StatusOr<Body> operator()(Environ& environ,
                                  StartResponse& start_response) override;

 private:
  std::unique_ptr<Application> owned_;
  Application* app_;
  std::function<std::string()> make_;
};

}  // namespace bergen::wsgi

#endif  // WSGI_REQUEST_ID_H_
