// SPDX-License-Identifier: Apache-2.0
//
// The values of all options at one moment, for values that belong together.
//
//   const Snapshot now = registry.TakeSnapshot();
//   Connect(now.Get(host), now.Get(port));

#ifndef CONFIG_SNAPSHOT_H_
#define CONFIG_SNAPSHOT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "config/handle.h"

namespace bergen::config {

namespace internal {

// The values of all options by index, in pieces of which snapshots share those
// that have not changed. Not thread-safe; what `Freeze` returns is immutable.
class ValueList {
 public:
  static constexpr size_t kPieceSize = 64;
  struct Piece {
    std::array<AnyValue, kPieceSize> values;
    bool frozen = false;
  };
  using Frozen = std::vector<std::shared_ptr<const Piece>>;

  size_t size() const { return size_; }

  void Append(AnyValue value) {
    Resize(size_ + 1);
    Set(size_ - 1, std::move(value));
  }

  // Grows; the new values are null.
  void Resize(size_t size) {
    while (pieces_.size() * kPieceSize < size) {
      pieces_.push_back(std::make_shared<Piece>());
    }
    size_ = size;
  }

  const AnyValue& operator[](size_t index) const {
    return pieces_[index / kPieceSize]->values[index % kPieceSize];
  }

  void Set(size_t index, AnyValue value) {
    std::shared_ptr<Piece>& piece = pieces_[index / kPieceSize];
    if (piece->frozen) {
      piece = std::make_shared<Piece>(*piece);
      piece->frozen = false;
    }
    piece->values[index % kPieceSize] = std::move(value);
  }

  // The values as they are now.
  std::shared_ptr<const Frozen> Freeze() {
    for (const std::shared_ptr<Piece>& piece : pieces_) {
      if (!piece->frozen) piece->frozen = true;
    }
    return std::make_shared<const Frozen>(pieces_.begin(), pieces_.end());
  }

 private:
  std::vector<std::shared_ptr<Piece>> pieces_;
  size_t size_ = 0;
};

// What snapshots see at a version.
struct FrozenValues {
  uint64_t version = 0;
  std::shared_ptr<const ValueList::Frozen> values;
};

// The newest of these. Thread-safe; locked for no longer than a copy takes.
class NewestValues {
 public:
  FrozenValues Get() const {
    absl::MutexLock lock(&mutex_);
    return values_;
  }
  void Set(FrozenValues values) {
    absl::MutexLock lock(&mutex_);
    std::swap(values_, values);
  }

 private:
  mutable absl::Mutex mutex_;
  FrozenValues values_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace internal

// Immutable and thread-safe; cheap to copy. Valid as long as its registry.
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
  using Values = internal::ValueList::Frozen;

  Snapshot(const void* registry, std::shared_ptr<const Values> values)
      : registry_(registry), values_(std::move(values)) {}

  const internal::AnyValue& ValueOf(const internal::Cell& cell) const {
    constexpr size_t kPieceSize = internal::ValueList::kPieceSize;
    const size_t piece = cell.index() / kPieceSize;
    if (cell.registry() != registry_ || piece >= values_->size()) {
      std::fputs(
          "config::Snapshot: the handle belongs to another registry, or to an "
          "option that is newer than the snapshot\n",
          stderr);
      std::abort();
    }
    return (*values_)[piece]->values[cell.index() % kPieceSize];
  }

  const void* registry_;  // Its identity; never dereferenced.
  std::shared_ptr<const Values> values_;
};

}  // namespace bergen::config

#endif  // CONFIG_SNAPSHOT_H_
