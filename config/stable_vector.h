// SPDX-License-Identifier: Apache-2.0
//
// A vector whose elements never move, in pieces of equal size.

#ifndef CONFIG_STABLE_VECTOR_H_
#define CONFIG_STABLE_VECTOR_H_

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#include "config/prefault.h"

namespace bergen::config {

// Only grows. A reference is good as long as the vector. Not thread-safe, but
// readers may use references while elements are added.
template <typename T>
class StableVector {
 public:
  StableVector() = default;
  StableVector(const StableVector&) = delete;
  StableVector& operator=(const StableVector&) = delete;
  ~StableVector() {
    for (T& element : *this) element.~T();
  }

  // Gets memory for so many elements, unless it is there, in one go.
  void Reserve(size_t size) {
    const size_t wanted = (size + kPieceSize - 1) / kPieceSize;
    if (wanted <= pieces_.size()) return;
    const size_t added = wanted - pieces_.size();
    Piece* const first =
        blocks_.emplace_back(std::make_unique<Piece[]>(added)).get();
    Prefault(first, added * sizeof(Piece));
    for (size_t i = 0; i < added; ++i) pieces_.push_back(first + i);
  }

  template <typename... Args>
  T& emplace_back(Args&&... args) {
    if (size_ == pieces_.size() * kPieceSize) Reserve(size_ + 1);
    T* const place = &(*this)[size_];
    new (place) T(std::forward<Args>(args)...);
    ++size_;
    return *place;
  }

  size_t size() const { return size_; }

  T& operator[](size_t index) {
    return reinterpret_cast<T&>(
        pieces_[index / kPieceSize]->elements[index % kPieceSize]);
  }
  const T& operator[](size_t index) const {
    return const_cast<StableVector&>(*this)[index];
  }

  template <typename Vector, typename Element>
  class Iterator {
   public:
    Iterator(Vector& vector, size_t index) : vector_(vector), index_(index) {}
    Element& operator*() const { return vector_[index_]; }
    Iterator& operator++() {
      ++index_;
      return *this;
    }
    friend bool operator!=(const Iterator& a, const Iterator& b) {
      return a.index_ != b.index_;
    }

   private:
    Vector& vector_;
    size_t index_;
  };

  auto begin() { return Iterator<StableVector, T>(*this, 0); }
  auto end() { return Iterator<StableVector, T>(*this, size_); }
  auto begin() const { return Iterator<const StableVector, const T>(*this, 0); }
  auto end() const {
    return Iterator<const StableVector, const T>(*this, size_);
  }

 private:
  static constexpr size_t kPieceSize = 64;
  struct Piece {
    // Not a constructor's work: most of a last piece is never used.
    Piece() {}  // NOLINT
    std::aligned_storage_t<sizeof(T), alignof(T)> elements[kPieceSize];
  };

  std::vector<std::unique_ptr<Piece[]>> blocks_;
  std::vector<Piece*> pieces_;  // In the blocks.
  size_t size_ = 0;
};

}  // namespace bergen::config

#endif  // CONFIG_STABLE_VECTOR_H_
