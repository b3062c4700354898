// SPDX-License-Identifier: Apache-2.0

#include "config/stable_vector.h"

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace bergen::config {
namespace {

// More than one piece, the last of which is not full.
constexpr size_t kMany = 1000;

TEST(StableVector, BeginsEmpty) {
  const StableVector<int> numbers;
  EXPECT_EQ(numbers.size(), 0);
  for (const int number : numbers) ADD_FAILURE() << number;
}

TEST(StableVector, HasItsElementsInTheirOrder) {
  StableVector<size_t> numbers;
  std::vector<size_t> wanted;
  for (size_t i = 0; i < kMany; ++i) {
    EXPECT_EQ(numbers.emplace_back(i * 3), i * 3);
    EXPECT_EQ(numbers.size(), i + 1);
    wanted.push_back(i * 3);
  }
  std::vector<size_t> by_index;
  for (size_t i = 0; i < numbers.size(); ++i) by_index.push_back(numbers[i]);
  EXPECT_EQ(by_index, wanted);
  std::vector<size_t> by_iterator;
  const StableVector<size_t>& same = numbers;
  for (const size_t number : same) by_iterator.push_back(number);
  EXPECT_EQ(by_iterator, wanted);
}

TEST(StableVector, DoesNotMoveAnElement) {
  StableVector<std::string> texts;
  std::vector<const std::string*> places;
  for (size_t i = 0; i < kMany; ++i) {
    places.push_back(&texts.emplace_back(i, 'x'));
  }
  for (size_t i = 0; i < kMany; ++i) {
    ASSERT_EQ(&texts[i], places[i]);
    ASSERT_EQ(texts[i], std::string(i, 'x'));
  }
}

TEST(StableVector, LetsElementsBeChanged) {
  StableVector<size_t> numbers;
  for (size_t i = 0; i < kMany; ++i) numbers.emplace_back(i);
  numbers[kMany / 2] = 7;
  EXPECT_EQ(numbers[kMany / 2], 7);
  for (size_t& number : numbers) number += 1;
  EXPECT_EQ(numbers[0], 1);
  EXPECT_EQ(numbers[kMany / 2], 8);
  EXPECT_EQ(numbers[kMany - 1], kMany);
}

TEST(StableVector, TakesElementsThatCanBeNeitherCopiedNorMoved) {
  struct Fixed {
    Fixed(int first, int second) : sum(first + second) {}
    Fixed(const Fixed&) = delete;
    Fixed& operator=(const Fixed&) = delete;
    const int sum;
  };
  StableVector<Fixed> fixed;
  EXPECT_EQ(fixed.emplace_back(2, 3).sum, 5);
  EXPECT_EQ(fixed[0].sum, 5);
}

TEST(StableVector, DestroysEachElementOnce) {
  const auto shared = std::make_shared<int>(0);
  {
    StableVector<std::shared_ptr<int>> holders;
    for (size_t i = 0; i < kMany; ++i) holders.emplace_back(shared);
    EXPECT_EQ(shared.use_count(), static_cast<long>(kMany) + 1);
  }
  EXPECT_EQ(shared.use_count(), 1);
}

TEST(StableVector, MayHaveItsMemoryBeforehand) {
  StableVector<std::string> texts;
  std::string* const first = &texts.emplace_back("first");
  texts.Reserve(kMany);
  texts.Reserve(1);  // Does nothing: there is more.
  for (size_t i = 1; i < 2 * kMany; ++i) {
    texts.emplace_back(std::to_string(i));
  }
  EXPECT_EQ(&texts[0], first);
  EXPECT_EQ(texts[0], "first");
  EXPECT_EQ(texts[kMany], std::to_string(kMany));
  EXPECT_EQ(texts[2 * kMany - 1], std::to_string(2 * kMany - 1));
}

}  // namespace
}  // namespace bergen::config
