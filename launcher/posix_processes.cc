// SPDX-License-Identifier: Apache-2.0

#include "launcher/posix_processes.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "launcher/launcher.h"
#include "launcher/pidfd.h"
#include "launcher/pipe.h"
#include "launcher/poll.h"
#include "launcher/upgrade.h"
#include "periodic/guarded_call.h"
#include "spdlog/spdlog.h"

namespace bergen::launcher {
namespace {

// Written and read at once, as so little is.
struct ResizeRequest {
  int32_t service;
  int32_t workers;
};

class PipeLink : public SupervisorLink {
 public:
  PipeLink(int parent_fd, UniqueFd reports, Scoreboard::Line* line)
      : parent_fd_(parent_fd), reports_(std::move(reports)), line_(line) {}

  int parent_fd() const override { return parent_fd_; }
  void ReportStarted() override { Report(kReportStarted); }
  void ReportStopping() override { Report(kReportStopping); }
  void Beat(uint64_t requests) override {
    if (line_ == nullptr) return;
    line_->requests.store(requests, std::memory_order_relaxed);
    line_->beats.fetch_add(1, std::memory_order_relaxed);
  }

 private:
  void Report(char report) {
    // Without a parent there is nobody to tell.
    [[maybe_unused]] const ssize_t written =
        ::write(reports_.get(), &report, 1);
  }

