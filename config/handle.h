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
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace bergen::config {

class Registry;
class Snapshot;

namespace internal {

// Small plain values are stored in place, the others on the heap.
template <typename T>
inline constexpr bool kByValue = std::is_trivially_copyable_v<T> &&
                                 sizeof(T) <= sizeof(uint64_t);

// What reading a `T` returns: small plain values by value.
template <typename T>
using ReadResult = std::conditional_t<kByValue<T>, T, const T&>;

// What reads as "unset" for types that are returned by reference.
template <typename T>
const T& UnsetValue() {
  static const T* const unset = new T();  // Never destroyed: readers outlive.
  return *unset;
}

// The value in a word that an `AnyValue` of type `T` holds.
template <typename T>
ReadResult<T> FromWord(uint64_t word) {
  if constexpr (kByValue<T>) {
    T value{};
    std::memcpy(static_cast<void*>(&value), &word, sizeof(T));
    return value;
  } else {
    const T* const value = reinterpret_cast<const T*>(word);
    return value ? *value : UnsetValue<T>();
  }
}

// An immutable value of a type that the holder knows, or "unset". Cheap to
// copy: copies of a value on the heap share it. Thread-safe as an integer is.
class AnyValue {
 public:
  AnyValue() = default;
  AnyValue(std::nullptr_t) {}  // NOLINT: null is unset

  template <typename T>
  static AnyValue Of(T value) requires kByValue<T> {
    AnyValue any;
    any.destroy_ = &DestroyNothing;
    std::memcpy(&any.word_, &value, sizeof(T));
    return any;
  }
  template <typename T>
  static AnyValue Of(T&& value) requires(!kByValue<T> &&
                                         !std::is_reference_v<T>) {
    AnyValue any;
    any.destroy_ = &Shared<T>::Destroy;
    any.word_ = reinterpret_cast<uint64_t>(
        &(new Shared<T>(std::forward<T>(value)))->value);
    return any;
  }

  // The same with the count of its copies in another cache line than the value:
  // counting does not keep readers waiting. Takes more memory.
  template <typename T>
  static AnyValue Apart(T value) {
    if constexpr (kByValue<T>) {
      return Of(value);
    } else {
      AnyValue any;
      any.destroy_ = &SharedApart<T>::Destroy;
      any.word_ = reinterpret_cast<uint64_t>(
          &(new SharedApart<T>(std::move(value)))->value);
      return any;
    }
  }

  AnyValue(const AnyValue& other)
      : word_(other.word_), destroy_(other.destroy_) {
    if (is_shared()) {
      references().fetch_add(1, std::memory_order_relaxed);
    }
  }
  AnyValue(AnyValue&& other) noexcept
      : word_(std::exchange(other.word_, 0)),
        destroy_(std::exchange(other.destroy_, nullptr)) {}
  AnyValue& operator=(AnyValue other) noexcept {
    std::swap(word_, other.word_);
    std::swap(destroy_, other.destroy_);
    return *this;
  }
  ~AnyValue() {
    if (is_shared() &&
        references().fetch_sub(1, std::memory_order_acq_rel) == 1) {
      destroy_(word_);
    }
  }

  explicit operator bool() const { return destroy_ != nullptr; }

  // The value, which must be there and be a `T`; good as long as a copy of this
  // object, or for values in place, as this object.
  template <typename T>
  const T& As() const {
    return *static_cast<const T*>(get());
  }

  // Its address, or null.
  const void* get() const {
    if (!destroy_) return nullptr;
    if (destroy_ == &DestroyNothing) return &word_;
    return reinterpret_cast<const void*>(word_);
  }

  // What `FromWord` understands.
  uint64_t word() const { return word_; }

  // Whether the value is on the heap, where copies share it.
  bool is_shared() const { return destroy_ && destroy_ != &DestroyNothing; }

 private:
  using Destroy = void (*)(uint64_t word);
  using References = std::atomic<size_t>;

  // The counter is found from the value's address.
  static constexpr size_t kHeader = alignof(std::max_align_t);
  static_assert(sizeof(References) <= kHeader);

  template <typename T>
  struct Shared {
    static_assert(alignof(T) <= kHeader);

    explicit Shared(T&& initial) : value(std::move(initial)) {}
    static void Destroy(uint64_t word) {
      delete reinterpret_cast<Shared*>(word - kHeader);
    }

    alignas(kHeader) References references = 1;
    alignas(kHeader) T value;
  };

  static constexpr size_t kCacheLine = 64;

  template <typename T>
  struct alignas(kCacheLine) SharedApart {
    static_assert(alignof(T) <= kHeader);

    explicit SharedApart(T&& initial) : value(std::move(initial)) {}
    static void Destroy(uint64_t word) {
      delete reinterpret_cast<SharedApart*>(word - kCacheLine);
    }

    char unused[kCacheLine - kHeader];
    alignas(kHeader) References references = 1;
    alignas(kCacheLine) T value;
  };

  // Of a value that is here.
  static void DestroyNothing(uint64_t) {}

  References& references() const {
    return *reinterpret_cast<References*>(word_ - kHeader);
  }

  uint64_t word_ = 0;
  Destroy destroy_ = nullptr;
};

// Where a registry publishes the value of one option.
class Cell {
 public:
  Cell(const void* registry, uint32_t index, const std::type_info& type)
      : index_(index), registry_(registry), type_(type) {}
  Cell(const Cell&) = delete;
  Cell& operator=(const Cell&) = delete;

  // Under the registry's lock. A shared value must outlive all readers.
  void Publish(const AnyValue& value) {
    word_.store(value.word(), std::memory_order_release);
    has_value_.store(static_cast<bool>(value), std::memory_order_relaxed);
  }

  // `T` is the type.
  template <typename T>
  ReadResult<T> Get() const {
    return FromWord<T>(word_.load(kByValue<T> ? std::memory_order_relaxed
                                              : std::memory_order_acquire));
  }
  bool has_value() const { return has_value_.load(std::memory_order_relaxed); }

  const void* registry() const { return registry_; }
  uint32_t index() const { return index_; }
  const std::type_info& type() const { return type_; }

 private:
  std::atomic<uint64_t> word_ = 0;
  std::atomic<bool> has_value_ = false;
  const uint32_t index_;
  const void* const registry_;  // Its identity; never dereferenced.
  const std::type_info& type_;
};

}  // namespace internal

// Cheap to copy, thread-safe, never blocks: a number costs a plain load, a
// string one atomic load. Valid as long as its registry, even if the option is
// unregistered: then it keeps the last value. One made by the default
// constructor may only be assigned to and destroyed.
//
// Each call reads the newest value. Two calls, or two handles, may see
// different loads: use a `Snapshot` for values that belong together.
template <typename T>
class Handle {
 public:
  Handle() = default;

  // The value, or `T{}` when the option is unset. Numbers, booleans and ports
  // are returned by value. Strings and lists are returned by reference, without
  // a copy. The reference is good as long as the registry, or until
  // `Registry::ReleaseSuperseded`.
  internal::ReadResult<T> Get() const { return cell_->Get<T>(); }

  bool has_value() const { return cell_->has_value(); }

 private:
  friend class Registry;
  friend class Snapshot;
  explicit Handle(const internal::Cell* cell) : cell_(cell) {}

  const internal::Cell* cell_ = nullptr;
};

}  // namespace bergen::config

#endif  // CONFIG_HANDLE_H_
