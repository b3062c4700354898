// SPDX-License-Identifier: Apache-2.0

#include "config/etcd_key.h"

#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace bergen::config {

std::optional<EtcdKey> ParseEtcdKey(absl::string_view prefix,
                                    absl::string_view key) {
  if (!absl::ConsumePrefix(&key, prefix) || !absl::ConsumePrefix(&key, "/")) {
    return std::nullopt;
  }
  const size_t slash = key.find('/');
  if (slash == key.npos) return EtcdKey{.group = key, .name = ""};
  const absl::string_view rest = key.substr(slash + 1);
  return EtcdKey{.group = key.substr(0, slash),
                 .name = rest.substr(0, rest.find('/'))};
}

EtcdRange RangeOfPrefix(absl::string_view prefix) {
  constexpr char kAfterSlash = '/' + 1;
  return {.first = absl::StrCat(prefix, "/"),
          .end = absl::StrCat(prefix, std::string(1, kAfterSlash))};
}

}  // namespace bergen::config
