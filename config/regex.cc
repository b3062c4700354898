// SPDX-License-Identifier: Apache-2.0

#include "config/regex.h"

#include <memory>
#include <utility>

#include "absl/base/call_once.h"
#include "absl/strings/str_cat.h"
#include "re2/re2.h"

namespace bergen::config {
namespace {

RE2::Options OptionsFor(bool ignore_case) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_case_sensitive(!ignore_case);
  return options;
}

}  // namespace

struct Regex::Compiled {
  explicit Compiled(std::string text) : pattern(std::move(text)) {}

  const RE2& Get(bool ignore_case) const {
    const int i = ignore_case ? 1 : 0;
    absl::call_once(once[i], [&] {
      expressions[i] = std::make_unique<RE2>(pattern, OptionsFor(ignore_case));
    });
    return *expressions[i];
  }

  const std::string pattern;
  // By case sensitivity.
  mutable absl::once_flag once[2];
  mutable std::unique_ptr<RE2> expressions[2];
};

Regex::Regex(std::string pattern)
    : compiled_(std::make_shared<const Compiled>(std::move(pattern))) {}

absl::string_view Regex::pattern() const {
  return compiled_ ? absl::string_view(compiled_->pattern) : "";
}

absl::Status Regex::Check() const {
  if (!compiled_) return absl::OkStatus();
  const RE2& expression = compiled_->Get(/*ignore_case=*/false);
  if (expression.ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("its regex is wrong: ", expression.error()));
}

bool Regex::Search(absl::string_view text, bool ignore_case) const {
  if (!compiled_) return true;
  const re2::StringPiece piece(text.data(), text.size());
  return RE2::PartialMatch(piece, compiled_->Get(ignore_case));
}

}  // namespace bergen::config
