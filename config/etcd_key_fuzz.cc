// SPDX-License-Identifier: Apache-2.0

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "config/etcd_key.h"

using ::bergen::config::EtcdKey;
using ::bergen::config::EtcdRange;
using ::bergen::config::ParseEtcdKey;
using ::bergen::config::RangeOfPrefix;

// A prefix and a key on lines of their own. What the range of a prefix has, and
// nothing else, has a meaning, and the key begins with what was found.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const size_t newline = text.find('\n');
  if (newline == text.npos) return 0;
  const std::string prefix = text.substr(0, newline);
  const std::string key = text.substr(newline + 1);
  const EtcdRange range = RangeOfPrefix(prefix);
  const std::optional<EtcdKey> parsed = ParseEtcdKey(prefix, key);
  if (parsed.has_value() != (range.first <= key && key < range.end)) {
    std::abort();
  }
  if (!parsed) return 0;
  if (absl::StrContains(parsed->group, "/") ||
      absl::StrContains(parsed->name, "/")) {
    std::abort();
  }
  if (!absl::StartsWith(key, absl::StrCat(prefix, "/", parsed->group)) ||
      !absl::StartsWith(
          absl::StrCat(key, "/"),
          absl::StrCat(prefix, "/", parsed->group, "/", parsed->name))) {
    std::abort();
  }
  return 0;
}
