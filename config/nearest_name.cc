// SPDX-License-Identifier: Apache-2.0

#include "config/nearest_name.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/ascii.h"

namespace bergen::config {
namespace {

// Longer names are nobody's typing error, and would take quadratic time.
constexpr size_t kLongestName = 100;

std::string Folded(absl::string_view name) {
  std::string folded = absl::AsciiStrToLower(name);
  std::replace(folded.begin(), folded.end(), '-', '_');
  return folded;
}

// Insertions, deletions, replacements and swaps of neighbours that turn `a`
// into `b`.
size_t Edits(absl::string_view a, absl::string_view b) {
  // Edits from the first i, i - 1 and i - 2 characters of `a` to each beginning
  // of `b`.
  std::vector<size_t> row(b.size() + 1);
  std::vector<size_t> above;
  std::vector<size_t> two_above;
  for (size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    two_above = std::exchange(above, row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replaced, row[j - 1] + 1, above[j] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], two_above[j - 2] + 1);
      }
    }
  }
  return row[b.size()];
}

}  // namespace

std::string NearestName(absl::string_view name,
                        const std::vector<std::string>& candidates) {
  if (name.size() > kLongestName) return "";
  const std::string folded = Folded(name);
  std::string nearest;
  size_t fewest = kLongestName;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > kLongestName) continue;
    const size_t edits = Edits(folded, Folded(candidate));
    const size_t allowed = std::max<size_t>(1, candidate.size() / 3);
    if (edits <= allowed && edits < fewest) {
      fewest = edits;
      nearest = candidate;
    }
  }
  return nearest;
}

}  // namespace bergen::config
