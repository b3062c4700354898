// SPDX-License-Identifier: Apache-2.0

#include "backdoor/address.h"

#include <optional>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::backdoor {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string Ports(absl::string_view text) {
  absl::StatusOr<PortRange> ports = ParsePorts(text);
  return ports.ok() ? FormatPorts(*ports) : "error";
}

TEST(AddressTest, ReadsAPortOrARange) {
  EXPECT_EQ(Ports("0"), "0");
  EXPECT_EQ(Ports("8002"), "8002");
  EXPECT_EQ(Ports("8002:8033"), "8002:8033");
  EXPECT_EQ(Ports("8002:8002"), "8002");
  EXPECT_EQ(Ports(" 8002 : 8033 "), "8002:8033");
  EXPECT_EQ(Ports("65535"), "65535");
  EXPECT_EQ(Ports("0:65535"), "0:65535");
}

TEST(AddressTest, RefusesWhatIsNoPortAndExplains) {
  for (const char* text :
       {"", " ", "abc", "1:2:3", "45001:", ":45001", "8888:7777", "65536",
        "0:65536", "-1", "+1", "1.5", "0x10", "99999999999999999999", "1 2"}) {
    EXPECT_THAT(ParsePorts(text),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr(std::string("'") + text + "'"),
                               HasSubstr("PORT or START:END"))))
        << text;
  }
  EXPECT_THAT(ParsePorts("8888:7777"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("END is below START")));
  EXPECT_THAT(ParsePorts("65536"), StatusIs(absl::StatusCode::kInvalidArgument,
                                            HasSubstr("out of range")));
}

TEST(AddressTest, TheSocketWinsOverThePort) {
  absl::StatusOr<std::optional<Address>> address = ParseAddress("1", "/x");
  ASSERT_THAT(address, IsOk());
  ASSERT_TRUE(address->has_value());
  EXPECT_EQ(std::get<SocketTemplate>(**address).text, "/x");

  address = ParseAddress("1", std::nullopt);
  ASSERT_THAT(address, IsOk());
  EXPECT_EQ(std::get<PortRange>(**address).first, 1);

  address = ParseAddress(std::nullopt, std::nullopt);
  ASSERT_THAT(address, IsOk());
  EXPECT_FALSE(address->has_value());

  EXPECT_THAT(ParseAddress("abc", std::nullopt),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ParseAddress(std::nullopt, ""),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(AddressTest, PutsNumbersIntoASocketPath) {
  EXPECT_EQ(ExpandSocketTemplate("/a/b", 7, 2).path, "/a/b");
  EXPECT_EQ(ExpandSocketTemplate("/a/{pid}.sock", 7, 2).path, "/a/7.sock");
  EXPECT_EQ(ExpandSocketTemplate("/a/{worker}-{pid}", 7, 2).path, "/a/2-7");
  EXPECT_EQ(ExpandSocketTemplate("/a/{pid:06d}", 7, 2).path, "/a/000007");
  EXPECT_EQ(ExpandSocketTemplate("/a/{pid:3}", 7, 2).path, "/a/  7");
  EXPECT_EQ(ExpandSocketTemplate("/a/{pid:d}", 7, 2).path, "/a/7");
  EXPECT_EQ(ExpandSocketTemplate("/a/{{pid}}", 7, 2).path, "/a/{pid}");
  EXPECT_EQ(ExpandSocketTemplate("/a/{pid:1d}", 700, 2).path, "/a/700");
}

TEST(AddressTest, KnowsWhetherWorkersGetPathsOfTheirOwn) {
  EXPECT_FALSE(ExpandSocketTemplate("/a", 7, 2).per_worker);
  EXPECT_FALSE(ExpandSocketTemplate("/{{pid}}", 7, 2).per_worker);
  EXPECT_TRUE(ExpandSocketTemplate("/{pid}", 7, 2).per_worker);
  EXPECT_TRUE(ExpandSocketTemplate("/{worker}", 7, 2).per_worker);
}

TEST(AddressTest, ABrokenTemplateIsTakenAsItIs) {
  for (const char* text :
       {"/x-{}", "/x-{broken", "/x-{broken}", "/x-}", "/x-{pid:21d}",
        "/x-{pid:x}", "/x-{pid:-1d}", "/{pid: 3d}", "/{pid}-{"}) {
    const SocketPath path = ExpandSocketTemplate(text, 7, 2);
    EXPECT_TRUE(path.literal) << text;
    EXPECT_FALSE(path.per_worker) << text;
    EXPECT_EQ(path.path, text);
  }
  EXPECT_FALSE(ExpandSocketTemplate("/x-{pid}", 7, 2).literal);
}

}  // namespace
}  // namespace bergen::backdoor
