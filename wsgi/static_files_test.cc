// SPDX-License-Identifier: Apache-2.0

#include "wsgi/static_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "wsgi/application.h"
#include "wsgi/environ.h"
#include "wsgi/paste_factories.h"
#include "wsgi/test_client.h"
#include "wsgi/validator.h"

namespace bergen::wsgi {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

using Headers = std::vector<std::pair<std::string, std::string>>;

class StaticFilesTest : public ::testing::Test {
 protected:
  StaticFilesTest() {
    std::filesystem::create_directories(Path("root/sub/empty"));
    Write("secret", "no");
    Write("root/index.html", "<p>");
    Write("root/a b.TXT", "0123456789");
    Write("root/sub/index.html", "<i>");
    Write("root/.hidden", "no");
  }

  ~StaticFilesTest() override { std::filesystem::remove_all(Path("")); }

  // Under a directory of this test alone.
  static std::string Path(absl::string_view name) {
    return absl::StrCat(
        ::testing::TempDir(), "static_files_",
        ::testing::UnitTest::GetInstance()->current_test_info()->name(), "/",
        name);
  }

  // Written at 2026-11-24 02:02:54.
  static void Write(absl::string_view name, absl::string_view text) {
    const std::string path = Path(name);
    std::ofstream(path) << text;
    const timespec time = {1795485774, 7};
    const timespec times[] = {time, time};
    EXPECT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  }

  TestResponse Call(const TestRequest& request,
                    const StaticFilesOptions& options = {}) {
    absl::StatusOr<std::unique_ptr<StaticFiles>> files =
        StaticFiles::Create(Path("root"), options);
    EXPECT_THAT(files, IsOk());
    if (!files.ok()) return {};
    Validator validator(**files);
    absl::StatusOr<TestResponse> response = TestClient(validator).Call(request);
    EXPECT_THAT(response, IsOk());
    return response.ok() ? *response : TestResponse();
  }

