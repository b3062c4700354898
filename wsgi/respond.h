// SPDX-License-Identifier: Apache-2.0
//
// What applications with short answers end with.
//
//   return Respond(start_response, "Hello, world!\n");
//   return Respond(start_response, "no such server\n", "404 Not Found");

#ifndef WSGI_RESPOND_H_
#define WSGI_RESPOND_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "wsgi/application.h"

namespace bergen::wsgi {

// A complete response of one type. The errors of `start_response`.
inline absl::StatusOr<Body> Respond(
    StartResponse& start_response, std::string text,
    absl::string_view status = "200 OK",
    absl::string_view content_type = "text/plain") {
  absl::Status started =
      start_response(status, {{"Content-Type", content_type}});
  if (!started.ok()) return started;
  return Body(std::move(text));
}

}  // namespace bergen::wsgi

#endif  // WSGI_RESPOND_H_
