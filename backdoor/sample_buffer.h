// SPDX-License-Identifier: Apache-2.0
//
// Stacks on their way from signal handlers to the thread that counts them.
//
//   if (SampleBuffer::Sample* sample = buffer.BeginWrite()) {
//     CaptureStack(context, sample->stack);
//     buffer.EndWrite(sample);
//   }

#ifndef BACKDOOR_SAMPLE_BUFFER_H_
#define BACKDOOR_SAMPLE_BUFFER_H_

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "backdoor/capture_stack.h"

namespace bergen::backdoor {

// A bounded queue without locks: many writers, which may be signal handlers,
// and one reader. Source: Dmitry Vyukov's bounded MPMC queue.
class SampleBuffer {
 public:
  struct Sample {
    CapturedStack stack;
    pid_t thread = 0;
    // Timer periods that this sample stands for.
    int64_t weight = 0;

   private:
    friend class SampleBuffer;
    // Equal to a place: free for the writer of that place. One more: to be
    // read. Places count up for ever; a slot serves every `capacity`-th.
    std::atomic<uint64_t> turn{0};
  };

  // `capacity` must be a power of two.
  explicit SampleBuffer(size_t capacity)
      : mask_(capacity - 1), samples_(new Sample[capacity]) {
    for (size_t i = 0; i < capacity; ++i) samples_[i].turn = i;
  }

  // Async-signal-safe. Null if there is no room: the sample is lost, and
  // counted.
  Sample* BeginWrite() {
    uint64_t place = next_write_.load(std::memory_order_relaxed);
    while (true) {
      Sample& sample = samples_[place & mask_];
      const uint64_t turn = sample.turn.load(std::memory_order_acquire);
      if (turn == place) {
        if (next_write_.compare_exchange_weak(place, place + 1,
                                              std::memory_order_relaxed)) {
          return &sample;
        }
      } else if (turn < place) {
        lost_.fetch_add(1, std::memory_order_relaxed);
        return nullptr;
      } else {
        place = next_write_.load(std::memory_order_relaxed);
      }
    }
  }
  void EndWrite(Sample* sample) {
    sample->turn.fetch_add(1, std::memory_order_release);
  }

  // The oldest sample, unless there is none or it is still being written.
  const Sample* BeginRead() {
    Sample& sample = samples_[next_read_ & mask_];
    const bool ready =
        sample.turn.load(std::memory_order_acquire) == next_read_ + 1;
    return ready ? &sample : nullptr;
  }
  void EndRead() {
    Sample& sample = samples_[next_read_ & mask_];
    sample.turn.store(next_read_ + mask_ + 1, std::memory_order_release);
    ++next_read_;
  }

  int64_t lost() const { return lost_.load(std::memory_order_relaxed); }

 private:
  const uint64_t mask_;
  const std::unique_ptr<Sample[]> samples_;
  std::atomic<uint64_t> next_write_{0};
  uint64_t next_read_ = 0;
  std::atomic<int64_t> lost_{0};
};

}  // namespace bergen::backdoor

#endif  // BACKDOOR_SAMPLE_BUFFER_H_
