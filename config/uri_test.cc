// SPDX-License-Identifier: Apache-2.0

#include "config/uri.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "config/host.h"
#include "config/option.h"
#include "config/registry.h"
#include "config/value.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

TEST(UriTest, HasASchemeAndAHost) {
  for (const char* text :
       {"http://h", "http://h/", "HTTP://h:80/a/b;c=d?e=f/?#g/?", "a+b-c.1://h",
        "rabbit://user:p%40ss@h:5672/%2F", "http://h:", "http://[::1]:9696",
        "http://[fe80::1%25eth0]/", "http://[v1.a:b]", "http://1.2.3.4.5",
        "http://010.1.1.1", "http://a_b~c", "http://h//p", "http://h?",
        "http://h#", "http://999.example"}) {
    EXPECT_THAT(ParseValue<Uri>(text), IsOkAndHolds(Uri{text})) << text;
  }
}

TEST(UriTest, SaysWhatIsWrong) {
  const auto wrong = [](absl::string_view text, const std::string& what) {
    EXPECT_THAT(ParseValue<Uri>(text), StatusIs(kInvalid, "not a URI: " + what))
        << text;
  };
  for (const char* text : {"", "h", "//h", "1a://h", "a b://h", "://h"}) {
    wrong(text, "it does not begin with a scheme");
  }
  for (const char* text : {"mailto:a@b", "http:/h", "http:"}) {
    wrong(text, "no // and host follow its scheme");
  }
  for (const char* text : {"http://", "file:///p", "http://:80", "http://u@"}) {
    wrong(text, "it has no host");
  }
  wrong("http://@h", "its user is empty");
  wrong("http://a b@h",
        "its user has a character that must be percent-encoded");
  for (const char* text : {"http://a b", "http://h\n", "http://\xc3\xa9",
                           "http://h%zz", "http://h%4", "http://a@b@c"}) {
    wrong(text, "its host has a character that must be percent-encoded");
  }
  for (const char* text :
       {"http://[", "http://[]", "http://[::1", "http://[1.2.3.4]",
        "http://[fe80::1%eth0]", "http://[::1%25]", "http://[v.a]",
        "http://[v1.]", "http://[vx.a]", "http://[::1%25a+b]"}) {
    wrong(text, "what stands in [] is not an IPv6 address");
  }
  wrong("http://[::1]80", "only a port may follow the host in []");
  wrong("http://1.2.3.256", "its host is not an IPv4 address: above 255");
  for (const char* text : {"http://h:65536", "http://h:a", "http://h:-1",
                           "http://h:99999999999999999999", "http://[::1]:+"}) {
    wrong(text, "its port must be 0 to 65535");
  }
  for (const char* text : {"http://h/a b", "http://h/%", "http://h/\"",
                           "http://h/[", "http://h/a\\b"}) {
    wrong(text, "its path has a character that must be percent-encoded");
  }
  wrong("http://h?a b",
        "its query has a character that must be percent-encoded");
  wrong("http://h#a#b",
        "its fragment has a character that must be percent-encoded");
}

TEST(UriTest, MayHaveALargestLengthAndSchemes) {
  const TypeRules<Uri> rules = {.max_length = 9, .schemes = {"http", "https"}};
  EXPECT_THAT(ParseValue<Uri>("http://ab", rules), IsOk());
  EXPECT_THAT(ParseValue<Uri>("HTTPS://a", rules), IsOk());
  EXPECT_THAT(ParseValue<Uri>("http://abc", rules),
              StatusIs(kInvalid, "longer than 9 characters"));
  EXPECT_THAT(ParseValue<Uri>("ftp://ab", rules),
              StatusIs(kInvalid, "its scheme must be one of http, https"));
  const AnyOption option = Option<Uri>{.name = "a", .type = rules};
  EXPECT_THAT(
      option.description().rules,
      ElementsAre("at most 9 characters", "its scheme is one of http, https"));
  EXPECT_FALSE(option == AnyOption(Option<Uri>{.name = "a"}));
}

TEST(UriTest, ChecksRulesAndValuesOfCode) {
  const AnyOption bad_scheme =
      Option<Uri>{.name = "a", .type = {.schemes = {"http://"}}};
  EXPECT_THAT(bad_scheme.erased().definition_status(),
              StatusIs(kInvalid, HasSubstr("schemes is none: \"http://\"")));
  const AnyOption bad_default =
      Option<Uri>{.name = "a", .default_value = Uri{"h"}};
  EXPECT_THAT(bad_default.erased().definition_status(),
              StatusIs(kInvalid,
                       "its default not a URI: it does not begin with a "
                       "scheme: \"h\""));
  const AnyOption later =
      Option<Uri>{.name = "a", .default_value = Uri{"http://$host:80"}};
  EXPECT_THAT(later.erased().definition_status(), IsOk());
}

TEST(UriTest, MayReferToOtherOptions) {
  Registry registry;
  ASSERT_THAT(registry.Register(
                  "g", Option<IpAddress>{.name = "ip",
                                         .default_value = IpAddress{"::1"}}),
              IsOk());
  const auto uri = registry.Register(
      "g", Option<Uri>{.name = "uri", .default_value = Uri{"http://[$ip]:80"}});
  ASSERT_THAT(uri, IsOk());
  EXPECT_EQ(uri->Get(), Uri{"http://[::1]:80"});
  ASSERT_THAT(registry.SetOverrideFromText("g", "uri", "ftp://a.$ip"),
              StatusIs(kInvalid, HasSubstr("its port must be 0 to 65535")));
  ASSERT_THAT(registry.SetOverrideFromText("g", "uri", "ftp://[${g.ip}]"),
              IsOk());
  EXPECT_EQ(uri->Get(), Uri{"ftp://[::1]"});
}

TEST(UriTest, StandsInLists) {
  EXPECT_THAT(ParseValue<std::vector<Uri>>("http://a, http://b/x"),
              IsOkAndHolds(ElementsAre(Uri{"http://a"}, Uri{"http://b/x"})));
}

}  // namespace
}  // namespace bergen::config
