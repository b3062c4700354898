// SPDX-License-Identifier: Apache-2.0

#include "config/hook.h"

namespace bergen::config {
namespace internal {

absl::Status Hook::CallOnChange(const AnyValue& from, const AnyValue& to) {
  return Call([&] { return on_change_(from, to); });
}

absl::Status Hook::CallOnReport(const Report& report) {
  return Call([&] { return on_report_(report); });
}

absl::Status Hook::Call(absl::FunctionRef<absl::Status()> hook) {
  absl::MutexLock lock(&running_);
  if (ended_.load()) return absl::OkStatus();
  thread_.store(std::this_thread::get_id());
  absl::Status status = hook();
  thread_.store(std::thread::id());
  return status;
}

void Hook::End() {
  ended_.store(true);
  if (thread_.load() == std::this_thread::get_id()) return;
  absl::MutexLock lock(&running_);
}

}  // namespace internal

Subscription& Subscription::operator=(Subscription&& other) noexcept {
  if (this == &other) return *this;
  if (hook_) hook_->End();
  hook_ = std::move(other.hook_);
  return *this;
}

Subscription::~Subscription() {
  if (hook_) hook_->End();
}

}  // namespace bergen::config
