// SPDX-License-Identifier: Apache-2.0

#include "service/live_objects.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Request {
 public:
  Request(std::string path, LiveType<Request>* type)
      : path_(std::move(path)), live_(type, this) {}

  const std::string& path() const { return path_; }

 private:
  const std::string path_;
  LiveObject<Request> live_;
};

std::string PathOf(const Request& request) { return request.path(); }

// A function without state is all that a clock may be here.
std::atomic<int> seconds = 0;
absl::Duration TestClock() { return absl::Seconds(seconds.load()); }

TEST(LiveObjectsTest, CountsWhatIsAliveAndWhatWasMade) {
  LiveObjects objects;
  LiveType<Request> type(objects, "Request", PathOf);
  EXPECT_EQ(objects.List()[0].name, "Request");
  EXPECT_EQ(objects.List()[0].count, 0);
  const Request one("/a", &type);
  {
    const Request two("/b", &type);
    EXPECT_EQ(objects.List()[0].count, 2);
  }
  EXPECT_EQ(objects.List()[0].count, 1);
  EXPECT_EQ(objects.List()[0].made, 2);
}

TEST(LiveObjectsTest, FindsTheOldestFirst) {
  LiveObjects objects(TestClock);
  LiveType<Request> type(objects, "Request", PathOf);
  std::vector<std::unique_ptr<Request>> requests;
  for (int i = 0; i < 100; ++i) {
    seconds = i;
    requests.push_back(std::make_unique<Request>(absl::StrCat("/", i), &type));
  }
  requests[0] = nullptr;
  seconds = 100;
  EXPECT_EQ(objects.List()[0].oldest_age, absl::Seconds(99));
  const auto found = objects.Find("Request", 3);
  ASSERT_THAT(found, IsOk());
  ASSERT_EQ(found->size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ((*found)[i].text, absl::StrCat("/", i + 1));
    EXPECT_EQ((*found)[i].address, requests[i + 1].get());
    EXPECT_EQ((*found)[i].age, absl::Seconds(99 - static_cast<int>(i)));
  }
}

TEST(LiveObjectsTest, ATypeThatIsGoneIsNotListed) {
  LiveObjects objects;
  EXPECT_THAT(objects.Find("Request", 1),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no type has")));
  const LiveType<Request> body(objects, "Body", PathOf);
  { const LiveType<Request> type(objects, "Request", PathOf); }
  EXPECT_EQ(objects.List().size(), 1u);
  EXPECT_THAT(
      objects.Find("Request", 1),
      StatusIs(absl::StatusCode::kNotFound, "no type 'Request' among Body"));
}

TEST(LiveObjectsTest, WithoutATypeAnObjectIsNotSeen) {
  LiveObjects objects;
  const Request unseen("/a", nullptr);
  EXPECT_THAT(objects.List(), IsEmpty());
}

TEST(LiveObjectsTest, ThreadsMayMakeAndLookAtOnce) {
  LiveObjects objects;
  LiveType<Request> type(objects, "Request", PathOf);
  constexpr int kThreads = 4;
  constexpr int kObjects = 2000;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&type] {
      for (int k = 0; k < kObjects; ++k) {
        const Request on_stack("/stack", &type);
        const auto on_heap = std::make_unique<Request>("/heap", &type);
      }
    });
  }
  for (int i = 0; i < 100; ++i) {
    const auto found = objects.Find("Request", 10);
    ASSERT_THAT(found, IsOk());
    EXPECT_LE(found->size(), 2u * kThreads);
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(objects.List()[0].count, 0);
  EXPECT_EQ(objects.List()[0].made, 2 * kThreads * kObjects);
}

}  // namespace
}  // namespace bergen
