// SPDX-License-Identifier: Apache-2.0

#include "sslutils/ssl_error.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "openssl/err.h"

namespace bergen::sslutils {

absl::Status SslError(absl::string_view subject, absl::string_view fallback) {
  std::vector<std::string> reasons;
  while (const uint32_t error = ERR_get_error()) {
    const char* reason = ERR_reason_error_string(error);
    reasons.push_back(
        reason != nullptr
            ? absl::StrReplaceAll(absl::AsciiStrToLower(reason), {{"_", " "}})
            : absl::StrCat("error ", error));
  }
  if (reasons.empty()) reasons.emplace_back(fallback);
  return absl::InvalidArgumentError(
      absl::StrCat(subject, ": ", absl::StrJoin(reasons, ", ")));
}

}  // namespace bergen::sslutils
