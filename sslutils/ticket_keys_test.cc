// SPDX-License-Identifier: Apache-2.0

#include "sslutils/ticket_keys.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::sslutils {
namespace {

using ::testing::HasSubstr;

constexpr TicketKeysOptions kHourly = {.rotation = absl::Hours(1)};

std::string NameOf(const TicketKey& key) {
  return std::string(key.name.begin(), key.name.end());
}

std::string Path(const char* name) {
  return absl::StrCat(::testing::TempDir(), "/ticket_keys.", getpid(), ".",
                      name);
}

TEST(TicketKeysTest, AKeyMakesTicketsForOneRotationAndOpensThemForThreeMore) {
  const auto keys = TicketKeys::Create(kHourly);
  ASSERT_THAT(keys, IsOk());
  const absl::Time start = absl::Now();
  const std::string first = NameOf((*keys)->Current(start));
  EXPECT_EQ(NameOf((*keys)->Current(start + absl::Minutes(50))), first);
  std::set<std::string> names = {first};
  for (int hour = 1; hour <= 3; ++hour) {
    const absl::Time now = start + absl::Hours(hour) + absl::Minutes(hour);
    names.insert(NameOf((*keys)->Current(now)));
    EXPECT_TRUE((*keys)->Find(first, now).has_value()) << hour;
  }
  EXPECT_EQ(names.size(), 4u);
  const absl::Time late = start + absl::Hours(4) + absl::Minutes(5);
  (*keys)->Current(late);
  EXPECT_FALSE((*keys)->Find(first, late).has_value());
}

TEST(TicketKeysTest, OldKeysOpenNothingEvenIfNobodyReplacedThem) {
  const auto keys = TicketKeys::Create(kHourly);
  ASSERT_THAT(keys, IsOk());
  const absl::Time start = absl::Now();
  const std::string first = NameOf((*keys)->Current(start));
  EXPECT_FALSE((*keys)->Find(first, start + absl::Hours(5)).has_value());
  EXPECT_FALSE((*keys)->Find("unknown", start).has_value());
}

TEST(TicketKeysTest, AClockThatWasSetBackGetsANewKey) {
  const auto keys = TicketKeys::Create(kHourly);
  ASSERT_THAT(keys, IsOk());
  const absl::Time start = absl::Now();
  const std::string first = NameOf((*keys)->Current(start));
  EXPECT_NE(NameOf((*keys)->Current(start - absl::Hours(24))), first);
}

TEST(TicketKeysTest, ForkedProcessesAndInheritorsShareRotations) {
  const auto keys = TicketKeys::Create(kHourly);
  ASSERT_THAT(keys, IsOk());
  const absl::Time later = absl::Now() + absl::Hours(2);
  const pid_t child = fork();
  if (child == 0) {
    (*keys)->Current(later);
    _exit(0);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  const std::string made_by_child = NameOf((*keys)->Current(later));

  const auto inherited =
      TicketKeys::FromFd(UniqueFd(dup((*keys)->fd())), kHourly);
  ASSERT_THAT(inherited, IsOk());
  EXPECT_EQ(NameOf((*inherited)->Current(later)), made_by_child);
}

TEST(TicketKeysTest, RacingRotationsAgreeOnOneKey) {
  const auto keys = TicketKeys::Create(kHourly);
  ASSERT_THAT(keys, IsOk());
  absl::Time now = absl::Now();
  for (int round = 0; round < 50; ++round) {
    now += absl::Minutes(61);
    std::vector<std::thread> threads;
    threads.reserve(4);
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&keys, now] { (*keys)->Current(now); });
    }
    for (std::thread& thread : threads) thread.join();
    const std::string name = NameOf((*keys)->Current(now));
    EXPECT_TRUE((*keys)->Find(name, now).has_value());
  }
}

TEST(TicketKeysTest, AFileKeepsKeysFromOneProgramToTheNext) {
  const std::string path = Path("file");
  std::string name;
  {
    const auto keys = TicketKeys::OpenFile(path, kHourly);
    ASSERT_THAT(keys, IsOk());
    name = NameOf((*keys)->Current(absl::Now()));
  }
  struct stat status = {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  const auto again = TicketKeys::OpenFile(path, kHourly);
  ASSERT_THAT(again, IsOk());
  EXPECT_TRUE((*again)->Find(name, absl::Now()).has_value());
}

TEST(TicketKeysTest, FilesThatOthersReadOrThatAreSomethingElseAreRefused) {
  const std::string open_file = Path("open");
  ASSERT_THAT(TicketKeys::OpenFile(open_file, kHourly), IsOk());
  ASSERT_EQ(chmod(open_file.c_str(), 0644), 0);
  EXPECT_THAT(TicketKeys::OpenFile(open_file, kHourly),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("0600")));

  const std::string other = Path("other");
  std::ofstream(other) << "text";
  ASSERT_EQ(chmod(other.c_str(), 0600), 0);
  EXPECT_THAT(TicketKeys::OpenFile(other, kHourly),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(other)));

  const std::string link = Path("link");
  ASSERT_EQ(symlink(other.c_str(), link.c_str()), 0);
  EXPECT_FALSE(TicketKeys::OpenFile(link, kHourly).ok());
  EXPECT_FALSE(
      TicketKeys::FromFd(UniqueFd(open("/dev/null", O_RDWR)), kHourly).ok());
}

}  // namespace
}  // namespace bergen::sslutils
