// SPDX-License-Identifier: Apache-2.0
//
// Calls code that is not ours: what it throws becomes a Status.
//
//   absl::Status finished = CallGuarded([&] { return service.Wait(); });

#ifndef PERIODIC_GUARDED_CALL_H_
#define PERIODIC_GUARDED_CALL_H_

#include <exception>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace bergen::periodic {

// Returns what `call` returns, whose type must be constructible from
// absl::Status; an exception is an Internal error with its text.
template <typename Call>
std::invoke_result_t<Call&> CallGuarded(Call&& call) {
  try {
    return call();
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("exception: ", error.what()));
  } catch (...) {
    return absl::InternalError("exception of unknown type");
  }
}

}  // namespace bergen::periodic

#endif  // PERIODIC_GUARDED_CALL_H_
