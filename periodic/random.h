// SPDX-License-Identifier: Apache-2.0
//
// Chance, handed in, so that a test knows what comes.
//
//   SystemRandom random;
//   const double jitter = random.Gaussian(0.75, 0.1);

#ifndef PERIODIC_RANDOM_H_
#define PERIODIC_RANDOM_H_

#include "absl/base/thread_annotations.h"
#include "absl/random/random.h"
#include "absl/synchronization/mutex.h"

namespace bergen::periodic {

// Thread-safe.
class Random {
 public:
  virtual ~Random() = default;

  // In [0, 1), all equally likely.
  virtual double Uniform() = 0;
  virtual double Gaussian(double mean, double deviation) = 0;
};

// Seeded by the system. Of no use for secrets.
class SystemRandom : public Random {
 public:
  double Uniform() override;
  double Gaussian(double mean, double deviation) override;

 private:
  absl::Mutex mutex_;
  absl::BitGen bits_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace bergen::periodic

#endif  // PERIODIC_RANDOM_H_
