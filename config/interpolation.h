// SPDX-License-Identifier: Apache-2.0
//
// References inside values: `$name`, `${name}`, `${group.name}`.
//
//   absl::StatusOr<std::string> path = Expand("$state_dir/lock", lookup);
//   if (!path.ok()) return path.status();
//
// Source: oslo_config.cfg, `_substitute`. Differences: a dot belongs to a name
// only inside braces, so that `$host.` and `$host.conf` mean what they look
// like.

#ifndef CONFIG_INTERPOLATION_H_
#define CONFIG_INTERPOLATION_H_

#include <cstddef>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace bergen::config {

// Longest text that a value may become, in bytes.
inline constexpr size_t kMaxExpandedSize = 1 << 20;

// Replaces each reference by what `lookup` returns for the text of its name,
// which is not scanned again, or returns the error of `lookup`,
// or InvalidArgument if the result would be longer than `kMaxExpandedSize`.
// `$$` and `\$` give
// `$`; a `$` that begins neither these nor a reference stays.
absl::StatusOr<std::string> Expand(
    absl::string_view text,
    absl::FunctionRef<absl::StatusOr<std::string>(absl::string_view name)>
        lookup);

}  // namespace bergen::config

#endif  // CONFIG_INTERPOLATION_H_
