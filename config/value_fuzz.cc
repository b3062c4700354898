// SPDX-License-Identifier: Apache-2.0

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "config/enum_value.h"
#include "config/host.h"
#include "config/range.h"
#include "config/units.h"
#include "config/uri.h"
#include "config/value.h"

namespace {

enum class Framing { kFast, kSafe };

}  // namespace

template <>
struct bergen::config::EnumNames<Framing> {
  static constexpr EnumName<Framing> kNames[] = {{Framing::kFast, "fast", ""},
                                                 {Framing::kSafe, "safe", ""}};
};

namespace bergen::config {
namespace {

enum class Printed { kReadsBack, kMayNot };

// Whatever is accepted is accepted as a value of code too, and reads the same
// when it is printed, unless it is made of items that may hold what ends them.
template <typename T>
void Run(absl::string_view text, const TypeRules<T>& rules = {},
         Printed printed = Printed::kReadsBack) {
  using Type = internal::TypeOf<T>;
  const absl::StatusOr<T> value = ParseValue<T>(text, rules);
  if (!value.ok()) {
    if (value.status().message().empty()) std::abort();
    return;
  }
  const auto check = [](const typename Type::Item&) {
    return absl::OkStatus();
  };
  if (!Type::Check(*value, rules, {.check = check, .hide = true}).ok()) {
    std::abort();
  }
  if (printed == Printed::kMayNot) return;
  const absl::StatusOr<T> again =
      ParseValue<T>(PrintValue(*value, rules), rules);
  if (!again.ok() || !Type::Equal(*value, *again)) std::abort();
}

void RunRange(absl::string_view text, bool inclusive) {
  Run<Range>(text, {.inclusive = inclusive});
  const absl::StatusOr<Range> range =
      ParseValue<Range>(text, {.inclusive = inclusive});
  if (!range.ok() || range->size() > 1000) return;
  std::vector<int64_t> numbers(range->begin(), range->end());
  if (numbers.size() != range->size()) std::abort();
  if (!numbers.empty() && numbers.front() != range->first) std::abort();
  if (inclusive && numbers.back() != range->last) std::abort();
}

}  // namespace
}  // namespace bergen::config

// The first byte chooses a type, the rest is the text.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bergen::config;  // NOLINT: most of it
  if (size == 0) return 0;
  const absl::string_view text(reinterpret_cast<const char*>(data) + 1,
                               size - 1);
  switch (data[0]) {
    case 'a':
      Run<IpAddress>(text);
      break;
    case '4':
      Run<IpAddress>(text, {.version = IpVersion::k4});
      break;
    case '6':
      Run<IpAddress>(text, {.version = IpVersion::k6});
      break;
    case 'h':
      Run<Hostname>(text);
      break;
    case 'H':
      Run<HostAddress>(text);
      break;
    case 'D':
      Run<HostDomain>(text, {.version = IpVersion::k4});
      break;
    case 'u':
      Run<Uri>(text, {.max_length = 100});
      break;
    case 'U':
      Run<Uri>(text, {.schemes = {"http", "https"}});
      break;
    case 'r':
      RunRange(text, /*inclusive=*/true);
      break;
    case 'R':
      RunRange(text, /*inclusive=*/false);
      break;
    case 't':
      Run<absl::Duration>(text);
      break;
    case 'B':
      Run<ByteSize>(text);
      break;
    case 'e':
      Run<Framing>(text, {.ignore_case = true});
      break;
    case 'b':
      Run<bool>(text);
      break;
    case 'i':
      Run<int64_t>(text);
      break;
    case 'f':
      Run<double>(text);
      break;
    case 'p':
      Run<Port>(text);
      break;
    case 's':
      Run<std::string>(text, {.max_length = 20, .regex = "a.*b"});
      break;
    case 'q':
      Run<std::string>(text, {.quotes = true}, Printed::kMayNot);
      break;
    case 'l':
      Run<std::vector<std::string>>(text, {.item = {.quotes = true}},
                                    Printed::kMayNot);
      break;
    case 'L':
      Run<std::vector<std::vector<int64_t>>>(
          text, {.item = {.bounds = true}, .bounds = true});
      break;
    case 'd':
      Run<Dict<std::string>>(text, {.key_value_separator = "=>"},
                             Printed::kMayNot);
      break;
    case 'n':
      Run<Dict<Dict<Range>>>(text, {.item = {.bounds = true}},
                             Printed::kMayNot);
      break;
    default:
      break;
  }
  return 0;
}
