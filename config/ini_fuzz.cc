// SPDX-License-Identifier: Apache-2.0

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "config/ini.h"
#include "config/source.h"

using ::bergen::config::Document;
using ::bergen::config::ParseIni;
using ::bergen::config::RawValue;

// Whatever is accepted has lines in order, and reads the same when written out.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<Document> parsed = ParseIni(text, "f");
  if (!parsed.ok()) {
    if (parsed.status().message().empty()) std::abort();
    return 0;
  }
  std::string written;
  int line = 0;
  for (const RawValue& value : parsed->values()) {
    if (value.line <= line || value.group.empty() || value.name.empty()) {
      std::abort();
    }
    line = value.line;
    absl::StrAppend(&written, "[", value.group, "]\n", value.name, " =\n  ",
                    absl::StrReplaceAll(value.text, {{"\n", "\n  "}}), "\n");
  }
  const absl::StatusOr<Document> again = ParseIni(written, "f");
  // A key that begins with `#` after a blank of another kind, or an empty line
  // in a value, cannot be written that way.
  if (!again.ok() || again->values().size() != parsed->values().size()) {
    return 0;
  }
  for (size_t i = 0; i < parsed->values().size(); ++i) {
    if (again->values()[i].group != parsed->values()[i].group ||
        again->values()[i].name != parsed->values()[i].name) {
      std::abort();
    }
  }
  return 0;
}
