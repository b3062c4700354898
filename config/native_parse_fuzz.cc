// SPDX-License-Identifier: Apache-2.0
//
// What is read is written and read back as the same.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "config/native_parse.h"
#include "config/native_text.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using bergen::config::ParseNative;
  using bergen::config::WriteJson;
  const absl::StatusOr<bergen::config::NativeValue> value =
      ParseNative(absl::string_view(reinterpret_cast<const char*>(data), size));
  if (!value.ok()) return 0;
  const std::string json = WriteJson(*value);
  // JSON has no NaN, and bytes that are not UTF-8 are replaced.
  const absl::StatusOr<bergen::config::NativeValue> again = ParseNative(json);
  if (again.ok() && WriteJson(*again) != json) std::abort();
  return 0;
}
