// SPDX-License-Identifier: Apache-2.0
//
// What a registry tells: where a value comes from, and what became of a load.

#ifndef CONFIG_REPORT_H_
#define CONFIG_REPORT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace bergen::config {

// A line of C++, by default the caller's.
struct CodeLocation {
  const char* file = "";
  int line = 0;

  // The builtins, because clang 14 lacks those of std::source_location.
  static constexpr CodeLocation Current(const char* file = __builtin_FILE(),
                                        int line = __builtin_LINE()) {
    return {file, line};
  }
};

// Where the value in force comes from.
struct Origin {
  enum class Kind {
    kDefault,     // The option's own default, or none.
    kSetDefault,  // `SetDefault`.
    kFile,
    kEnvironment,
    kCommandLine,
    kOther,     // A source of another kind.
    kOverride,  // `SetOverride`.
  };

  Kind kind = Kind::kDefault;
  // `demo.conf:7`, `--set demo.workers=3`, a variable's name, or the place in
  // the code that registered or set the value.
  std::string place;

  // For people: the place, preceded by what it is when it is code.
  std::string ToString() const;
};

// What became of an option whose value differs from the one in force.
enum class Verdict {
  kApplied,
  // The option is not mutable: the new value needs a restart or
  // `Registry::Reload`.
  kNeedsRestart,
  // The new value is not allowed; then nothing was applied.
  kRejected,
  // Would have been applied, had no other been rejected.
  kHeldBack,
};

// One such option.
struct Change {
  std::string group;
  std::string name;
  // As printed by a dump. There is no new text if it was rejected.
  std::string old_text;
  std::string new_text;
  Origin origin;  // Of the new value.
  Verdict verdict = Verdict::kApplied;
  // Where and why it was rejected: "demo.conf:7: demo.workers: must be ...".
  std::string reason;
};

// What there is to tell of a load, reload or mutation. Meant to be logged, and
// never contains a secret.
struct Report {
  // Whether the new values were published, or would have been but for
  // `dry_run`. Otherwise nothing has changed, and the message has one line for
  // each problem, beginning with its place: NotFound, PermissionDenied and so
  // on if all that is wrong is that sources cannot be read, FailedPrecondition
  // if there is nothing to reload, otherwise InvalidArgument.
  absl::Status status;
  bool dry_run = false;
  // Unknown sections and keys, deprecated names, options that will go away,
  // repeated assignments; each begins with its place.
  std::vector<std::string> warnings;
  // In the order of `Registry::Dump`. Empty for the first load.
  std::vector<Change> changes;
  // What hooks returned, other than OK.
  std::vector<absl::Status> hook_failures;
};

struct LoadOptions {
  // Unknown sections and keys are errors. Wants every option to be registered
  // before the load. Variables of the environment are never unknown.
  bool strict = false;
};

namespace internal {

// Where code says what an option is to be.
enum class Layer {
  kDefault,   // `Registry::SetDefault`.
  kOverride,  // `Registry::SetOverride`.
};

// All that went wrong, a line each, under the common code of `statuses`, which
// are not empty, if there is one.
absl::Status Joined(const std::vector<absl::Status>& statuses);

}  // namespace internal

}  // namespace bergen::config

#endif  // CONFIG_REPORT_H_
