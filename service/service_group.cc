// SPDX-License-Identifier: Apache-2.0

#include "service/service_group.h"

#include <algorithm>
#include <thread>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "periodic/guarded_call.h"
#include "periodic/named_thread.h"
#include "spdlog/spdlog.h"

namespace bergen {
namespace {

absl::Status Named(absl::string_view name, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(),
                      absl::StrCat(name, ": ", status.message()));
}

absl::Status Guarded(absl::string_view name,
                     absl::FunctionRef<absl::Status()> call) {
  return Named(name, periodic::CallGuarded(call));
}

// Keeps the first error and logs the others.
class FirstError {
 public:
  explicit FirstError(spdlog::logger& log) : log_(&log) {}

  void Add(absl::Status status) {
    if (status.ok()) return;
    if (first_.ok()) {
      first_ = std::move(status);
    } else {
      log_->error("{}", status.ToString());
    }
  }
  const absl::Status& status() const { return first_; }

 private:
  spdlog::logger* log_;
  absl::Status first_;
};

void StopAll(const std::vector<Service*>& services, spdlog::logger& log) {
  for (auto it = services.rbegin(); it != services.rend(); ++it) {
    Service& service = **it;
    const absl::Status stopped = Guarded(service.name(), [&service] {
      service.Stop();
      return absl::OkStatus();
    });
    if (!stopped.ok()) log.error("stop: {}", stopped.ToString());
  }
}

}  // namespace

ServiceGroup::ServiceGroup(absl::string_view name, spdlog::logger& log)
    : name_(name), log_(&log) {}

ServiceGroup::~ServiceGroup() {
  std::vector<std::shared_ptr<void>> kept;
  {
    const absl::MutexLock lock(&mutex_);
    kept.swap(kept_);
  }
  while (!kept.empty()) kept.pop_back();
}

void ServiceGroup::Add(std::unique_ptr<Service> service) {
  const absl::MutexLock lock(&mutex_);
  services_.push_back(service.get());
  kept_.push_back(std::move(service));
}

void ServiceGroup::KeepAlive(std::shared_ptr<void> object) {
  const absl::MutexLock lock(&mutex_);
  kept_.push_back(std::move(object));
}

std::vector<Service*> ServiceGroup::all() const {
  const absl::MutexLock lock(&mutex_);
  return services_;
}

std::vector<Service*> ServiceGroup::started() const {
  const absl::MutexLock lock(&mutex_);
  return {services_.begin(),
          services_.begin() + static_cast<std::ptrdiff_t>(started_)};
}

absl::Status ServiceGroup::Start() {
  for (Service* service : all()) {
    {
      const absl::MutexLock lock(&mutex_);
      if (stopping_) return absl::OkStatus();
    }
    absl::Status started =
        Guarded(service->name(), [service] { return service->Start(); });
    if (!started.ok()) {
      Rollback();
      return started;
    }
    const absl::MutexLock lock(&mutex_);
    ++started_;
  }
  return absl::OkStatus();
}

void ServiceGroup::Rollback() {
  std::vector<Service*> services = started();
  StopAll(services, *log_);
  std::reverse(services.begin(), services.end());
  for (Service* service : services) {
    const absl::Status finished =
        Guarded(service->name(), [service] { return service->Wait(); });
    if (!finished.ok()) log_->error("{}", finished.ToString());
  }
  const absl::MutexLock lock(&mutex_);
  started_ = 0;
}

void ServiceGroup::PrepareStop() {
  for (Service* service : started()) {
    const absl::Status prepared = Guarded(service->name(), [service] {
      service->PrepareStop();
      return absl::OkStatus();
    });
    if (!prepared.ok()) log_->error("prepare stop: {}", prepared.ToString());
  }
}

void ServiceGroup::Stop() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  StopAll(all(), *log_);
}

absl::Status ServiceGroup::Wait() {
  const std::vector<Service*> services = started();
  absl::Mutex mutex;
  FirstError first(*log_);  // Guarded by `mutex`.
  const auto wait = [&](Service* service) {
    absl::Status finished =
        Guarded(service->name(), [service] { return service->Wait(); });
    const bool failed = !finished.ok();
    {
      const absl::MutexLock lock(&mutex);
      first.Add(std::move(finished));
    }
    if (failed) Stop();
  };

  // One thread each, or a failure would be noticed only when those before it
  // have finished.
  std::vector<std::thread> threads;
  std::vector<Service*> left;
  for (size_t i = 1; i < services.size(); ++i) {
    absl::StatusOr<std::thread> thread = periodic::StartThread(
        absl::StrCat("wait ", services[i]->name()),
        [&wait, service = services[i]] { wait(service); });
    if (thread.ok()) {
      threads.push_back(*std::move(thread));
    } else {
      log_->warn("{}", thread.status().ToString());
      left.push_back(services[i]);
    }
  }
  if (!services.empty()) wait(services[0]);
  for (Service* service : left) wait(service);
  for (std::thread& thread : threads) thread.join();
  return first.status();
}

absl::Status ServiceGroup::Reset() {
  FirstError first(*log_);
  for (Service* service : started()) {
    first.Add(Guarded(service->name(), [service] { return service->Reset(); }));
  }
  return first.status();
}

}  // namespace bergen
