// SPDX-License-Identifier: Apache-2.0
//
// A regular expression as a value: cheap to make and copy, compiled when it is
// first used.
//
//   const Regex version = "^v[0-9]+";
//   if (!version.Check().ok()) ...
//   version.Search("v12", /*ignore_case=*/false);
//
// The syntax is RE2's, close to Python's and without look-around and back
// references; flags are written `(?i)`. Why not std::regex: it takes
// exponential time and unbounded stack on texts from outside, and throws. RE2's
// shared library takes 0.4 MB and needs nothing but the C++ runtime.

#ifndef CONFIG_REGEX_H_
#define CONFIG_REGEX_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace bergen::config {

// Thread-safe.
class Regex {
 public:
  // No expression.
  Regex() = default;
  Regex(std::string pattern);                                  // NOLINT
  Regex(const char* pattern) : Regex(std::string(pattern)) {}  // NOLINT

  bool empty() const { return compiled_ == nullptr; }
  // Empty without an expression; good as long as a copy of this.
  absl::string_view pattern() const;

  // InvalidArgument says what is wrong with the pattern.
  absl::Status Check() const;

  // Whether a part of `text` matches. False if the pattern is bad.
  bool Search(absl::string_view text, bool ignore_case) const;

  friend bool operator==(const Regex& a, const Regex& b) {
    return a.empty() == b.empty() && a.pattern() == b.pattern();
  }

 private:
  struct Compiled;

  std::shared_ptr<const Compiled> compiled_;  // Null without an expression.
};

}  // namespace bergen::config

#endif  // CONFIG_REGEX_H_
