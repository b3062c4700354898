// SPDX-License-Identifier: Apache-2.0
//
// Chance for tests: always the same.
//
//   FakeRandom random(0.8);

#ifndef PERIODIC_FAKE_RANDOM_H_
#define PERIODIC_FAKE_RANDOM_H_

#include <atomic>

#include "periodic/random.h"

namespace bergen::periodic {

// Thread-safe.
class FakeRandom : public Random {
 public:
  explicit FakeRandom(double value) : value_(value) {}

  void Set(double value) { value_ = value; }
  double Uniform() override { return value_; }
  double Gaussian(double, double) override { return value_; }

 private:
  std::atomic<double> value_;
};

}  // namespace bergen::periodic

#endif  // PERIODIC_FAKE_RANDOM_H_
