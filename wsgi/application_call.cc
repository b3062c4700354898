// SPDX-License-Identifier: Apache-2.0

#include "wsgi/application_call.h"

#include <cstdint>
#include <exception>
#include <type_traits>

#include "absl/strings/str_cat.h"

namespace bergen::wsgi {
namespace {

// Not periodic::CallGuarded: clients may read this error's text.
template <typename Call>
std::invoke_result_t<Call&> Guarded(Call&& call) {
  try {
    return call();
  } catch (const std::exception& exception) {
    return absl::InternalError(exception.what());
  } catch (...) {
    return absl::InternalError("exception of unknown type");
  }
}

absl::Status NotStarted() {
  return absl::FailedPreconditionError("start_response was not called");
}

}  // namespace

absl::StatusOr<Body> CallApplication(Application& app, Environ& environ,
                                     ResponseHead& head) {
  return Guarded([&] { return app(environ, head); });
}

absl::Status CheckComplete(const Request& request, const ResponseHead& head,
                           absl::string_view complete) {
  if (!head.started()) return NotStarted();
  const std::optional<uint64_t> length = head.content_length();
  if (!length.has_value() || *length == complete.size() ||
      request.method == "HEAD" || head.status() == 304) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat("Content-Length is ",
                                                    *length, ", the body has ",
                                                    complete.size(), " bytes"));
}

absl::StatusOr<std::optional<absl::string_view>> NextPiece(
    BodySource& source, const ResponseHead& head) {
  absl::StatusOr<std::optional<absl::string_view>> piece =
      Guarded([&] { return source.Next(); });
  if (piece.ok() && !head.started() &&
      (!piece->has_value() || !(*piece)->empty())) {
    return NotStarted();
  }
  return piece;
}

}  // namespace bergen::wsgi
