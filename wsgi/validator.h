// SPDX-License-Identifier: Apache-2.0
//
// Middleware that checks that an application, and whoever calls it, keep to the
// contract of application.h. For tests and for debugging.
//
//   Validator checked(app);
//   TestClient client(checked);
//   EXPECT_THAT(client.Call({.target = "/"}), IsOk());
//
// Source: wsgiref.validate. Checks of types are the compiler's here; checked
// besides are lengths, and calls by two threads at a time.

#ifndef WSGI_VALIDATOR_H_
#define WSGI_VALIDATOR_H_

#include <functional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "wsgi/application.h"
#include "wsgi/environ.h"

namespace bergen::wsgi {

// Thread-safe, if the application and the report are.
//
// What breaks the contract:
//   the caller, in the environ: a method that is no token; SCRIPT_NAME or
//     PATH_INFO that do not begin with a slash, or are both empty; a
//     SCRIPT_NAME that ends with one; an empty SERVER_NAME; a SERVER_PORT or
//     CONTENT_LENGTH that is no number; a SERVER_PROTOCOL that is not HTTP; a
//     scheme that is neither http nor https; HTTP_CONTENT_TYPE or
//     HTTP_CONTENT_LENGTH; a flag of `wsgi.` that is neither true nor false;
//   the caller, with the body: asking for a piece after the end or an error, or
//     by two threads at a time;
//   the application, by `start_response`: not calling it, before it returns a
//     complete body or gives the first piece; calling it after that; a status
//     that is not three digits, a blank and a phrase, is not from 200 to 599 or
//     has control characters; a header's name that is no token, is `Status` or
//     ends with `-` or `_`; a value with control characters; headers that are
//     the server's; a second Content-Type, Content-Length, Date, ETag, Location
//     or Server; a Content-Length that is no number; Content-Type or
//     Content-Length with a status that has no body;
//   the application, by its body: one without Content-Type, or with a status
//     that has none; one that is not as long as Content-Length says;
//   the application, by its input: reading into nothing or by two threads at a
//     time.
class Validator : public Application {
 public:
  using Report = std::function<void(absl::string_view what)>;

  // `app` must outlive it. `report` is told of every break, in the thread that
  // breaks.
  explicit Validator(Application& app, Report report = nullptr)
      : app_(&app), report_(std::move(report)) {}

  // What the application returns, with its body checked; Internal, with the
  // first break, if there is one.
  absl::StatusOr<Body> operator()(Environ& environ,
                                  StartResponse& start_response) override;

 private:
  Application* app_;
  Report report_;
};

}  // namespace bergen::wsgi

#endif  // WSGI_VALIDATOR_H_
