// SPDX-License-Identifier: Apache-2.0

#include "config/units.h"

#include <algorithm>
#include <cstddef>
#include <limits>

#include "absl/numeric/int128.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/types/span.h"
#include "config/blanks.h"

namespace bergen::config {
namespace {

struct Unit {
  absl::string_view name;
  int64_t size;  // In the smallest: nanoseconds, bytes.
};

// The first is that of a plain number.
constexpr Unit kTimes[] = {{"s", 1'000'000'000},
                           {"ms", 1'000'000},
                           {"min", 60'000'000'000},
                           {"h", 3'600'000'000'000},
                           {"d", 86'400'000'000'000}};
constexpr Unit kSizes[] = {{"B", 1},
                           {"KiB", int64_t{1} << 10},
                           {"MiB", int64_t{1} << 20},
                           {"GiB", int64_t{1} << 30},
                           {"kB", 1'000},
                           {"MB", 1'000'000},
                           {"GB", 1'000'000'000}};

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
// Digits of a fraction: a unit times as many fits into 128 bits.
constexpr size_t kMaxFraction = 18;

// What differs between the types.
struct Quantity {
  absl::string_view noun;
  absl::string_view smallest;
  absl::string_view unit_names;
  absl::Span<const Unit> units;
};

constexpr Quantity kTime = {"a duration", "nanoseconds",
                            ValueType<absl::Duration>::kUnits, kTimes};
constexpr Quantity kSize = {"a byte size", "bytes", ValueType<ByteSize>::kUnits,
                            kSizes};

absl::Status Wrong(const Quantity& quantity) {
  return absl::InvalidArgumentError(absl::StrCat("not ", quantity.noun,
                                                 " (a number with one of ",
                                                 quantity.unit_names, ")"));
}

absl::Status TooLarge(const Quantity& quantity) {
  return absl::InvalidArgumentError(
      absl::StrCat("more than 2^63 - 1 ", quantity.smallest));
}

absl::Status NotWhole(const Quantity& quantity) {
  return absl::InvalidArgumentError(
      absl::StrCat("not a whole number of ", quantity.smallest));
}

// The digits at the beginning of `text`, which loses them.
absl::string_view ConsumeDigits(absl::string_view& text) {
  const auto end = std::find_if(text.begin(), text.end(), [](unsigned char c) {
    return !absl::ascii_isdigit(c);
  });
  const auto size = static_cast<size_t>(end - text.begin());
  const absl::string_view digits = text.substr(0, size);
  text.remove_prefix(size);
  return digits;
}

// In the smallest unit.
absl::StatusOr<int64_t> ParseQuantity(absl::string_view text,
                                      const Quantity& quantity) {
  text = StripBlanks(text);
  absl::string_view whole = ConsumeDigits(text);
  absl::string_view fraction;
  if (absl::ConsumePrefix(&text, ".")) fraction = ConsumeDigits(text);
  if (whole.empty() && fraction.empty()) return Wrong(quantity);
  const absl::string_view name = StripBlanksAtStart(text);
  const auto unit = std::find_if(
      quantity.units.begin(), quantity.units.end(),
      [&](const Unit& candidate) { return candidate.name == name; });
  if (!name.empty() && unit == quantity.units.end()) return Wrong(quantity);
  const absl::uint128 size =
      name.empty() ? quantity.units.front().size : unit->size;

  uint64_t number = 0;
  if (!whole.empty() && !absl::SimpleAtoi(whole, &number)) {
    return TooLarge(quantity);
  }
  absl::uint128 total = size * number;
  while (absl::ConsumeSuffix(&fraction, "0")) {
  }
  if (fraction.size() > kMaxFraction) return NotWhole(quantity);
  absl::uint128 part = 0;
  absl::uint128 scale = 1;
  for (const char digit : fraction) {
    part = part * 10 + static_cast<unsigned>(digit - '0');
    scale *= 10;
  }
  if (size * part % scale != 0) return NotWhole(quantity);
  total += size * part / scale;
  if (total > static_cast<uint64_t>(kMax)) return TooLarge(quantity);
  return static_cast<int64_t>(total);
}

// The largest unit of which `number` of the smallest is a whole number, or
// null.
const Unit* LargestUnit(int64_t number, absl::Span<const Unit> units) {
  if (number == 0) return &units.front();
  const Unit* largest = nullptr;
  for (const Unit& unit : units) {
    const bool fits = number % unit.size == 0;
    if (fits && (!largest || unit.size > largest->size)) largest = &unit;
  }
  return largest;
}

}  // namespace

absl::StatusOr<absl::Duration> ValueType<absl::Duration>::Parse(
    absl::string_view text) {
  const absl::StatusOr<int64_t> nanoseconds = ParseQuantity(text, kTime);
  if (!nanoseconds.ok()) return nanoseconds.status();
  return absl::Nanoseconds(*nanoseconds);
}

absl::Status ValueType<absl::Duration>::Check(absl::Duration value,
                                              const Rules&) {
  if (value < absl::ZeroDuration()) {
    return absl::InvalidArgumentError("must not be negative");
  }
  if (value > absl::Nanoseconds(kMax)) return TooLarge(kTime);
  if (value != absl::Nanoseconds(absl::ToInt64Nanoseconds(value))) {
    return NotWhole(kTime);
  }
  return absl::OkStatus();
}

std::string ValueType<absl::Duration>::Print(absl::Duration value) {
  const int64_t nanoseconds = absl::ToInt64Nanoseconds(value);
  const Unit* const unit = LargestUnit(nanoseconds, kTimes);
  if (unit) return absl::StrCat(nanoseconds / unit->size, unit->name);
  // Below a millisecond: a fraction of one.
  constexpr int64_t kMillisecond = 1'000'000;
  std::string fraction =
      absl::StrCat(kMillisecond + nanoseconds % kMillisecond);
  fraction.erase(fraction.find_last_not_of('0') + 1);
  return absl::StrCat(nanoseconds / kMillisecond, ".", fraction.substr(1),
                      "ms");
}

NativeValue ValueType<absl::Duration>::ToNative(absl::Duration value) {
  absl::Duration rest;
  const int64_t seconds = absl::IDivDuration(value, absl::Seconds(1), &rest);
  if (rest == absl::ZeroDuration()) return {seconds};
  return {absl::ToDoubleSeconds(value)};
}

absl::StatusOr<ByteSize> ValueType<ByteSize>::Parse(absl::string_view text) {
  const absl::StatusOr<int64_t> bytes = ParseQuantity(text, kSize);
  if (!bytes.ok()) return bytes.status();
  return ByteSize{static_cast<uint64_t>(*bytes)};
}

absl::Status ValueType<ByteSize>::Check(ByteSize value, const Rules&) {
  if (value.bytes > static_cast<uint64_t>(kMax)) return TooLarge(kSize);
  return absl::OkStatus();
}

std::string ValueType<ByteSize>::Print(ByteSize value) {
  const auto bytes = static_cast<int64_t>(value.bytes);
  const Unit* const unit = LargestUnit(bytes, kSizes);
  return absl::StrCat(bytes / unit->size, unit->name);
}

NativeValue ValueType<ByteSize>::ToNative(ByteSize value) {
  return {static_cast<int64_t>(value.bytes)};
}

}  // namespace bergen::config
