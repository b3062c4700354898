// SPDX-License-Identifier: Apache-2.0

#include "wsgi/access_log.h"

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/support/status_matchers.h"

namespace bergen::wsgi {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;

AccessRecord Record() {
  return {.client_ip = "10.0.0.1",
          .client_port = "5000",
          .request_line = "GET / HTTP/1.1",
          .time = absl::FromCivil(absl::CivilSecond(2026, 11, 24, 2, 2, 54),
                                  absl::LocalTimeZone()),
          .status_code = 200,
          .body_length = 13,
          .wall_seconds = 0.25};
}

std::string Line(absl::string_view format, const AccessRecord& record) {
  const absl::StatusOr<AccessLogFormat> parsed =
      AccessLogFormat::Create(format);
  EXPECT_THAT(parsed, IsOk());
  return parsed.ok() ? parsed->Line(record) : "";
}

TEST(AccessLogTest, DefaultIsTheOriginals) {
  EXPECT_EQ(Line(kDefaultLogFormat, Record()),
            "10.0.0.1 \"GET / HTTP/1.1\" status: 200  len: 13 time: "
            "0.2500000");
}

TEST(AccessLogTest, EveryPlaceholderHasItsForms) {
  EXPECT_EQ(Line("%(client_port)s %(date_time)s", Record()),
            "5000 24/Nov/2026 02:02:54");
  EXPECT_EQ(
      Line("[%(status_code)5d|%(status_code)-5s|%(client_ip).4s]", Record()),
      "[  200|200  |10.0]");
  EXPECT_EQ(
      Line("%(wall_seconds)f %(wall_seconds).1f %(body_length)d%%", Record()),
      "0.250000 0.2 13%");
  EXPECT_EQ(Line("", Record()), "");
}

TEST(AccessLogTest, ForwardedClientsComeFirst) {
  AccessRecord record = Record();
  record.forwarded_for = "1.1.1.1, 2.2.2.2";
  EXPECT_EQ(Line("%(client_ip)s", record), "1.1.1.1,2.2.2.2,10.0.0.1");
}

TEST(AccessLogTest, ClientCannotForgeLines) {
  AccessRecord record = Record();
  record.request_line = "GET /\"\\\n\x1b\xff HTTP/1.1";
  record.forwarded_for = "a\nb";
  EXPECT_EQ(Line("%(client_ip)s \"%(request_line)s\"", record),
            "a\\x0ab,10.0.0.1 \"GET /\\\"\\\\\\x0a\\x1b\\xff HTTP/1.1\"");
}

TEST(AccessLogTest, ARequestMayHaveAnId) {
  AccessRecord record = Record();
  EXPECT_EQ(Line("[%(request_id)s]", record), "[]");
  record.request_id = "a\"1";
  EXPECT_EQ(Line("[%(request_id)-5s]", record), "[a\\\"1 ]");
}

TEST(AccessLogTest, JsonHasEveryField) {
  AccessRecord record = Record();
  record.time = absl::FromUnixMicros(1795485774000001);
  EXPECT_EQ(Line("json", record),
            "{\"time\": \"2026-11-24T02:02:54.000001Z\", "
            "\"client_ip\": \"10.0.0.1\", \"client_port\": \"5000\", "
            "\"request_line\": \"GET / HTTP/1.1\", \"status_code\": 200, "
            "\"body_length\": 13, \"wall_seconds\": 0.250000}");
  record.forwarded_for = "1.1.1.1, 2.2.2.2";
  record.request_id = "r-1";
  EXPECT_THAT(Line("json", record),
              AllOf(HasSubstr(", \"forwarded_for\": \"1.1.1.1, 2.2.2.2\", "),
                    EndsWith(", \"request_id\": \"r-1\"}")));
}

TEST(AccessLogTest, JsonIsJsonWhateverTheClientSends) {
  std::string bytes;
  for (int c = 0; c < 256; ++c) bytes += static_cast<char>(c);
  AccessRecord record = Record();
  record.request_line = bytes;
  const nlohmann::json line = nlohmann::json::parse(Line("json", record));
  std::string latin1;
  for (int c = 0; c < 256; ++c) {
    if (c < 0x80) {
      latin1 += static_cast<char>(c);
    } else {
      latin1 += static_cast<char>(0xc0 | c >> 6);
      latin1 += static_cast<char>(0x80 | (c & 0x3f));
    }
  }
  EXPECT_EQ(line["request_line"], latin1);
}

TEST(AccessLogTest, WrongTemplatesAreRefused) {
  for (const char* format : {"%(nonsense)s", "%(client_ip)", "%(client_ip)d",
                             "%(client_ip)x", "%(status_code)99999d", "%s", "%",
                             "%(client_ip", "%(client_ip).99999s", "%()s"}) {
    EXPECT_THAT(AccessLogFormat::Create(format),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("wsgi_log_format: ")))
        << format;
  }
}

}  // namespace
}  // namespace bergen::wsgi
