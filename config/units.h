// SPDX-License-Identifier: Apache-2.0
//
// Quantities with units: how long, and how many bytes.
//
//   const Option<absl::Duration> kTimeout = {
//       .name = "timeout", .default_value = absl::Seconds(90)};
//   const Option<ByteSize> kBuffer = {
//       .name = "buffer", .default_value = KiB(64), .min = KiB(4)};
//
// A text is a decimal number that is not negative, perhaps with a fraction, and
// perhaps a unit after it: `90`, `1.5 h`, `64KiB`. Blanks around, and between
// the number and the unit, are ignored. A number that is no whole number of the
// smallest unit is an error, so that nothing is rounded. The empty text means
// "no value", as for numbers.
//
// Printed with the largest unit of which the value is a whole number: `90s`,
// `1min`, `64KiB`.

#ifndef CONFIG_UNITS_H_
#define CONFIG_UNITS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "config/value.h"

namespace bergen::config {

// A number of bytes.
struct ByteSize {
  uint64_t bytes = 0;

  friend constexpr bool operator==(const ByteSize&, const ByteSize&) = default;
  friend constexpr bool operator<(const ByteSize& a, const ByteSize& b) {
    return a.bytes < b.bytes;
  }
};

constexpr ByteSize KiB(uint64_t number) { return {number << 10}; }
constexpr ByteSize MiB(uint64_t number) { return {number << 20}; }
constexpr ByteSize GiB(uint64_t number) { return {number << 30}; }

// Units `ms`, `s`, `min`, `h` and `d` (24 hours); without one, seconds. From 0
// to 2^63 - 1 nanoseconds, which is 292 years, in whole nanoseconds: no
// duration is negative or infinite. In JSON: the number of seconds.
template <>
struct ValueType<absl::Duration> {
  using Rules = TypeRules<absl::Duration>;
  static constexpr absl::string_view kName = "duration value";
  static constexpr absl::string_view kUnits =
      "ms, s, min, h, d; a plain number is in s";
  static constexpr TypeKind kKind = TypeKind::kDuration;
  static constexpr bool kHasBounds = true;
  static constexpr bool kEmptyIsUnset = true;
  static constexpr bool kMayHoldCommas = false;
  static absl::StatusOr<absl::Duration> Parse(absl::string_view text);
  static absl::Status Check(absl::Duration value, const Rules& rules);
  static std::string Print(absl::Duration value);
  static NativeValue ToNative(absl::Duration value);
};

// Units `B`, `KiB`, `MiB`, `GiB` (of 1024) and `kB`, `MB`, `GB` (of 1000);
// without one, bytes. From 0 to 2^63 - 1 bytes. In JSON: the number of bytes.
template <>
struct ValueType<ByteSize> {
  using Rules = TypeRules<ByteSize>;
  static constexpr absl::string_view kName = "byte size value";
  static constexpr absl::string_view kUnits =
      "B, KiB, MiB, GiB, kB, MB, GB; a plain number is in B";
  static constexpr TypeKind kKind = TypeKind::kByteSize;
  static constexpr bool kHasBounds = true;
  static constexpr bool kEmptyIsUnset = true;
  static constexpr bool kMayHoldCommas = false;
  static absl::StatusOr<ByteSize> Parse(absl::string_view text);
  static absl::Status Check(ByteSize value, const Rules& rules);
  static std::string Print(ByteSize value);
  static NativeValue ToNative(ByteSize value);
};

}  // namespace bergen::config

#endif  // CONFIG_UNITS_H_
