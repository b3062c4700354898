// SPDX-License-Identifier: Apache-2.0
//
// An array that grows at its end and whose elements never move.
//
//   StableArray<Timer> timers("timers");
//   const uint32_t first = timers.Grow(64);
//   timers.at(first + 63).due = 1;

#ifndef PERIODIC_STABLE_ARRAY_H_
#define PERIODIC_STABLE_ARRAY_H_

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>

namespace bergen::periodic {

// Has a little less than 2^(12 + kChunks) elements at most: to need more ends
// the process. What has not been grown into is not touched, and so takes no
// memory. Elements are destroyed with the array.
template <typename T, int kChunks = 19>
class StableArray {
 public:
  // Of what, in the message of the end.
  explicit StableArray(const char* name) : name_(name) {}
  StableArray(const StableArray&) = delete;
  StableArray& operator=(const StableArray&) = delete;

  ~StableArray() {
    for (uint32_t index = 0; index < size_; ++index) at(index).~T();
    for (std::atomic<T*>& chunk : chunks_) {
      ::operator delete (chunk.load(std::memory_order_relaxed),
                         std::align_val_t{alignof(T)});
    }
  }

  // Index of the first of `count` new elements; `count` is the same power of
  // two, up to 4096, each time. One call at a time.
  uint32_t Grow(uint32_t count) {
    const uint32_t shifted = size_ + kFirstChunk;
    const int chunk = std::bit_width(shifted / kFirstChunk) - 1;
    if (chunk == kChunks) {
      std::fprintf(stderr, "StableArray: more than %u %s\n", size_, name_);
      std::abort();
    }
    if (std::has_single_bit(shifted)) {
      chunks_[chunk].store(
          static_cast<T*>(::operator new (size_t{shifted} * sizeof(T),
                                          std::align_val_t{alignof(T)})),
          std::memory_order_relaxed);
    }
    const uint32_t first = size_;
    size_ += count;
    for (uint32_t i = 0; i < count; ++i) new (&at(first + i)) T;
    return first;
  }

  uint32_t size() const { return size_; }

  // Thread-safe for an index that the calling thread may know.
  T& at(uint32_t index) const {
    const uint64_t shifted = uint64_t{index} + kFirstChunk;
    // Not std::bit_width: this is never zero, which takes a third of the time.
    const int bit = 63 ^ __builtin_clzll(shifted);
    return chunks_[bit - kFirstBit].load(
        std::memory_order_relaxed)[shifted ^ (uint64_t{1} << bit)];
  }

 private:
  static constexpr int kFirstBit = 12;
  static constexpr uint32_t kFirstChunk = uint32_t{1} << kFirstBit;

  const char* const name_;
  // Each is twice as large as the one before.
  std::array<std::atomic<T*>, kChunks> chunks_ = {};
  uint32_t size_ = 0;
};

}  // namespace bergen::periodic

#endif  // PERIODIC_STABLE_ARRAY_H_
