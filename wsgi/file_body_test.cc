// SPDX-License-Identifier: Apache-2.0

#include "wsgi/file_body.h"

#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "service/unique_fd.h"
#include "tests/support/status_matchers.h"

namespace bergen::wsgi {
namespace {

UniqueFd FileWith(absl::string_view text) {
  UniqueFd fd(memfd_create("file_body_test", MFD_CLOEXEC));
  EXPECT_EQ(write(fd.get(), text.data(), text.size()),
            static_cast<ssize_t>(text.size()));
  return fd;
}

absl::StatusOr<std::string> ReadAll(BodySource& source) {
  std::string all;
  for (;;) {
    const absl::StatusOr<std::optional<absl::string_view>> piece =
        source.Next();
    if (!piece.ok()) return piece.status();
    if (!piece->has_value()) return all;
    absl::StrAppend(&all, **piece);
  }
}

TEST(FileBodyTest, GivesThePart) {
  FileBody body(FileWith("0123456789"), 3, 4);
  EXPECT_THAT(ReadAll(body), IsOkAndHolds(std::string("3456")));
}

TEST(FileBodyTest, GivesALargeFileInPieces) {
  std::string text(200000, '\0');
  for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i / 7);
  FileBody body(FileWith(text), 0, text.size());
  EXPECT_THAT(ReadAll(body), IsOkAndHolds(text));
}

TEST(FileBodyTest, GoesOnAfterWhatTheServerSent) {
  FileBody body(FileWith("0123456789"), 1, 8);
  body.SentFromFile(3);
  ASSERT_TRUE(body.File().has_value());
  EXPECT_EQ(body.File()->offset, 4u);
  EXPECT_EQ(body.File()->size, 5u);
  EXPECT_THAT(ReadAll(body), IsOkAndHolds(std::string("45678")));
  EXPECT_EQ(body.File()->size, 0u);
}

TEST(FileBodyTest, FileThatBecameShorterIsDataLoss) {
  FileBody body(FileWith("0123"), 0, 5);
  EXPECT_THAT(ReadAll(body), StatusIs(absl::StatusCode::kDataLoss));
}

TEST(FileBodyTest, EmptyPartIsTheEnd) {
  FileBody body(FileWith("0123"), 4, 0);
  EXPECT_THAT(ReadAll(body), IsOkAndHolds(std::string()));
}

}  // namespace
}  // namespace bergen::wsgi
