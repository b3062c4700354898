// SPDX-License-Identifier: Apache-2.0
//
// The contract between a service and whoever runs it.
//
//   class Clockwork : public bergen::Service {
//    public:
//     absl::string_view name() const override { return "clockwork"; }
//     absl::Status Start() override { return loop_.Start({.interval = ...}); }
//     void Stop() override { loop_.Stop(); }
//     absl::Status Wait() override { return loop_.Wait().status(); }
//   };
//
// Source: ServiceBase in oslo.service. There `start` may block and a service
// is called in the parent too; here `Start` says when the service is ready, and
// only the process that runs a service ever has the object.

#ifndef SERVICE_SERVICE_H_
#define SERVICE_SERVICE_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace bergen {

// A life is: `Start`, any number of `Reset`, perhaps `PrepareStop`, `Stop`,
// `Wait`, destruction. The runner calls `Start`, then `Wait`, from one thread.
// `Reset` comes from another, one at a time, once `Start` has returned OK:
// `Wait` is then already blocked. `Stop` may come from any thread while any of
// them is running.
class Service {
 public:
  virtual ~Service() = default;

  // For logs and status; the same for the whole life.
  virtual absl::string_view name() const = 0;

  // Begins the work and returns once the service is ready for it; may create
  // threads. After an error nothing of the service is left running, and neither
  // `Stop` nor `Wait` is owed: the process ends with status 1, or, in a
  // reload, the old services go on.
  virtual absl::Status Start() = 0;

  // A stop is near: a service that says whether it is ready says no from now
  // on, so that no new clients are sent here. It goes on serving those that
  // come. Called at most once, while `Wait` is blocked, from another thread.
  virtual void PrepareStop() {}

  // Asks the service to finish: to refuse what is new and complete what is in
  // progress. Returns at once. May be called repeatedly, from any thread,
  // before or during `Start` (which then returns OK, without beginning or with
  // `Wait` soon to return, or an error) and after the service has finished.
  virtual void Stop() = 0;

  // Blocks until the service has finished, after `Stop` or by itself. Its
  // error is logged and makes the process's status 2. The caller has a
  // deadline (`graceful_shutdown_timeout`) after which the process ends
  // whether or not this returned.
  virtual absl::Status Wait() = 0;

  // New option values have been published: takes over those that the service
  // copied. An error is logged; the service goes on with what it had.
  virtual absl::Status Reset() { return absl::OkStatus(); }
};

}  // namespace bergen

#endif  // SERVICE_SERVICE_H_
