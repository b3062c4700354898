// SPDX-License-Identifier: Apache-2.0

#include "launcher/worker_loop.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "launcher/poll.h"
#include "periodic/guarded_call.h"
#include "periodic/named_thread.h"
#include "spdlog/spdlog.h"

namespace bergen::launcher {
namespace {

// The last log line may find its sink blocked; the process ends all the same.
constexpr unsigned kLastWordsSeconds = 2;

absl::Status CallHook(const std::function<absl::Status()>& hook) {
  return hook ? periodic::CallGuarded(hook) : absl::OkStatus();
}

}  // namespace

absl::Status WorkerLoop::Mailbox::Open() {
  fd_.Reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  return fd_.ok() ? absl::OkStatus() : absl::ErrnoToStatus(errno, "eventfd");
}

void WorkerLoop::Mailbox::Send(Message message) {
  {
    const absl::MutexLock lock(&mutex_);
    messages_.push_back(std::move(message));
  }
  // The loop must not wake up only to wait for the lock.
  ::eventfd_write(fd_.get(), 1);
}

std::deque<WorkerLoop::Message> WorkerLoop::Mailbox::Take() {
  const absl::MutexLock lock(&mutex_);
  eventfd_t count;
  ::eventfd_read(fd_.get(), &count);
  return std::exchange(messages_, {});
}

WorkerLoop::Tasks::~Tasks() {
  Close();
  if (thread_.joinable()) thread_.join();
}

void WorkerLoop::Tasks::Start() {
  if (thread_.joinable()) return;
  absl::StatusOr<std::thread> thread =
      periodic::StartThread("service-control", [this] { Run(); });
  if (thread.ok()) {
    thread_ = *std::move(thread);
  } else {
    log_->warn("{}", thread.status().ToString());
  }
}

void WorkerLoop::Tasks::Post(std::function<void()> task) {
  Start();
  if (!thread_.joinable()) {
    task();
    return;
  }
  const absl::MutexLock lock(&mutex_);
  tasks_.push_back(std::move(task));
}

void WorkerLoop::Tasks::Close() {
  const absl::MutexLock lock(&mutex_);
  closed_ = true;
}

void WorkerLoop::Tasks::Abandon() {
  if (thread_.joinable()) thread_.detach();
}

void WorkerLoop::Tasks::Run() {
  while (true) {
    std::function<void()> task;
    {
      const absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(
          +[](Tasks* tasks) ABSL_EXCLUSIVE_LOCKS_REQUIRED(tasks->mutex_) {
            return tasks->closed_ || !tasks->tasks_.empty();
          },
          this));
      if (tasks_.empty()) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
}

WorkerLoop::WorkerLoop(WorkerLoopOptions options, Signals& signals,
                       periodic::Clock& clock, spdlog::logger& log)
    : options_(std::move(options)),
      signals_(&signals),
      clock_(&clock),
      log_(&log),
      vitals_(clock),
      tasks_(log) {}

int WorkerLoop::Run() {
  SetPhase(Phase::kStarting);
  if (options_.log_options) options_.log_options();
  Beat();
  Reap();
  absl::Status going = mailbox_.Open();
  std::shared_ptr<ServiceGroup> group;
  if (going.ok()) group = AddGeneration();
  // Those sent to this thread alone are not seen by another one.
  const std::vector<int> early = signals_->Take();
  absl::StatusOr<std::thread> loop =
      going.ok()
          ? periodic::StartThread("worker-loop", [this, early] { Loop(early); })
          : going;
  if (loop.ok()) {
    RunGeneration(last_id_, std::move(group));
    loop->join();
  } else {
    log_->critical("Error starting services: {}", loop.status().ToString());
    exit_status_ = kExitFailed;
  }
  SetPhase(Phase::kStopped);
  return exit_status_;
}

void WorkerLoop::Loop(const std::vector<int>& early_signals) {
  for (int signal : early_signals) OnSignal(signal);
  // Tasks too: a `Stop` that blocks is work in progress, with a deadline.
  while (!generations_.empty() || pending_tasks_ > 0) WaitForEvents();
}

std::shared_ptr<ServiceGroup> WorkerLoop::AddGeneration() {
  auto group = std::make_shared<ServiceGroup>("services", *log_);
  auto generation = std::make_unique<Generation>();
  generation->id = ++last_id_;
  generation->group = group;
  generations_.push_back(std::move(generation));
  return group;
}

absl::Status WorkerLoop::StartGeneration() {
  // The thread is the services' only owner.
  std::shared_ptr<ServiceGroup> group = AddGeneration();
  absl::StatusOr<std::thread> thread = periodic::StartThread(
      "services", [this, id = last_id_, group = std::move(group)]() mutable {
        RunGeneration(id, std::move(group));
      });
  if (!thread.ok()) {
    generations_.pop_back();
    return thread.status();
  }
  generations_.back()->thread = *std::move(thread);
  return absl::OkStatus();
}

void WorkerLoop::RunGeneration(int id, std::shared_ptr<ServiceGroup> group) {
  absl::Status status = periodic::CallGuarded([&] {
    WorkerInfo info = options_.info;
    info.vitals = &vitals_;
    return options_.factory(info, *group);
  });
  if (status.ok()) status = group->Start();
  const bool started = status.ok();
  if (started) {
    mailbox_.Send({Message::kStarted, id, absl::OkStatus()});
    status = group->Wait();
  }
  // A destructor that blocks must not escape the deadline either.
  group.reset();
  mailbox_.Send(
      {started ? Message::kFinished : Message::kStartFailed, id, status});
}

void WorkerLoop::PostTask(std::function<void()> task) {
  ++pending_tasks_;
  tasks_.Post([this, task = std::move(task)] {
    task();
    mailbox_.Send({Message::kTaskDone, 0, absl::OkStatus()});
  });
}

void WorkerLoop::PostStop(Generation& generation) {
  if (std::exchange(generation.told_to_stop, true)) return;
  PostTask([weak = generation.group] {
    if (const std::shared_ptr<ServiceGroup> group = weak.lock()) group->Stop();
  });
}

void WorkerLoop::WaitForEvents() {
  pollfd fds[] = {
      {.fd = signals_->fd(), .events = POLLIN},
      {.fd = mailbox_.fd(), .events = POLLIN},
      {.fd = parent_died_ ? -1 : options_.parent_fd, .events = POLLIN},
      {.fd = next_.reports.get(), .events = POLLIN},
      {.fd = next_.pidfd.get(), .events = POLLIN},
  };
  const absl::Status polled =
      PollUntil(absl::MakeSpan(fds),
                std::min({drain_deadline_, stop_deadline_, upgrade_deadline_,
                          next_beat_, next_reap_}),
                *clock_);
  if (!polled.ok() && !poll_failed_) {
    log_->error("worker: {}, going on without", polled.ToString());
  }
  poll_failed_ = !polled.ok();
  for (const Message& message : mailbox_.Take()) OnMessage(message);
  for (int signal : signals_->Take()) OnSignal(signal);
  if (fds[2].revents != 0) OnParentDeath();
  if (fds[3].revents != 0 || fds[4].revents != 0 ||
      (!polled.ok() && next_.pid != 0)) {
    OnNextGeneration();
  }
  if (clock_->Now() >= next_beat_) Beat();
  if (clock_->Now() >= next_reap_) Reap();
  if (clock_->Now() >= drain_deadline_) BeginStop();
  if (clock_->Now() >= upgrade_deadline_) {
    EndUpgrade(absl::StrCat("not started within ",
                            absl::FormatDuration(options_.upgrade_timeout)));
  }

  if (clock_->Now() >= stop_deadline_ &&
      (!generations_.empty() || pending_tasks_ > 0)) {
    ExitNow(kExitFailed,
            "Graceful shutdown timeout exceeded, instantaneous exiting");
  }
}

void WorkerLoop::Beat() {
  if (!options_.on_beat || options_.beat_interval == absl::InfiniteDuration()) {
    return;
  }
  next_beat_ = clock_->Now() + options_.beat_interval;
  if (!vitals_.overdue()) options_.on_beat(vitals_.requests());
}

void WorkerLoop::Reap() {
  next_reap_ =
      options_.reap ? options_.reap(clock_->Now()) : absl::InfiniteFuture();
}

void WorkerLoop::OnSignal(int signal) {
  CallSignalHandlers(options_.signal_handlers, signal, *log_);
  switch (signal) {
    case SIGINT:
      ExitNow(kExitFailed, "Caught SIGINT signal, instantaneous exiting");
    case SIGTERM:
      if (phase_ == Phase::kStopping) {
        log_->info("Caught SIGTERM again, already stopping");
        return;
      }
      // Where nothing is ready yet, or any more, nobody has to be told.
      if (phase_ == Phase::kRunning && options_.drain_delay &&
          options_.drain_delay() > absl::ZeroDuration()) {
        drain_deadline_ = clock_->Now() + options_.drain_delay();
        log_->info("Caught SIGTERM, stopping services in {}",
                   absl::FormatDuration(options_.drain_delay()));
        SetPhase(Phase::kDraining);
        PrepareStop();
        return;
      }
      log_->info("Caught SIGTERM, stopping services");
      BeginStop();
      return;
    case SIGURG:
      if (phase_ != Phase::kStopping) PrepareStop();
      return;
    case SIGHUP:
      if (phase_ >= Phase::kDraining) return;
      log_->info("{} SIGHUP, handling",
                 options_.parent_fd >= 0 ? "Child caught" : "Caught");
      restart_pending_ = true;
      if (phase_ == Phase::kRunning) BeginRestart();
      return;
    case SIGCHLD:
      Reap();
      return;
    case SIGQUIT:
      if (options_.log_stacks) options_.log_stacks();
      return;
    case SIGUSR1:
      if (const absl::Status reopened = CallHook(options_.reopen_logs);
          !reopened.ok()) {
        log_->error("Reopening logs: {}", reopened.ToString());
      }
      return;
    case SIGUSR2:
      if (phase_ >= Phase::kDraining || !options_.upgrade) return;
      log_->info("Caught SIGUSR2, upgrading");
      upgrade_pending_ = true;
      if (phase_ == Phase::kRunning) BeginUpgrade();
      return;
    default:
      return;
  }
}

void WorkerLoop::OnParentDeath() {
  parent_died_ = true;
  exit_status_ = kExitFailed;
  log_->error("Parent process has died unexpectedly, exiting");
  if (phase_ != Phase::kStopping) BeginStop();
}

void WorkerLoop::OnMessage(const Message& message) {
  switch (message.kind) {
    case Message::kTaskDone:
      --pending_tasks_;
      return;
    case Message::kReloadRead:
      OnReloadRead(message.status);
      return;
    case Message::kStarted:
      OnStarted(*Find(message.generation));
      return;
    case Message::kStartFailed:
      OnStartFailed(*Find(message.generation), message.status);
      Remove(message.generation);
      return;
    case Message::kFinished:
      OnFinished(*Find(message.generation), message.status);
      Remove(message.generation);
      return;
  }
}

void WorkerLoop::OnStarted(Generation& generation) {
  generation.started = true;
  if (phase_ == Phase::kStopping) return;
  const int previous = std::exchange(current_id_, generation.id);
  if (phase_ == Phase::kReloading) {
    // It drains while the new services already serve.
    if (Generation* const old = Find(previous)) PostStop(*old);
    if (options_.log_options) options_.log_options();
    EndReload(absl::OkStatus());
    return;
  }
  SetPhase(Phase::kRunning);
  if (options_.on_started) options_.on_started();
  tasks_.Start();
  BeginWhatIsPending();
}

void WorkerLoop::OnStartFailed(Generation& generation,
                               const absl::Status& status) {
  if (generation.told_to_stop) {
    // `Stop` is allowed to make `Start` fail.
    log_->debug("start interrupted: {}", status.ToString());
    return;
  }
  if (phase_ == Phase::kReloading) {
    log_->error("Reload failed, the old services go on: {}", status.ToString());
    EndReload(status);
    return;
  }
  log_->error("Error starting services: {}", status.ToString());
  exit_status_ = ExitStatusOf(status);
}

void WorkerLoop::OnFinished(Generation& generation,
                            const absl::Status& status) {
  if (status.ok()) return;
  log_->error("Unhandled exception: {}", status.ToString());
  // What a replaced generation ends with is not how the process ends.
  const bool replaced = generation.id < current_id_;
  if (!replaced && exit_status_ == kExitOk) exit_status_ = kExitCrashed;
}

void WorkerLoop::BeginRestart() {
  restart_pending_ = false;
  if (options_.on_reload) options_.on_reload();
  SetPhase(Phase::kReloading);
  if (options_.restart_method == RestartMethod::kReload) {
    PostTask([this] {
      mailbox_.Send({Message::kReloadRead, 0, CallHook(options_.reload)});
    });
    return;
  }
  const Generation* const current = Find(current_id_);
  PostTask([this, weak = current != nullptr ? current->group
                                            : std::weak_ptr<ServiceGroup>()] {
    absl::Status status = CallHook(options_.mutate);
    if (status.ok()) {
      const std::shared_ptr<ServiceGroup> group = weak.lock();
      if (group != nullptr) status = group->Reset();
    }
    mailbox_.Send({Message::kReloadRead, 0, status});
  });
}

void WorkerLoop::OnReloadRead(const absl::Status& status) {
  if (phase_ == Phase::kStopping) return;
  if (options_.restart_method == RestartMethod::kMutate) {
    if (!status.ok()) log_->error("Mutate failed: {}", status.ToString());
    if (status.ok() && options_.log_options) options_.log_options();
    EndReload(status);
    return;
  }
  absl::Status going = status;
  if (going.ok()) going = StartGeneration();
  if (!going.ok()) {
    log_->error("Reload failed, the old values and services go on: {}",
                going.ToString());
    EndReload(going);
  }
}

void WorkerLoop::EndReload(const absl::Status& verdict) {
  if (options_.on_reloaded) options_.on_reloaded(verdict);
  EndRestart();
}

void WorkerLoop::EndRestart() {
  SetPhase(Phase::kRunning);
  BeginWhatIsPending();
}

void WorkerLoop::BeginWhatIsPending() {
  if (upgrade_pending_) {
    BeginUpgrade();
  } else if (restart_pending_) {
    BeginRestart();
  }
}

void WorkerLoop::BeginUpgrade() {
  upgrade_pending_ = false;
  SetPhase(Phase::kReloading);
  absl::StatusOr<NextGeneration> next = options_.upgrade();
  if (!next.ok()) {
    EndUpgrade(next.status().ToString());
    return;
  }
  next_ = *std::move(next);
  log_->info("Process {} is the new generation", next_.pid);
  upgrade_deadline_ = clock_->Now() + options_.upgrade_timeout;
}

void WorkerLoop::OnNextGeneration() {
  char report = 0;
  const ssize_t size = ::read(next_.reports.get(), &report, 1);
  if (size == 1 && report == kReportStarted) {
    log_->info("Upgrade finished: process {} serves, this one leaves",
               next_.pid);
    upgrade_deadline_ = absl::InfiniteFuture();
    {
      // What it reports through is closed when the manager knows of it.
      const NextGeneration next = std::exchange(next_, {});
      if (options_.on_handed_over) options_.on_handed_over(next.pid);
    }
    BeginStop();
    return;
  }
  if (size == 0) next_.reports.Reset();
  siginfo_t info = {};
  if (::waitid(P_PIDFD, static_cast<id_t>(next_.pidfd.get()), &info,
               WEXITED | WNOHANG) != 0 ||
      info.si_pid != next_.pid) {
    return;
  }
  next_.pid = 0;
  EndUpgrade(absl::StrCat(
      info.si_code == CLD_EXITED ? "exited with status " : "killed by signal ",
      info.si_status));
}

void WorkerLoop::EndUpgrade(absl::string_view reason) {
  KillNextGeneration();
  log_->error("Upgrade failed, the old generation goes on: {}",
              std::string(reason));
  EndRestart();
}

void WorkerLoop::KillNextGeneration() {
  upgrade_deadline_ = absl::InfiniteFuture();
  // Its own workers see that it is gone, and leave too.
  if (next_.pid != 0) {
    ::kill(next_.pid, SIGKILL);
    ::waitpid(next_.pid, nullptr, 0);
  }
  next_ = {};
}

void WorkerLoop::PrepareStop() {
  const Generation* const current = Find(current_id_);
  if (current == nullptr) return;
  PostTask([weak = current->group] {
    if (const auto group = weak.lock()) group->PrepareStop();
  });
}

void WorkerLoop::BeginStop() {
  drain_deadline_ = absl::InfiniteFuture();
  KillNextGeneration();
  stop_deadline_ = clock_->Now() + options_.graceful_shutdown_timeout();
  SetPhase(Phase::kStopping);
  log_->debug("Stop services.");
  std::vector<std::weak_ptr<ServiceGroup>> groups;
  for (auto it = generations_.rbegin(); it != generations_.rend(); ++it) {
    if (!std::exchange((*it)->told_to_stop, true)) {
      groups.push_back((*it)->group);
    }
  }
  PostTask([this, groups = std::move(groups)] {
    for (const std::weak_ptr<ServiceGroup>& weak : groups) {
      if (const auto group = weak.lock()) group->Stop();
    }
    if (options_.on_stopping) options_.on_stopping();
  });
  tasks_.Close();
}

void WorkerLoop::Remove(int id) {
  const auto found = std::find_if(
      generations_.begin(), generations_.end(),
      [id](const auto& generation) { return generation->id == id; });
  if ((*found)->thread.joinable()) (*found)->thread.join();
  generations_.erase(found);
}

WorkerLoop::Generation* WorkerLoop::Find(int id) {
  for (const std::unique_ptr<Generation>& generation : generations_) {
    if (generation->id == id) return generation.get();
  }
  return nullptr;
}

void WorkerLoop::SetPhase(Phase phase) {
  phase_ = phase;
  if (options_.on_phase) options_.on_phase(phase);
}

void WorkerLoop::ExitNow(int status, absl::string_view last_words) {
  if (next_.pid != 0) ::kill(next_.pid, SIGKILL);
  std::signal(SIGALRM, [](int) { ::_exit(kExitFailed); });
  ::alarm(kLastWordsSeconds);
  log_->info("{}", std::string(last_words));
  log_->flush();
  std::fflush(nullptr);
  tasks_.Abandon();
  ::_exit(status);
}

}  // namespace bergen::launcher
