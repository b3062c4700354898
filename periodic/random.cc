// SPDX-License-Identifier: Apache-2.0

#include "periodic/random.h"

namespace bergen::periodic {

double SystemRandom::Uniform() {
  const absl::MutexLock lock(&mutex_);
  return absl::Uniform(bits_, 0.0, 1.0);
}

double SystemRandom::Gaussian(double mean, double deviation) {
  const absl::MutexLock lock(&mutex_);
  return absl::Gaussian(bits_, mean, deviation);
}

}  // namespace bergen::periodic
