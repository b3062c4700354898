// SPDX-License-Identifier: Apache-2.0
//
// The library's error queue as a Status.

#ifndef SSLUTILS_SSL_ERROR_H_
#define SSLUTILS_SSL_ERROR_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace bergen::sslutils {

// Empties this thread's error queue into one InvalidArgument error,
// `subject: reason, reason`; `subject: fallback` when the queue is empty.
absl::Status SslError(absl::string_view subject, absl::string_view fallback);

}  // namespace bergen::sslutils

#endif  // SSLUTILS_SSL_ERROR_H_
