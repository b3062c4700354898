// SPDX-License-Identifier: Apache-2.0
//
// Where values come from, before anybody knows their types.
//
//   class EtcdSource : public Source {
//     SourceKind kind() const override { return SourceKind::kOther; }
//     absl::StatusOr<std::vector<RawValue>> ReadAll() override { ... }
//   };

#ifndef CONFIG_SOURCE_H_
#define CONFIG_SOURCE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace bergen::config {

enum class SourceKind {
  kFile,
  kEnvironment,
  kCommandLine,
  kOther,
};

// Where a text was found.
struct Place {
  // A path, or `--set demo.workers`, or the name of a variable.
  std::string where;
  // Counted from 1; 0 if there are no lines.
  int line = 0;
  // The value follows in the same place: `--set demo.workers=3`. Whoever prints
  // the place adds it, unless the option is a secret.
  bool holds_value = false;

  std::string ToString() const {
    return line > 0 ? absl::StrCat(where, ":", line) : where;
  }
};

// One assignment as it was found.
struct RawValue {
  std::string group;
  std::string name;
  std::string text;
  Place place;
};

// Calls are made one at a time, by the thread that loads or reloads.
class Source {
 public:
  virtual ~Source() = default;

  virtual SourceKind kind() const = 0;

  // Reads everything afresh, in the order in which it was written: a later
  // value replaces an earlier one. Called again by every reload. An error's
  // text has one line per problem, each beginning with its place: NotFound if
  // something is missing, InvalidArgument if it cannot be understood.
  virtual absl::StatusOr<std::vector<RawValue>> ReadAll() = 0;
};

}  // namespace bergen::config

#endif  // CONFIG_SOURCE_H_
