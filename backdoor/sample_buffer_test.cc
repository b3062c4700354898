// SPDX-License-Identifier: Apache-2.0

#include "backdoor/sample_buffer.h"

#include <cstdint>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bergen::backdoor {
namespace {

void Write(SampleBuffer& buffer, int64_t weight) {
  SampleBuffer::Sample* sample = buffer.BeginWrite();
  if (sample == nullptr) return;
  sample->weight = weight;
  buffer.EndWrite(sample);
}

int64_t Read(SampleBuffer& buffer) {
  const SampleBuffer::Sample* sample = buffer.BeginRead();
  if (sample == nullptr) return -1;
  const int64_t weight = sample->weight;
  buffer.EndRead();
  return weight;
}

TEST(SampleBufferTest, GivesSamplesInTheirOrderManyTimesRound) {
  SampleBuffer buffer(4);
  for (int64_t i = 0; i < 100; i += 2) {
    Write(buffer, i);
    Write(buffer, i + 1);
    EXPECT_EQ(Read(buffer), i);
    EXPECT_EQ(Read(buffer), i + 1);
    EXPECT_EQ(Read(buffer), -1);
  }
  EXPECT_EQ(buffer.lost(), 0);
}

TEST(SampleBufferTest, CountsWhatFindsNoRoom) {
  SampleBuffer buffer(2);
  for (int64_t i = 0; i < 5; ++i) Write(buffer, i);
  EXPECT_EQ(buffer.lost(), 3);
  EXPECT_EQ(Read(buffer), 0);
  Write(buffer, 5);
  EXPECT_EQ(Read(buffer), 1);
  EXPECT_EQ(Read(buffer), 5);
  EXPECT_EQ(Read(buffer), -1);
}

TEST(SampleBufferTest, ASampleThatIsBeingWrittenIsNotRead) {
  SampleBuffer buffer(2);
  SampleBuffer::Sample* first = buffer.BeginWrite();
  Write(buffer, 2);
  EXPECT_EQ(Read(buffer), -1);
  first->weight = 1;
  buffer.EndWrite(first);
  EXPECT_EQ(Read(buffer), 1);
  EXPECT_EQ(Read(buffer), 2);
}

TEST(SampleBufferTest, ManyWritersLoseNothingThatHadRoom) {
  constexpr int kWriters = 4;
  constexpr int64_t kEach = 20000;
  SampleBuffer buffer(64);
  std::vector<std::thread> writers;
  for (int i = 0; i < kWriters; ++i) {
    writers.emplace_back([&buffer] {
      for (int64_t n = 0; n < kEach; ++n) Write(buffer, 1);
    });
  }
  int64_t read = 0;
  const auto done = [&] { return read + buffer.lost() == kWriters * kEach; };
  while (!done()) {
    if (Read(buffer) == 1) ++read;
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(Read(buffer), -1);
}

}  // namespace
}  // namespace bergen::backdoor
