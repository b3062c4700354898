// SPDX-License-Identifier: Apache-2.0
//
// Reads one option. `Registry::Register` returns it.
//
//   for (int64_t i = 0; i < workers.Get(); ++i) ...
//   if (ca_file.has_value()) Trust(ca_file.Get());

#ifndef CONFIG_HANDLE_H_
#define CONFIG_HANDLE_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <set>
#include <type_traits>

namespace bergen::config {

class Registry;
class Snapshot;

namespace internal {

// An immutable value of a type that the holder knows; null is "unset".
using AnyValue = std::shared_ptr<const void>;

// Where a registry publishes the value of one option. `Publish` needs the
// registry's lock; the reads of the derived classes need none.
class Cell {
 public:
  Cell(const void* registry, size_t index)
      : registry_(registry), index_(index) {}
  virtual ~Cell() = default;

  virtual void Publish(const AnyValue& value) = 0;

  const void* registry() const { return registry_; }
  size_t index() const { return index_; }

 private:
  const void* const registry_;  // Its identity; never dereferenced.
  const size_t index_;
};

// Small plain values are published by value, the others by address.
template <typename T>
inline constexpr bool kByValue = std::is_trivially_copyable_v<T> &&
                                 sizeof(T) <= sizeof(void*);

template <typename T, bool = kByValue<T>>
class TypedCell final : public Cell {
 public:
  using Result = T;
  using Cell::Cell;

  void Publish(const AnyValue& value) override {
    const T* typed = static_cast<const T*>(value.get());
    value_.store(typed ? *typed : T{}, std::memory_order_relaxed);
    has_value_.store(typed != nullptr, std::memory_order_relaxed);
  }
  T Get() const { return value_.load(std::memory_order_relaxed); }
  bool has_value() const { return has_value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<T> value_ = T{};
  std::atomic<bool> has_value_ = false;
};

template <typename T>
class TypedCell<T, false> final : public Cell {
 public:
  using Result = const T&;
  using Cell::Cell;

  void Publish(const AnyValue& value) override {
    const T* typed = static_cast<const T*>(value.get());
    value_.store(typed ? &*kept_.insert(*typed).first : nullptr,
                 std::memory_order_release);
  }
  const T& Get() const {
    const T* value = value_.load(std::memory_order_acquire);
    return value ? *value : unset_;
  }
  bool has_value() const {
    return value_.load(std::memory_order_relaxed) != nullptr;
  }
  const T& unset() const { return unset_; }

 private:
  const T unset_{};
  // Every value ever published: readers may still hold references.
  std::set<T> kept_;
  std::atomic<const T*> value_ = nullptr;  // Into `kept_`, or null.
};

}  // namespace internal

// Cheap to copy, thread-safe, never blocks. Valid as long as its registry; one
// made by the default constructor may only be assigned to and destroyed.
//
// Each call reads the newest value. Two calls, or two handles, may see
// different loads: use a `Snapshot` for values that belong together.
template <typename T>
class Handle {
 public:
  Handle() = default;

  // The value, or `T{}` when the option is unset. Numbers, booleans and ports
  // are returned by value. Strings and lists are returned by reference, without
  // a copy, and the reference is good as long as the registry: superseded
  // values are kept, so memory grows with the number of different values that
  // the option ever had.
  typename internal::TypedCell<T>::Result Get() const { return cell_->Get(); }

  bool has_value() const { return cell_->has_value(); }

 private:
  friend class Registry;
  friend class Snapshot;
  explicit Handle(const internal::TypedCell<T>* cell) : cell_(cell) {}

  const internal::TypedCell<T>* cell_ = nullptr;
};

}  // namespace bergen::config

#endif  // CONFIG_HANDLE_H_
