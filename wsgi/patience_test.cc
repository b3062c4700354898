// SPDX-License-Identifier: Apache-2.0

#include "wsgi/patience.h"

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace bergen::wsgi {
namespace {

TEST(PatienceTest, SilenceIsBounded) {
  Patience patience(absl::Seconds(60), 500);
  EXPECT_EQ(patience.left(), absl::Seconds(60));
  patience.Waited(absl::Seconds(60));
  EXPECT_EQ(patience.left(), absl::ZeroDuration());
  patience.Waited(absl::Seconds(1));
  EXPECT_EQ(patience.left(), absl::ZeroDuration());
}

TEST(PatienceTest, BytesThatDripDoNotRenewIt) {
  Patience patience(absl::Seconds(60), 500);
  for (int i = 0; i < 59; ++i) {
    patience.Waited(absl::Seconds(1));
    patience.Moved(1);
  }
  // A byte a second is 499 too few.
  EXPECT_EQ(patience.left(), absl::Seconds(1) + 59 * absl::Milliseconds(2));
}

TEST(PatienceTest, EnoughBytesRenewItUpToTheSilence) {
  Patience patience(absl::Seconds(60), 500);
  for (int i = 0; i < 1000; ++i) {
    patience.Waited(absl::Seconds(1));
    patience.Moved(500);
  }
  EXPECT_EQ(patience.left(), absl::Seconds(60));
  patience.Moved(1000000);
  EXPECT_EQ(patience.left(), absl::Seconds(60));
}

TEST(PatienceTest, WithoutARateAnyByteIsEnough) {
  Patience patience(absl::Seconds(60), 0);
  for (int i = 0; i < 1000; ++i) {
    patience.Waited(absl::Seconds(59));
    patience.Moved(1);
  }
  EXPECT_EQ(patience.left(), absl::Seconds(60));
}

TEST(PatienceTest, MayBeEndless) {
  Patience patience(absl::InfiniteDuration(), 500);
  patience.Waited(absl::Hours(1000));
  EXPECT_EQ(patience.left(), absl::InfiniteDuration());
}

}  // namespace
}  // namespace bergen::wsgi
