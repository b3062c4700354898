// SPDX-License-Identifier: Apache-2.0

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "config/source.h"
#include "config/sources.h"

using ::bergen::config::Document;
using ::bergen::config::EnvironmentSource;
using ::bergen::config::RawValue;

// The variables stand on lines. Those that count can be put together again.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> variables = absl::StrSplit(text, '\n');
  EnvironmentSource source(variables);
  const absl::StatusOr<std::vector<Document>> read = source.ReadAll();
  if (!read.ok()) std::abort();
  size_t next = 0;
  for (const Document& document : *read) {
    if (document.values().size() != 1) std::abort();
    const RawValue& value = document.values()[0];
    if (value.group.empty() || value.name.empty()) std::abort();
    const std::string variable =
        absl::StrCat("OS_", value.group, "__", value.name, "=", value.text);
    while (next < variables.size() && variables[next] != variable) ++next;
    if (next++ == variables.size()) std::abort();
  }
  return 0;
}
