// SPDX-License-Identifier: Apache-2.0

#include "periodic/stable_array.h"

#include <cstdint>
#include <memory>
#include <vector>

#include "gtest/gtest.h"

namespace bergen::periodic {
namespace {

TEST(StableArrayTest, ElementsStayWhereTheyAre) {
  StableArray<uint32_t> array("numbers");
  std::vector<uint32_t*> places;
  for (uint32_t i = 0; i < 100000; ++i) {
    ASSERT_EQ(array.Grow(1), i);
    array.at(i) = i;
    places.push_back(&array.at(i));
  }
  for (uint32_t i = 0; i < 100000; ++i) {
    ASSERT_EQ(&array.at(i), places[i]);
    ASSERT_EQ(array.at(i), i);
  }
}

TEST(StableArrayTest, DestroysItsElements) {
  const auto held = std::make_shared<int>();
  {
    StableArray<std::shared_ptr<int>> array("pointers");
    array.at(array.Grow(64) + 63) = held;
    EXPECT_EQ(held.use_count(), 2);
  }
  EXPECT_EQ(held.use_count(), 1);
}

TEST(StableArrayDeathTest, SaysOfWhatThereAreTooMany) {
  StableArray<char, 2> array("letters");
  for (uint32_t i = 0; i < 3 * 4096; ++i) array.Grow(1);
  EXPECT_DEATH(array.Grow(1), "more than 12288 letters");
}

}  // namespace
}  // namespace bergen::periodic
