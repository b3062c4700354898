// SPDX-License-Identifier: Apache-2.0
//
// Reads plain data from JSON or YAML: what native_text.h writes, and what
// people and other programs write in its place.
//
//   absl::StatusOr<NativeValue> data = ParseNative("workers: 2\n");
//   if (!data.ok()) return data.status();  // "line 3: ..."

#ifndef CONFIG_NATIVE_PARSE_H_
#define CONFIG_NATIVE_PARSE_H_

#include <cstddef>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "config/value.h"

namespace bergen::config {

inline constexpr size_t kMaxNativeDepth = 100;
inline constexpr size_t kMaxNativeValues = 5'000'000;

// JSON if `text` begins with `{` or `[`, otherwise YAML, where a scalar is what
// YAML's core schema says: `yes` is text. Keys are text and stay in their
// order.
//
// InvalidArgument, with the line if there is one, for what cannot be
// understood, a repeated key, an integer that 64 bits do not hold, more than
// one document, and more depth or values than above: aliases count as often as
// they are used.
absl::StatusOr<NativeValue> ParseNative(absl::string_view text);

}  // namespace bergen::config

#endif  // CONFIG_NATIVE_PARSE_H_