  TestResponse Get(const std::string& target, const Headers& headers = {}) {
    return Call({.target = target, .headers = headers});
  }
};

TEST_F(StaticFilesTest, ServesAFileWithItsTypeAndVersion) {
  const TestResponse response = Get("/a%20b.TXT?x=1");
  EXPECT_EQ(response.code, 200);
  EXPECT_EQ(response.body(), "0123456789");
  EXPECT_EQ(response.Header("Content-Type"), "text/plain");
  EXPECT_EQ(response.Header("Content-Length"), "10");
  EXPECT_EQ(response.Header("Last-Modified"), "Tue, 24 Nov 2026 02:02:54 GMT");
  EXPECT_EQ(response.Header("ETag"), "\"a-18ead8cc6e898c07\"");
  EXPECT_EQ(response.Header("Accept-Ranges"), "bytes");
  EXPECT_EQ(response.Header("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(response.Header("Cache-Control"), std::nullopt);
}

TEST_F(StaticFilesTest, HeadIsGetWithoutTheBody) {
  const TestResponse head = Call({.method = "HEAD", .target = "/a%20b.TXT"});
  EXPECT_EQ(head.headers, Get("/a%20b.TXT").headers);
  EXPECT_EQ(head.body(), "");
  EXPECT_EQ(Call({.method = "HEAD",
                  .target = "/a%20b.TXT",
                  .headers = {{"Range", "bytes=0-1"}}})
                .code,
            200);
}

TEST_F(StaticFilesTest, OtherMethodsAreNotAllowed) {
  const TestResponse response = Call({.method = "POST", .target = "/"});
  EXPECT_EQ(response.code, 405);
  EXPECT_EQ(response.Header("Allow"), "GET, HEAD");
}

TEST_F(StaticFilesTest, ADirectoryIsItsIndexUnderItsNameWithASlash) {
  EXPECT_EQ(Get("/").body(), "<p>");
  EXPECT_EQ(Get("/").Header("Content-Type"), "text/html");
  EXPECT_EQ(Get("/sub/").body(), "<i>");
  const TestResponse redirect = Get("/sub?a=b");
  EXPECT_EQ(redirect.code, 301);
  EXPECT_EQ(redirect.Header("Location"), "/sub/?a=b");
  EXPECT_EQ(Get("/sub/empty").code, 404);
  EXPECT_EQ(Get("/sub/empty/").code, 404);
  EXPECT_EQ(Call({.target = "/"}, {.index = ""}).code, 404);
  EXPECT_EQ(Call({.target = "/sub"}, {.index = ""}).code, 404);
  EXPECT_EQ(Get("/index.html/").code, 404);
  EXPECT_EQ(Get("/none").code, 404);
}

TEST_F(StaticFilesTest, ARedirectIsBelowWhereTheApplicationIs) {
  std::filesystem::create_directories(Path("root/\xc3\xbc x"));
  Write("root/\xc3\xbc x/index.html", "");
  absl::StatusOr<std::unique_ptr<StaticFiles>> files =
      StaticFiles::Create(Path("root"), {});
  ASSERT_THAT(files, IsOk());
  FunctionApplication below([&](Environ& environ, StartResponse& start) {
    environ.ShiftPath(4);
    return (**files)(environ, start);
  });
  EXPECT_EQ(TestClient(below)
                .Call({.target = "/a%20b/%c3%bc%20x"})
                ->Header("Location"),
            "/a%20b/%C3%BC%20x/");
}

TEST_F(StaticFilesTest, NothingOutsideIsServed) {
  std::filesystem::create_symlink("../../secret", Path("root/sub/up"));
  std::filesystem::create_symlink(Path("secret"), Path("root/absolute"));
  std::filesystem::create_symlink("..", Path("root/parent"));
  std::filesystem::create_symlink("/proc/self/root", Path("root/magic"));
  std::filesystem::create_symlink("loop", Path("root/loop"));
  for (const char* target :
       {"/../secret", "/sub/../../secret", "/%2e%2e/secret", "/..%2fsecret",
        "/sub/up", "/absolute", "/parent/secret", "/magic/etc/passwd", "/loop",
        "/.hidden", "/./a%20b.TXT", "/sub/../a%20b.TXT", "/a%20b.TXT%00",
        "/%00", "/a%20b.TXT/x"}) {
    const absl::StatusOr<std::unique_ptr<StaticFiles>> files =
        StaticFiles::Create(Path("root"), {});
    ASSERT_THAT(files, IsOk());
    const absl::StatusOr<TestResponse> response =
        TestClient(**files).Call({.target = target});
    // The server refuses some of these itself.
    if (response.ok()) {
      EXPECT_EQ(response->code, 404) << target;
    }
  }
  EXPECT_EQ(Get("/parent/secret").code, 404);
}

TEST_F(StaticFilesTest, LinksInsideAreFollowed) {
  std::filesystem::create_symlink("../a b.TXT", Path("root/sub/link.css"));
  const TestResponse response = Get("/sub/link.css");
  EXPECT_EQ(response.body(), "0123456789");
  EXPECT_EQ(response.Header("Content-Type"), "text/css");
}

TEST_F(StaticFilesTest, WhatIsNoRegularFileIsNotFoundAtOnce) {
  ASSERT_EQ(mkfifo(Path("root/pipe").c_str(), 0600), 0);
  EXPECT_EQ(Get("/pipe").code, 404);
}

TEST_F(StaticFilesTest, TheDirectoryMayBeMoved) {
  absl::StatusOr<std::unique_ptr<StaticFiles>> files =
      StaticFiles::Create(Path("root"), {});
  ASSERT_THAT(files, IsOk());
  std::filesystem::rename(Path("root"), Path("moved"));
  EXPECT_EQ(TestClient(**files).Call({})->body(), "<p>");
}

TEST_F(StaticFilesTest, ClientsThatHaveTheFileAreToldSo) {
  const std::string etag = *Get("/a%20b.TXT").Header("ETag");
  const auto code = [&](const Headers& headers) {
    return Get("/a%20b.TXT", headers).code;
  };
  const std::string date = "Tue, 24 Nov 2026 02:02:54 GMT";
  EXPECT_EQ(code({{"If-None-Match", etag}}), 304);
  EXPECT_EQ(code({{"If-None-Match", absl::StrCat("\"x\", W/", etag)}}), 304);
  EXPECT_EQ(code({{"If-None-Match", "*"}}), 304);
  EXPECT_EQ(code({{"If-None-Match", "\"x\""}}), 200);
  EXPECT_EQ(code({{"If-Modified-Since", date}}), 304);
  EXPECT_EQ(code({{"If-Modified-Since", "Tuesday, 24-Nov-26 02:02:54 GMT"}}),
            304);
  EXPECT_EQ(code({{"If-Modified-Since", "Tue Nov 24 02:02:54 2026"}}), 304);
  EXPECT_EQ(code({{"If-Modified-Since", "Tue, 24 Nov 2026 02:02:53 GMT"}}),
            200);
  EXPECT_EQ(code({{"If-Modified-Since", "yesterday"}}), 200);
  // The first of two decides.
  EXPECT_EQ(code({{"If-None-Match", "\"x\""}, {"If-Modified-Since", date}}),
            200);
  const TestResponse response = Get("/a%20b.TXT", {{"If-None-Match", etag}});
  EXPECT_EQ(response.body(), "");
  EXPECT_EQ(response.Header("ETag"), etag);
}

TEST_F(StaticFilesTest, ConditionsThatFailAre412) {
  const std::string etag = *Get("/a%20b.TXT").Header("ETag");
  const auto code = [&](const Headers& headers) {
    return Get("/a%20b.TXT", headers).code;
  };
  EXPECT_EQ(code({{"If-Match", etag}}), 200);
  EXPECT_EQ(code({{"If-Match", "*"}}), 200);
  EXPECT_EQ(code({{"If-Match", "\"x\""}}), 412);
  EXPECT_EQ(code({{"If-Match", absl::StrCat("W/", etag)}}), 412);
  EXPECT_EQ(code({{"If-Unmodified-Since", "Tue, 24 Nov 2026 02:02:54 GMT"}}),
            200);
  EXPECT_EQ(code({{"If-Unmodified-Since", "Tue, 24 Nov 2026 02:02:53 GMT"}}),
            412);
}

TEST_F(StaticFilesTest, ARangeIsAPart) {
  const struct {
    const char* range;
    const char* body;
    const char* content_range;
  } kCases[] = {
      {"bytes=0-0", "0", "bytes 0-0/10"},
      {"bytes=3-5", "345", "bytes 3-5/10"},
      {"BYTES=8-", "89", "bytes 8-9/10"},
      {"bytes=8-100", "89", "bytes 8-9/10"},
      {"bytes=-3", "789", "bytes 7-9/10"},
      {"bytes=-30", "0123456789", "bytes 0-9/10"},
  };
  for (const auto& test : kCases) {
    const TestResponse response = Get("/a%20b.TXT", {{"Range", test.range}});
    EXPECT_EQ(response.code, 206) << test.range;
    EXPECT_EQ(response.body(), test.body) << test.range;
    EXPECT_EQ(response.Header("Content-Range"), test.content_range);
  }
}

TEST_F(StaticFilesTest, ARangeThatMakesNoSenseIsTheWholeAndOneBeyondTheEnd416) {
  for (const char* range :
       {"bytes", "bytes=", "bytes=-", "bytes=5-3", "bytes=a-b", "lines=0-1",
        "bytes=0-1,3-4", "bytes=+1-2", "bytes=99999999999999999999-"}) {
    EXPECT_EQ(Get("/a%20b.TXT", {{"Range", range}}).code, 200) << range;
  }
  for (const char* range : {"bytes=10-", "bytes=10-20", "bytes=-0"}) {
    const TestResponse response = Get("/a%20b.TXT", {{"Range", range}});
    EXPECT_EQ(response.code, 416) << range;
    EXPECT_EQ(response.Header("Content-Range"), "bytes */10");
  }
  Write("root/empty.txt", "");
  EXPECT_EQ(Get("/empty.txt").code, 200);
  EXPECT_EQ(Get("/empty.txt", {{"Range", "bytes=0-"}}).code, 416);
  EXPECT_EQ(Get("/empty.txt", {{"Range", "bytes=-5"}}).code, 416);
}

TEST_F(StaticFilesTest, ARangeMayDependOnTheVersion) {
  const std::string etag = *Get("/a%20b.TXT").Header("ETag");
  const auto code = [&](const std::string& if_range) {
    return Get("/a%20b.TXT", {{"Range", "bytes=0-1"}, {"If-Range", if_range}})
        .code;
  };
  EXPECT_EQ(code(etag), 206);
  EXPECT_EQ(code("\"x\""), 200);
  EXPECT_EQ(code(absl::StrCat("W/", etag)), 200);
  EXPECT_EQ(code("Tue, 24 Nov 2026 02:02:54 GMT"), 206);
  EXPECT_EQ(code("Tue, 24 Nov 2026 02:02:55 GMT"), 200);
}

TEST_F(StaticFilesTest, LargeFilesComeInPieces) {
  std::string large;
  for (int i = 0; large.size() < 200000; ++i) absl::StrAppend(&large, i, ",");
  Write("root/large.bin", large);
  const TestResponse response = Get("/large.bin");
  EXPECT_EQ(response.body(), large);
  EXPECT_THAT(response.pieces, SizeIs(4));
  EXPECT_EQ(Get("/large.bin", {{"Range", "bytes=1000-100000"}}).body(),
            large.substr(1000, 99001));
}

TEST_F(StaticFilesTest, AFileThatBecomesShorterBreaksTheAnswerOff) {
  Write("root/large.bin", std::string(200000, 'x'));
  absl::StatusOr<std::unique_ptr<StaticFiles>> files =
      StaticFiles::Create(Path("root"), {});
  ASSERT_THAT(files, IsOk());
  FunctionApplication app([&](Environ& environ, StartResponse& start) {
    absl::StatusOr<Body> body = (**files)(environ, start);
    std::filesystem::resize_file(Path("root/large.bin"), 70000);
    return body;
  });
  EXPECT_THAT(TestClient(app).Call({.target = "/large.bin"}),
              StatusIs(absl::StatusCode::kDataLoss, "file: became shorter"));
}

TEST_F(StaticFilesTest, TypesAndAgeAreOptions) {
  Write("root/x.Foo", "");
  const StaticFilesOptions options = {.types = {{"foo", "text/x-foo"}},
                                      .max_age = absl::Minutes(2)};
  const TestResponse response = Call({.target = "/x.Foo"}, options);
  EXPECT_EQ(response.Header("Content-Type"), "text/x-foo");
  EXPECT_EQ(response.Header("Cache-Control"), "max-age=120");
}

TEST_F(StaticFilesTest, TheDirectoryMustBeOne) {
  EXPECT_THAT(StaticFiles::Create(Path("none"), {}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("none")));
  EXPECT_THAT(
      StaticFiles::Create(Path("secret"), {}),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("secret")));
  EXPECT_THAT(StaticFiles::Create(Path("root"), {.index = "../secret"}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(StaticFilesTest, ASectionOfAPasteFileNamesTheDirectory) {
  const absl::StatusOr<std::unique_ptr<Application>> app = StaticFilesFactory(
      {}, {{"document_root", Path("root")}, {"cache_max_age", "5"}});
  ASSERT_THAT(app, IsOk());
  const absl::StatusOr<TestResponse> response = TestClient(**app).Call({});
  EXPECT_EQ(response->body(), "<p>");
  EXPECT_EQ(response->Header("Cache-Control"), "max-age=5");
  EXPECT_THAT(StaticFilesFactory({}, {}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "static files: no document_root"));
  EXPECT_THAT(StaticFilesFactory({}, {{"document_root", Path("root")},
                                      {"cache_max_age", "-5"}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("-5")));
}

TEST(MediaTypeTest, IsThatOfTheLastExtension) {
  EXPECT_EQ(MediaTypeOf("a/b.html"), "text/html");
  EXPECT_EQ(MediaTypeOf("a.tar.GZ"), "application/gzip");
  EXPECT_EQ(MediaTypeOf("x.aac"), "audio/aac");
  EXPECT_EQ(MediaTypeOf("x.zst"), "application/zstd");
  EXPECT_EQ(MediaTypeOf("x.woff2"), "font/woff2");
  EXPECT_EQ(MediaTypeOf("x.none"), "application/octet-stream");
  EXPECT_EQ(MediaTypeOf("html"), "application/octet-stream");
}

}  // namespace
}  // namespace bergen::wsgi
