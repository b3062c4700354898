// SPDX-License-Identifier: Apache-2.0
//
// The two questions of stopping: refuse what is new, know when the rest is
// done.
//
//   std::optional<bergen::Gate::Pass> pass = gate.Enter();
//   if (!pass.has_value()) return Refuse();
//   Work();                     // Until `pass` is destroyed.
//   ...
//   gate.Close();               // In `Stop`.
//   gate.WaitUntilEmpty(clock, absl::InfiniteFuture());  // In `Wait`.
//
// Source: the pool that `wsgi.Server` of oslo.service waits for, and Seastar's
// gate.

#ifndef SERVICE_GATE_H_
#define SERVICE_GATE_H_

#include <mutex>
#include <optional>
#include <utility>

#include "absl/time/time.h"
#include "periodic/clock.h"

namespace bergen {

// Thread-safe. Aborts if it is destroyed with work inside.
class Gate {
 public:
  // Leaves when destroyed. May be moved to another thread.
  class Pass {
   public:
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Pass& operator=(Pass&& other) noexcept {
      std::swap(gate_, other.gate_);
      return *this;
    }
    ~Pass() {
      if (gate_ != nullptr) gate_->Leave();
    }

   private:
    friend class Gate;
    explicit Pass(Gate* gate) : gate_(gate) {}

    Gate* gate_;
  };

  Gate() = default;
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  ~Gate();

  // Nothing once the gate is closed.
  std::optional<Pass> Enter();

  // Admits nothing more. May be called repeatedly.
  void Close();

  // Blocks until the gate is closed and nobody is inside, or `deadline` has
  // come. Returns whether that is so.
  bool WaitUntilEmpty(periodic::Clock& clock, absl::Time deadline);

  int inside() const;

 private:
  void Leave();

  mutable std::mutex mutex_;
  int inside_ = 0;       // Guarded by `mutex_`.
  bool closed_ = false;  // Guarded by `mutex_`.
  // Set once closed with nobody inside; set under `mutex_`, so that whoever
  // has waited may destroy the gate.
  periodic::Event empty_;
};

}  // namespace bergen

#endif  // SERVICE_GATE_H_
