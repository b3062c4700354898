// SPDX-License-Identifier: Apache-2.0

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "config/interpolation.h"

using ::bergen::config::Expand;

// Names are never empty, and text whose dollars are doubled stays as it was.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const auto lookup =
      [](absl::string_view name) -> absl::StatusOr<std::string> {
    if (name.empty()) std::abort();
    return std::string(name);
  };
  (void)Expand(text, lookup);
  if (text.find('\\') != text.npos) return 0;
  const absl::StatusOr<std::string> same =
      Expand(absl::StrReplaceAll(text, {{"$", "$$"}}), lookup);
  if (same.ok() && *same != text) std::abort();
  return 0;
}
