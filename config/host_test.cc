// SPDX-License-Identifier: Apache-2.0

#include "config/host.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "config/option.h"
#include "config/value.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

TEST(IpAddressTest, IsWhatInetPtonReads) {
  for (const char* text : {"127.0.0.1", "0.0.0.0", "255.255.255.255", "::1",
                           "fe80::1", "::ffff:1.2.3.4", "ABCD:ef01::"}) {
    EXPECT_THAT(ParseValue<IpAddress>(text), IsOkAndHolds(IpAddress{text}));
  }
  for (const char* text :
       {"", " 127.0.0.1", "127.0.0.1 ", "127.0.0.1\n", "10.1", "010.0.0.1",
        "256.0.0.1", "fe80::1%eth0", "[::1]", "10.0.0.0/8", ":::", "host"}) {
    EXPECT_THAT(ParseValue<IpAddress>(text),
                StatusIs(kInvalid, "not an IPv4 or IPv6 address"))
        << text;
  }
  EXPECT_THAT(ParseValue<IpAddress>(absl::string_view("::1\0x", 5)),
              Not(IsOk()));
}

TEST(IpAddressTest, MayBeOfOneVersionOnly) {
  const TypeRules<IpAddress> v4 = {.version = IpVersion::k4};
  const TypeRules<IpAddress> v6 = {.version = IpVersion::k6};
  EXPECT_THAT(ParseValue<IpAddress>("1.2.3.4", v4), IsOk());
  EXPECT_THAT(ParseValue<IpAddress>("::1", v4),
              StatusIs(kInvalid, "not an IPv4 address"));
  EXPECT_THAT(ParseValue<IpAddress>("::1", v6), IsOk());
  EXPECT_THAT(ParseValue<IpAddress>("1.2.3.4", v6),
              StatusIs(kInvalid, "not an IPv6 address"));
}

TEST(HostnameTest, HasLabelsOfLettersDigitsAndHyphens) {
  const std::string longest_label(63, 'a');
  for (const std::string& text :
       {std::string("localhost"), std::string("a.b-c.D9"), std::string("9.a1"),
        std::string("a--b"), longest_label + ".x"}) {
    EXPECT_THAT(ParseValue<Hostname>(text), IsOkAndHolds(Hostname{text}));
  }
  EXPECT_THAT(ParseValue<Hostname>("host.example."),
              IsOkAndHolds(Hostname{"host.example"}));
  for (const std::string& text :
       {std::string("-a"), std::string("a-"), std::string("a-.b"),
        std::string("a_b"), std::string("a b"), std::string("a\n"),
        std::string("\"a\""), std::string("1.2.3.4."), std::string("a..b"),
        std::string(".a"), std::string("a.."), std::string("\xc3\xa9"),
        longest_label + "a"}) {
    EXPECT_THAT(ParseValue<Hostname>(text),
                StatusIs(kInvalid, HasSubstr("a label must be 1 to 63")))
        << text;
  }
  for (const char* text : {"", "."}) {
    EXPECT_THAT(ParseValue<Hostname>(text),
                StatusIs(kInvalid, "a hostname must not be empty"));
  }
}

TEST(HostnameTest, CannotBeTakenForAnAddress) {
  for (const char* text : {"10.0.0.0", "3.14", "org.10", "10"}) {
    EXPECT_THAT(ParseValue<Hostname>(text),
                StatusIs(kInvalid, HasSubstr("its last label must have")))
        << text;
  }
}

TEST(HostnameTest, HasAtMost253Characters) {
  std::string name(251, 'a');
  for (size_t i = 50; i < name.size(); i += 50) name[i] = '.';
  EXPECT_THAT(ParseValue<Hostname>(name + "aa"), IsOk());
  EXPECT_THAT(ParseValue<Hostname>(name + "a."),
              IsOkAndHolds(Hostname{name + "a"}));
  for (const char* end : {"aaa", "aa."}) {
    EXPECT_THAT(
        ParseValue<Hostname>(name + end),
        StatusIs(kInvalid, "a hostname must have at most 253 characters"));
  }
}

TEST(HostAddressTest, IsAnAddressOrAName) {
  for (const char* text : {"10.0.0.1", "::1", "host.example"}) {
    EXPECT_THAT(ParseValue<HostAddress>(text), IsOkAndHolds(HostAddress{text}));
  }
  EXPECT_THAT(ParseValue<HostAddress>("host."),
              IsOkAndHolds(HostAddress{"host"}));
  for (const char* text :
       {"", "10.0.0.256", "10.1", "10.0.0.1.", "::1.", "a_b", "[::1]"}) {
    EXPECT_THAT(ParseValue<HostAddress>(text),
                StatusIs(kInvalid, "neither an IP address nor a hostname"))
        << text;
  }
  const TypeRules<HostAddress> v4 = {.version = IpVersion::k4};
  EXPECT_THAT(ParseValue<HostAddress>("host", v4), IsOk());
  EXPECT_THAT(ParseValue<HostAddress>("::1", v4),
              StatusIs(kInvalid, "neither an IPv4 address nor a hostname"));
  const TypeRules<HostAddress> v6 = {.version = IpVersion::k6};
  EXPECT_THAT(ParseValue<HostAddress>("1.2.3.4", v6),
              StatusIs(kInvalid, "neither an IPv6 address nor a hostname"));
}

TEST(HostDomainTest, AllowsUnderscores) {
  for (const char* text : {"10.0.0.1", "::1", "_foo", "host_01.co.uk"}) {
    EXPECT_THAT(ParseValue<HostDomain>(text), IsOkAndHolds(HostDomain{text}));
  }
  for (const char* text : {"", "_9", "a.-b", "10.0.0.256", "a b"}) {
    EXPECT_THAT(ParseValue<HostDomain>(text), Not(IsOk())) << text;
  }
}

TEST(HostTest, ValuesOfCodeAreCheckedToo) {
  const auto listed = [](const AnyOption& option) {
    return option.erased().definition_status();
  };
  EXPECT_THAT(
      listed(Option<IpAddress>{.name = "a", .default_value = IpAddress{"x"}}),
      StatusIs(kInvalid, "its default not an IPv4 or IPv6 address: \"x\""));
  EXPECT_THAT(listed(Option<IpAddress>{.name = "a",
                                       .default_value = IpAddress{"$host"}}),
              IsOk());
  EXPECT_THAT(
      listed(Option<Hostname>{.name = "a", .choices = {{Hostname{"a_b"}, ""}}}),
      StatusIs(kInvalid, HasSubstr("a choice not a hostname")));
}

TEST(HostTest, ListsHaveItemsOfTheVersion) {
  const AnyOption option = Option<std::vector<IpAddress>>{
      .name = "servers", .type = {.item = {.version = IpVersion::k4}}};
  EXPECT_THAT(option.CheckText("1.2.3.4, 5.6.7.8"), IsOk());
  EXPECT_THAT(option.CheckText("1.2.3.4,::1"),
              StatusIs(kInvalid, "item 2: not an IPv4 address: \"::1\""));
  EXPECT_THAT(option.description().rules,
              ElementsAre("each item: addresses of IPv4 only"));
  EXPECT_EQ(option.description().type_name, "list value");
  EXPECT_THAT(AnyOption(Option<HostDomain>{.name = "a"}).description().rules,
              IsEmpty());
}

}  // namespace
}  // namespace bergen::config
