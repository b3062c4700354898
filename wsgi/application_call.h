// SPDX-License-Identifier: Apache-2.0
//
// Calls of an application, with the checks that every protocol makes of it.

#ifndef WSGI_APPLICATION_CALL_H_
#define WSGI_APPLICATION_CALL_H_

#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "wsgi/application.h"
#include "wsgi/environ.h"
#include "wsgi/request.h"
#include "wsgi/response.h"

namespace bergen::wsgi {

// What `app` returns; what it throws is an Internal error.
absl::StatusOr<Body> CallApplication(Application& app, Environ& environ,
                                     ResponseHead& head);

// Whether `complete` can be the whole body of the response: FailedPrecondition
// if that was not started, or if its Content-Length is another.
absl::Status CheckComplete(const Request& request, const ResponseHead& head,
                           absl::string_view complete);

// The next piece of `source`, as `BodySource::Next`; what it throws is an
// Internal error, and FailedPrecondition is a piece, or the end, before the
// response was started.
absl::StatusOr<std::optional<absl::string_view>> NextPiece(
    BodySource& source, const ResponseHead& head);

}  // namespace bergen::wsgi

#endif  // WSGI_APPLICATION_CALL_H_
