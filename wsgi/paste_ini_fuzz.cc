// SPDX-License-Identifier: Apache-2.0

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "wsgi/paste_ini.h"

using ::bergen::wsgi::Interpolate;
using ::bergen::wsgi::kMaxInterpolatedSize;
using ::bergen::wsgi::ParsePasteIni;
using ::bergen::wsgi::PasteIni;
using ::bergen::wsgi::PasteOption;
using ::bergen::wsgi::PasteSection;

namespace {

void Write(const PasteSection& section, std::string& out) {
  absl::StrAppend(&out, "[", section.name, "]\n");
  for (const PasteOption& option : section.options) {
    absl::StrAppend(&out, option.name, " = ",
                    absl::StrReplaceAll(option.text, {{"\n", "\n  "}}), "\n");
  }
}

bool Same(const PasteSection& a, const PasteSection& b) {
  if (a.name != b.name || a.options.size() != b.options.size()) return false;
  for (size_t i = 0; i < a.options.size(); ++i) {
    if (a.options[i].name != b.options[i].name ||
        a.options[i].text != b.options[i].text) {
      return false;
    }
  }
  return true;
}

}  // namespace

// Whatever is accepted reads the same when written out, and its values can be
// interpolated or not in a bounded time.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<PasteIni> ini = ParsePasteIni(text, "f");
  if (!ini.ok()) {
    if (ini.status().message().substr(0, 2) != "f:") std::abort();
    return 0;
  }
  std::string written;
  Write(ini->defaults, written);
  for (const PasteSection& section : ini->sections) Write(section, written);
  const absl::StatusOr<PasteIni> again = ParsePasteIni(written, "f");
  if (!again.ok() || again->sections.size() != ini->sections.size() ||
      !Same(again->defaults, ini->defaults)) {
    std::abort();
  }
  for (size_t i = 0; i < ini->sections.size(); ++i) {
    if (!Same(again->sections[i], ini->sections[i])) std::abort();
  }
  for (const PasteSection& section : ini->sections) {
    for (const PasteOption& option : section.options) {
      const absl::StatusOr<std::string> value =
          Interpolate(section, ini->defaults, option);
      if (value.ok() && value->size() > kMaxInterpolatedSize) std::abort();
    }
  }
  return 0;
}
