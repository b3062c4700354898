// SPDX-License-Identifier: Apache-2.0

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "config/ini.h"

using ::bergen::config::IniAssignment;
using ::bergen::config::ParseIni;

// Whatever is accepted has lines in order, and reads the same when written out.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<std::vector<IniAssignment>> parsed = ParseIni(text, "f");
  if (!parsed.ok()) return 0;
  std::string written;
  int line = 0;
  for (const IniAssignment& a : *parsed) {
    if (a.line <= line || a.section.empty() || a.key.empty()) std::abort();
    line = a.line;
    absl::StrAppend(&written, "[", a.section, "]\n", a.key, " =\n  ",
                    absl::StrReplaceAll(a.value, {{"\n", "\n  "}}), "\n");
  }
  const absl::StatusOr<std::vector<IniAssignment>> again =
      ParseIni(written, "f");
  // Values whose lines have blanks of their own cannot be written that way.
  if (!again.ok() || again->size() != parsed->size()) return 0;
  for (size_t i = 0; i < parsed->size(); ++i) {
    if ((*again)[i].section != (*parsed)[i].section ||
        (*again)[i].key != (*parsed)[i].key) {
      std::abort();
    }
  }
  return 0;
}