  int parent_fd_;
  UniqueFd reports_;
  Scoreboard::Line* line_;
};

// Of the process's memory, what is in RAM; 0 if it cannot be told.
int64_t ResidentBytes(int pid) {
  const UniqueFd file(::open(absl::StrCat("/proc/", pid, "/statm").c_str(),
                             O_RDONLY | O_CLOEXEC));
  char text[128];
  const ssize_t size = ::read(file.get(), text, sizeof(text));
  if (size <= 0) return 0;
  const std::vector<absl::string_view> fields =
      absl::StrSplit(absl::string_view(text, static_cast<size_t>(size)), ' ');
  int64_t pages = 0;
  if (fields.size() < 2 || !absl::SimpleAtoi(fields[1], &pages)) return 0;
  return pages * ::sysconf(_SC_PAGESIZE);
}

int RunBody(const std::function<int(SupervisorLink& link)>& body,
            SupervisorLink& link, spdlog::logger& log) {
  const absl::StatusOr<int> status = periodic::CallGuarded(
      [&]() -> absl::StatusOr<int> { return body(link); });
  if (status.ok()) return *status;
  log.critical("Unhandled exception: {}", status.status().ToString());
  return kExitCrashed;
}

}  // namespace

absl::StatusOr<std::unique_ptr<PosixProcesses>> PosixProcesses::Create(
    Signals& signals, periodic::Clock& clock, spdlog::logger& log,
    bool reap_strangers, OomCounter oom) {
  const UniqueFd probe = OpenPidfd(::getpid());
  if (!probe.ok()) return absl::ErrnoToStatus(errno, "pidfd_open");
  absl::StatusOr<Scoreboard> scoreboard =
      Scoreboard::Create(static_cast<size_t>(kMostWorkers));
  if (!scoreboard.ok()) return scoreboard.status();
  auto result = std::unique_ptr<PosixProcesses>(
      new PosixProcesses(*std::move(scoreboard), signals, clock, log));
  result->reap_strangers_ = reap_strangers;
  result->oom_ = std::move(oom);
  absl::StatusOr<Pipe> life = MakePipe("workers");
  if (!life.ok()) return life.status();
  result->life_read_ = std::move(life->read_end);
  result->life_write_ = std::move(life->write_end);
  absl::StatusOr<Pipe> requests = MakePipe("the supervisor", O_NONBLOCK);
  if (!requests.ok()) return requests.status();
  result->requests_read_ = std::move(requests->read_end);
  result->requests_write_ = std::move(requests->write_end);
  return result;
}

absl::StatusOr<int> PosixProcesses::Fork(
    const std::function<int(SupervisorLink& link)>& body) {
  absl::StatusOr<Pipe> reports = MakePipe("workers", O_NONBLOCK);
  if (!reports.ok()) return reports.status();
  // What is buffered here must not be written by both.
  log_->flush();
  std::fflush(nullptr);

  Scoreboard::Line* const line = scoreboard_.Claim();
  const pid_t pid = ::fork();
  if (pid < 0) {
    const int error = errno;
    scoreboard_.Release(line);
    return absl::ErrnoToStatus(error, "fork");
  }
  if (pid == 0) {
    reports->read_end.Reset();
    RunChild(std::move(reports->write_end), line, body);
  }
  UniqueFd pidfd = OpenPidfd(pid);
  if (!pidfd.ok()) {
    const int error = errno;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    scoreboard_.Release(line);
    return absl::ErrnoToStatus(error, "pidfd_open");
  }
  children_[pid] = {std::move(pidfd), std::move(reports->read_end), line};
  // Whoever was killed earlier was no child of these.
  oom_.Forget();
  return pid;
}

absl::StatusOr<int> PosixProcesses::Upgrade(const UpgradeRequest& request) {
  absl::StatusOr<NextGeneration> next = StartNextGeneration(request);
  if (!next.ok()) return next.status();
  children_[next->pid] = {std::move(next->pidfd), std::move(next->reports)};
  return next->pid;
}

VitalSigns PosixProcesses::Look(int pid) {
  const auto found = children_.find(pid);
  if (found == children_.end()) return {};
  VitalSigns signs;
  if (const Scoreboard::Line* const line = found->second.line) {
    signs.beats = line->beats.load(std::memory_order_relaxed);
    signs.requests = line->requests.load(std::memory_order_relaxed);
  }
  signs.memory = ResidentBytes(pid);
  return signs;
}

void PosixProcesses::RunChild(
    UniqueFd reports, Scoreboard::Line* line,
    const std::function<int(SupervisorLink& link)>& body) {
  // What belongs to the supervisor: above all the end whose closing says that
  // it has died.
  life_write_.Reset();
  requests_read_.Reset();
  children_.clear();
  if (reap_strangers_) {
    // Blocked for the supervisor alone.
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    pthread_sigmask(SIG_UNBLOCK, &child, nullptr);
  }
  PipeLink link(life_read_.get(), std::move(reports), line);
  const int status = RunBody(body, link, *log_);
  log_->flush();
  std::fflush(nullptr);
  ::_exit(status);
}

void PosixProcesses::Release(int pid) {
  const auto found = children_.find(pid);
  if (found != children_.end()) found->second.reports.Reset();
}

void PosixProcesses::Send(int pid, int signal) {
  // Not reaped before it leaves the map, so the pid is still this child's.
  const auto found = children_.find(pid);
  if (found == children_.end()) return;
  if (signal == SIGKILL) found->second.told_to_die = true;
  ::kill(pid, signal);
}

std::vector<ProcessEvent> PosixProcesses::Await(absl::Time deadline) {
  std::vector<pollfd> fds = {{.fd = signals_->fd(), .events = POLLIN},
                             {.fd = requests_read_.get(), .events = POLLIN}};
  for (const auto& [pid, child] : children_) {
    fds.push_back({.fd = child.pidfd.get(), .events = POLLIN});
    fds.push_back({.fd = child.reports.get(), .events = POLLIN});
  }
  const absl::Status polled = PollUntil(absl::MakeSpan(fds), deadline, *clock_);
  if (!polled.ok() && !poll_failed_) {
    log_->error("supervisor: {}, going on without", polled.ToString());
  }
  poll_failed_ = !polled.ok();

  std::vector<ProcessEvent> events;
  for (auto it = children_.begin(); it != children_.end();) {
    auto& [pid, child] = *it;
    siginfo_t info = {};
    const bool ended = ::waitid(P_PIDFD, static_cast<id_t>(child.pidfd.get()),
                                &info, WEXITED | WNOHANG) == 0 &&
                       info.si_pid == pid;
    // After its end nothing more can come.
    ReadReports(pid, child, events);
    if (!ended) {
      ++it;
      continue;
    }
    events.push_back({.kind = info.si_code == CLD_EXITED
                                  ? ProcessEvent::kExited
                                  : ProcessEvent::kKilled,
                      .pid = pid,
                      .value = info.si_status,
                      .out_of_memory = info.si_code != CLD_EXITED &&
                                       info.si_status == SIGKILL &&
                                       !child.told_to_die && oom_.TakeKill()});
    scoreboard_.Release(child.line);
    it = children_.erase(it);
  }
  for (int signal : signals_->Take()) {
    if (signal == SIGCHLD) {
      look_for_strangers_ = reap_strangers_;
      continue;
    }
    events.push_back({.kind = ProcessEvent::kSignal, .value = signal});
  }
  ReadRequests(events);
  if (look_for_strangers_) ReapStrangers();
  return events;
}

absl::Status PosixProcesses::RequestWorkers(int service, int workers) const {
  const ResizeRequest request = {service, workers};
  if (::write(requests_write_.get(), &request, sizeof(request)) ==
      sizeof(request)) {
    return absl::OkStatus();
  }
  switch (errno) {
    case EPIPE:
      return absl::UnavailableError("the supervisor is gone");
    case EAGAIN:
      return absl::ResourceExhaustedError(
          "the supervisor has too many requests");
    default:
      return absl::ErrnoToStatus(errno, "pipe of requests");
  }
}

void PosixProcesses::ReadRequests(std::vector<ProcessEvent>& events) const {
  ResizeRequest request;
  while (::read(requests_read_.get(), &request, sizeof(request)) ==
         sizeof(request)) {
    events.push_back({.kind = ProcessEvent::kResize,
                      .value = request.workers,
                      .service = request.service});
  }
}

void PosixProcesses::ReapStrangers() {
  for (;;) {
    siginfo_t info = {};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
        info.si_pid == 0) {
      look_for_strangers_ = false;
      return;
    }
    // One of ours, that has ended meanwhile, hides those after it. The next
    // `Await` reports it at once, and looks again.
    if (children_.count(info.si_pid) > 0) return;
    ::waitpid(info.si_pid, nullptr, 0);
    log_->debug("Reaped process {}, which was left to this one", info.si_pid);
  }
}

void PosixProcesses::ReadReports(int pid, Child& child,
                                 std::vector<ProcessEvent>& events) {
  char report;
  ssize_t size = -1;
  while (child.reports.ok() &&
         (size = ::read(child.reports.get(), &report, 1)) == 1) {
    if (report == kReportStarted) {
      events.push_back({.kind = ProcessEvent::kStarted, .pid = pid});
    } else if (report == kReportStopping) {
      events.push_back({.kind = ProcessEvent::kStopping, .pid = pid});
    }
  }
  // Its end would keep poll from waiting.
  if (size == 0) child.reports.Reset();
}

}  // namespace bergen::launcher
