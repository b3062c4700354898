// SPDX-License-Identifier: Apache-2.0
//
// What a program does when values change. `Registry::OnChange` and `OnReport`
// make one, and return the subscription that ends it.

#ifndef CONFIG_HOOK_H_
#define CONFIG_HOOK_H_

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "config/handle.h"
#include "config/report.h"

namespace bergen::config {
namespace internal {

// One subscription.
class Hook {
 public:
  using OnChange =
      std::function<absl::Status(const AnyValue& from, const AnyValue& to)>;
  using OnReport = std::function<absl::Status(const Report& report)>;

  Hook(const Cell& cell, OnChange on_change)
      : cell_(&cell), on_change_(std::move(on_change)) {}
  explicit Hook(OnReport on_report) : on_report_(std::move(on_report)) {}

  // The option it is about, or null if it is about reports.
  const Cell* cell() const { return cell_; }

  // Calls it, unless the subscription has ended.
  absl::Status CallOnChange(const AnyValue& from, const AnyValue& to);
  absl::Status CallOnReport(const Report& report);

  // Returns when it is not running and will not, unless it is the caller.
  void End();
  bool ended() const { return ended_.load(); }

 private:
  absl::Status Call(absl::FunctionRef<absl::Status()> hook);

  const Cell* const cell_ = nullptr;
  const OnChange on_change_;
  const OnReport on_report_;
  absl::Mutex running_;
  std::atomic<bool> ended_ = false;
  std::atomic<std::thread::id> thread_;  // That is running it.
};

}  // namespace internal

// Ends a hook's subscription when destroyed: then the hook is not running, and
// will not, unless it is the hook itself that does so. Movable; may outlive the
// registry.
class [[nodiscard]] Subscription {
 public:
  Subscription() = default;
  Subscription(Subscription&&) = default;
  Subscription& operator=(Subscription&& other) noexcept;
  ~Subscription();

 private:
  friend class Registry;
  explicit Subscription(std::shared_ptr<internal::Hook> hook)
      : hook_(std::move(hook)) {}

  std::shared_ptr<internal::Hook> hook_;
};

}  // namespace bergen::config

#endif  // CONFIG_HOOK_H_
