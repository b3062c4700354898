// SPDX-License-Identifier: Apache-2.0
//
// A service that does nothing until it is stopped.

#ifndef LAUNCHER_IDLE_SERVICE_FOR_TEST_H_
#define LAUNCHER_IDLE_SERVICE_FOR_TEST_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/notification.h"
#include "service/service.h"

namespace bergen::launcher {

class Idle : public Service {
 public:
  absl::string_view name() const override { return "idle"; }
  absl::Status Start() override { return absl::OkStatus(); }
  void Stop() override {
    if (!stopped_.HasBeenNotified()) stopped_.Notify();
  }
  absl::Status Wait() override {
    stopped_.WaitForNotification();
    return absl::OkStatus();
  }

 private:
  absl::Notification stopped_;
};

}  // namespace bergen::launcher

#endif  // LAUNCHER_IDLE_SERVICE_FOR_TEST_H_
