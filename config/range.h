// SPDX-License-Identifier: Apache-2.0
//
// A range of whole numbers.
//
//   const Option<Range> kPorts = {.name = "ports",
//                                 .default_value = Range{8000, 8010},
//                                 .min = 1024, .max = 65535};
//   for (int64_t port : ports.Get()) ...
//
// Source: oslo_config.types.Range. Differences: numbers have 64 bits, a line
// break at the end is refused, and whether the last number is part of the range
// counts when options are compared.

#ifndef CONFIG_RANGE_H_
#define CONFIG_RANGE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "config/value.h"

namespace bergen::config {

// The numbers from `first` to `last`, upwards or downwards.
struct Range {
  // Counts its way through the range, which it does not need.
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = int64_t;
    using difference_type = std::ptrdiff_t;
    using pointer = const int64_t*;
    using reference = int64_t;

    Iterator(int64_t number, bool up, uint64_t left)
        : number_(static_cast<uint64_t>(number)), up_(up), left_(left) {}

    int64_t operator*() const { return static_cast<int64_t>(number_); }
    Iterator& operator++() {
      number_ += up_ ? uint64_t{1} : ~uint64_t{0};
      --left_;
      return *this;
    }
    Iterator operator++(int) {
      const Iterator before = *this;
      ++*this;
      return before;
    }
    // Of the same range.
    friend bool operator==(const Iterator& a, const Iterator& b) {
      return a.left_ == b.left_;
    }

   private:
    uint64_t number_;  // As two's complement, which may wrap at the end.
    bool up_;
    uint64_t left_;  // Numbers that come, the present one included.
  };

  int64_t first = 0;
  int64_t last = 0;
  // Whether `last` is part of it. If not, `first` and `last` may be the same,
  // and the range is empty.
  bool inclusive = true;

  uint64_t size() const {
    const auto from = static_cast<uint64_t>(first);
    const auto to = static_cast<uint64_t>(last);
    return (first < last ? to - from : from - to) + (inclusive ? 1 : 0);
  }
  bool empty() const { return size() == 0; }

  Iterator begin() const { return {first, first < last, size()}; }
  Iterator end() const { return {last, first < last, 0}; }

  friend bool operator==(const Range&, const Range&) = default;
  friend bool operator<(const Range& a, const Range& b) {
    return std::tie(a.first, a.last, a.inclusive) <
           std::tie(b.first, b.last, b.inclusive);
  }
};

template <>
struct TypeRules<Range> {
  // What `Range::inclusive` is of each value.
  bool inclusive = true;

  friend bool operator==(const TypeRules&, const TypeRules&) = default;
};

// `N` or `N-N`, without blanks, `+` and leading zeros: `0-2`, `-3--1`, `2-0`.
// `N` is `N-N`. The bounds and choices of the option are those of both numbers.
// A range of all 2^64 numbers is an error.
template <>
struct ValueType<Range> {
  using Rules = TypeRules<Range>;
  using Item = int64_t;
  static constexpr absl::string_view kName = "range value";
  static constexpr TypeKind kKind = TypeKind::kRange;
  static constexpr bool kHasBounds = true;
  static constexpr bool kMayHoldCommas = false;
  static absl::StatusOr<Range> Parse(absl::string_view text,
                                     const Rules& rules);
  static absl::Status Check(const Range& value, const Rules& rules);
  static std::vector<std::string> FormLines(const Rules& rules);
  static std::string Print(const Range& value);
  static std::array<int64_t, 2> Items(const Range& value) {
    return {value.first, value.last};
  }
};

}  // namespace bergen::config

#endif  // CONFIG_RANGE_H_
