// SPDX-License-Identifier: Apache-2.0
//
// The values of all options at one moment, for values that belong together.
//
//   const Snapshot now = registry.TakeSnapshot();
//   Connect(now.Get(host), now.Get(port));

#ifndef CONFIG_SNAPSHOT_H_
#define CONFIG_SNAPSHOT_H_

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "config/handle.h"

namespace bergen::config {

// Immutable and thread-safe; cheap to copy.
class Snapshot {
 public:
  // As `Handle::Get`, but references are good as long as a copy of this
  // snapshot. The handle must be of the same registry, from before the snapshot
  // was taken; otherwise the program ends.
  template <typename T>
  internal::ReadResult<T> Get(const Handle<T>& handle) const {
    return internal::FromWord<T>(ValueOf(*handle.cell_).word());
  }

  template <typename T>
  bool has_value(const Handle<T>& handle) const {
    return static_cast<bool>(ValueOf(*handle.cell_));
  }

 private:
  friend class Registry;
  using Values = std::vector<internal::AnyValue>;

  Snapshot(const void* registry, std::shared_ptr<const Values> values)
      : registry_(registry), values_(std::move(values)) {}

  const internal::AnyValue& ValueOf(const internal::Cell& cell) const {
    if (cell.registry() != registry_ || cell.index() >= values_->size()) {
      std::fputs(
          "config::Snapshot: the handle belongs to another registry, or to an "
          "option that is newer than the snapshot\n",
          stderr);
      std::abort();
    }
    return (*values_)[cell.index()];
  }

  const void* registry_;  // Its identity; never dereferenced.
  std::shared_ptr<const Values> values_;
};

}  // namespace bergen::config

#endif  // CONFIG_SNAPSHOT_H_
