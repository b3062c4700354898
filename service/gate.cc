// SPDX-License-Identifier: Apache-2.0

#include "service/gate.h"

#include <cstdio>
#include <cstdlib>

namespace bergen {

Gate::~Gate() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (inside_ == 0) return;
  std::fprintf(stderr, "gate: destroyed with %d inside\n", inside_);
  std::abort();
}

std::optional<Gate::Pass> Gate::Enter() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (closed_) return std::nullopt;
  ++inside_;
  return Pass(this);
}

void Gate::Close() {
  const std::lock_guard<std::mutex> lock(mutex_);
  closed_ = true;
  if (inside_ == 0) empty_.Set();
}

bool Gate::WaitUntilEmpty(periodic::Clock& clock, absl::Time deadline) {
  return clock.WaitUntil(empty_, deadline);
}

int Gate::inside() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return inside_;
}

void Gate::Leave() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (--inside_ == 0 && closed_) empty_.Set();
}

}  // namespace bergen
