// SPDX-License-Identifier: Apache-2.0
//
// Several services as one: started in order, stopped in reverse.
//
//   bergen::ServiceGroup group("worker", log);
//   auto& table = group.Keep(std::make_unique<CommandTable>());
//   group.Add(std::make_unique<Backdoor>(table));
//   absl::Status started = group.Start();
//   if (!started.ok()) return started;
//   ...
//   group.Stop();
//   absl::Status finished = group.Wait();
//
// Source: `Services` in oslo.service. Differences: stops in reverse order, one
// service's failure does not keep the others from being stopped, and a
// service that fails while running stops the rest at once.

#ifndef SERVICE_SERVICE_GROUP_H_
#define SERVICE_SERVICE_GROUP_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "service/service.h"
#include "spdlog/fwd.h"

namespace bergen {

// Keeps the contract of `Service`, so groups can be nested. An exception out of
// a service counts as an Internal error.
//
// What was given to `Add` and `Keep` is destroyed in reverse order of the
// calls.
class ServiceGroup final : public Service {
 public:
  ServiceGroup(absl::string_view name, spdlog::logger& log);
  // Must not be running: between a successful `Start` and the return of `Wait`.
  ~ServiceGroup() override;

  // Appends a service. Before `Start`.
  void Add(std::unique_ptr<Service> service);

  // Keeps something that later services use. Before `Start`.
  template <typename T>
  T& Keep(std::unique_ptr<T> object) {
    T& kept = *object;
    KeepAlive(std::shared_ptr<void>(std::move(object)));
    return kept;
  }

  absl::string_view name() const override { return name_; }

  // Starts the services in the order of `Add`. If one fails, those before it
  // are stopped and waited for, in reverse, and its error is returned. Begins
  // nothing more, and returns OK, once `Stop` was called.
  absl::Status Start() override;

  // Calls `PrepareStop` of each service that was started, in order.
  void PrepareStop() override;

  // Calls `Stop` of each service, the last added first.
  void Stop() override;

  // Blocks until every service that was started has finished. When one fails,
  // stops the others. Returns the first error; the others are logged.
  absl::Status Wait() override;

  // Calls `Reset` of each service that was started, in order, whether or not
  // others fail. Returns the first error; the others are logged.
  absl::Status Reset() override;

 private:
  void KeepAlive(std::shared_ptr<void> object);
  // Snapshots, so that no lock is held while a service runs.
  std::vector<Service*> all() const;
  std::vector<Service*> started() const;
  void Rollback();

  const std::string name_;
  spdlog::logger* const log_;
  mutable absl::Mutex mutex_;
  // Everything kept alive, services included; a vector would destroy it in
  // order.
  std::vector<std::shared_ptr<void>> kept_ ABSL_GUARDED_BY(mutex_);
  std::vector<Service*> services_ ABSL_GUARDED_BY(mutex_);
  // The first so many services have been started.
  size_t started_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace bergen

#endif  // SERVICE_SERVICE_GROUP_H_
