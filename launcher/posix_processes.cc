// SPDX-License-Identifier: Apache-2.0

#include "launcher/posix_processes.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <iterator>
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
struct Report {
  int32_t pid;
  int32_t what;
};

// Adds `fd` to the epoll `poll`; `pid` is told when it is readable.
absl::Status Add(const UniqueFd& poll, int fd, int pid) {
  epoll_event readable = {};
  readable.events = EPOLLIN;
  readable.data.fd = pid;
  if (::epoll_ctl(poll.get(), EPOLL_CTL_ADD, fd, &readable) != 0) {
    return absl::ErrnoToStatus(errno, "epoll of processes");
  }
  return absl::OkStatus();
}

// Consecutive ones at once.
void CloseAll(const std::vector<int>& sorted) {
  for (size_t begin = 0, end = 0; begin < sorted.size(); begin = end) {
    end = begin + 1;
    while (end < sorted.size() && sorted[end] == sorted[end - 1] + 1) ++end;
    if (::close_range(static_cast<unsigned>(sorted[begin]),
                      static_cast<unsigned>(sorted[end - 1]), 0) == 0) {
      continue;
    }
    // A kernel before 5.9.
    for (size_t i = begin; i < end; ++i) ::close(sorted[i]);
  }
}

// In place of a pid.
constexpr int kSignals = 0;
constexpr int kRequests = -1;
constexpr int kReports = -2;

class PipeLink : public SupervisorLink {
 public:
  PipeLink(int parent_fd, int reports, Scoreboard::Line* line)
      : parent_fd_(parent_fd), reports_(reports), line_(line) {}

  int parent_fd() const override { return parent_fd_; }
  void ReportStarted() override { Say(kReportStarted); }
  void ReportStopping() override { Say(kReportStopping); }
  void Beat(uint64_t requests) override {
    if (line_ == nullptr) return;
    line_->requests.store(requests, std::memory_order_relaxed);
    line_->beats.fetch_add(1, std::memory_order_relaxed);
  }

 private:
  void Say(int32_t what) const {
    const Report report = {::getpid(), what};
    // Without a parent there is nobody to tell.
    [[maybe_unused]] const ssize_t written =
        ::write(reports_, &report, sizeof(report));
  }

  int parent_fd_;
  int reports_;
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
  UniqueFd poll(::epoll_create1(EPOLL_CLOEXEC));
  if (!poll.ok()) return absl::ErrnoToStatus(errno, "epoll of processes");
  if (absl::Status added = Add(poll, signals.fd(), kSignals); !added.ok()) {
    return added;
  }
  auto result = std::unique_ptr<PosixProcesses>(new PosixProcesses(
      *std::move(scoreboard), std::move(poll), signals, clock, log));
  result->reap_strangers_ = reap_strangers;
  result->oom_ = std::move(oom);
  absl::StatusOr<Pipe> life = MakePipe("workers");
  if (!life.ok()) return life.status();
  result->life_read_ = std::move(life->read_end);
  result->life_write_ = std::move(life->write_end);
  absl::StatusOr<Pipe> reports = MakePipe("the supervisor");
  if (!reports.ok()) return reports.status();
  if (::fcntl(reports->read_end.get(), F_SETFL, O_NONBLOCK) != 0) {
    return absl::ErrnoToStatus(errno, "pipe of reports");
  }
  if (absl::Status added =
          Add(result->poll_, reports->read_end.get(), kReports);
      !added.ok()) {
    return added;
  }
  result->reports_read_ = std::move(reports->read_end);
  result->reports_write_ = std::move(reports->write_end);
  absl::StatusOr<Pipe> requests = MakePipe("the supervisor", O_NONBLOCK);
  if (!requests.ok()) return requests.status();
  if (absl::Status added =
          Add(result->poll_, requests->read_end.get(), kRequests);
      !added.ok()) {
    return added;
  }
  result->requests_read_ = std::move(requests->read_end);
  result->requests_write_ = std::move(requests->write_end);
  return result;
}

absl::StatusOr<int> PosixProcesses::Fork(
    const std::function<int(SupervisorLink& link)>& body) {
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
  if (pid == 0) RunChild(line, body);
  const absl::Status watched =
      Watch(pid, {.pidfd = OpenPidfd(pid), .reports = {}, .line = line});
  if (!watched.ok()) return watched;
  // Whoever was killed earlier was no child of these.
  oom_.Forget();
  return pid;
}

absl::StatusOr<int> PosixProcesses::Upgrade(const UpgradeRequest& request) {
  absl::StatusOr<NextGeneration> next = StartNextGeneration(request);
  if (!next.ok()) return next.status();
  const absl::Status watched =
      Watch(next->pid, {std::move(next->pidfd), std::move(next->reports)});
  if (!watched.ok()) return watched;
  return next->pid;
}

absl::Status PosixProcesses::Watch(int pid, Child child) {
  absl::Status watched = child.pidfd.ok()
                             ? Listen(child.pidfd, pid)
                             : absl::ErrnoToStatus(errno, "pidfd_open");
  if (watched.ok() && child.reports.ok()) watched = Listen(child.reports, pid);
  const auto at = children_.insert_or_assign(pid, std::move(child)).first;
  if (watched.ok()) return watched;
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  Forget(at);
  return watched;
}

absl::Status PosixProcesses::Listen(const UniqueFd& fd, int pid) {
  absl::Status added = Add(poll_, fd.get(), pid);
  if (!added.ok()) return added;
  descriptors_.insert(
      std::upper_bound(descriptors_.begin(), descriptors_.end(), fd.get()),
      fd.get());
  return absl::OkStatus();
}

void PosixProcesses::Unlisten(UniqueFd& fd) {
  if (!fd.ok()) return;
  const auto at =
      std::lower_bound(descriptors_.begin(), descriptors_.end(), fd.get());
  if (at != descriptors_.end() && *at == fd.get()) {
    descriptors_.erase(at);
    ::epoll_ctl(poll_.get(), EPOLL_CTL_DEL, fd.get(), nullptr);
  }
  fd.Reset();
}

void PosixProcesses::Forget(std::map<int, Child>::iterator at) {
  Unlisten(at->second.pidfd);
  Unlisten(at->second.reports);
  scoreboard_.Release(at->second.line);
  children_.erase(at);
}

VitalSigns PosixProcesses::Look(int pid) {
  const auto found = children_.find(pid);
  if (found == children_.end() || found->second.ended) return {};
  VitalSigns signs;
  if (const Scoreboard::Line* const line = found->second.line) {
    signs.beats = line->beats.load(std::memory_order_relaxed);
    signs.requests = line->requests.load(std::memory_order_relaxed);
  }
  signs.memory = ResidentBytes(pid);
  return signs;
}

void PosixProcesses::RunChild(
    Scoreboard::Line* line,
    const std::function<int(SupervisorLink& link)>& body) {
  // What belongs to the supervisor: above all the end whose closing says that
  // it has died. `children_` stays as it is: to free it would make a copy of
  // each page that it is on.
  life_write_.Reset();
  poll_.Reset();
  reports_read_.Reset();
  requests_read_.Reset();
  CloseAll(descriptors_);
  if (reap_strangers_) {
    // Blocked for the supervisor alone.
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    pthread_sigmask(SIG_UNBLOCK, &child, nullptr);
  }
  PipeLink link(life_read_.get(), reports_write_.get(), line);
  const int status = RunBody(body, link, *log_);
  log_->flush();
  std::fflush(nullptr);
  ::_exit(status);
}

void PosixProcesses::Release(int pid) {
  const auto found = children_.find(pid);
  if (found != children_.end()) Unlisten(found->second.reports);
}

void PosixProcesses::Send(int pid, int signal) {
  // Not reaped before it leaves the map, so the pid is still this child's.
  const auto found = children_.find(pid);
  if (found == children_.end() || found->second.ended) return;
  if (signal == SIGKILL) found->second.told_to_die = true;
  ::kill(pid, signal);
}

PosixProcesses::~PosixProcesses() { ReapEnded(); }

void PosixProcesses::ReapEnded() {
  for (int pid : std::exchange(ended_, {})) {
    const auto found = children_.find(pid);
    ::waitpid(pid, nullptr, 0);
    Forget(found);
  }
}

std::vector<ProcessEvent> PosixProcesses::Await(absl::Time deadline) {
  ReapEnded();
  if (look_for_strangers_) ReapStrangers();
  // epoll_wait(2) itself rounds deadlines.
  pollfd anything = {.fd = poll_.get(), .events = POLLIN};
  const absl::Status polled =
      PollUntil(absl::MakeSpan(&anything, 1), deadline, *clock_);
  if (!polled.ok() && !poll_failed_) {
    log_->error("supervisor: {}, going on without", polled.ToString());
  }
  poll_failed_ = !polled.ok();

  std::vector<ProcessEvent> events;
  std::vector<ProcessEvent> ends;
  bool signals = false;
  epoll_event ready[64];
  int count;
  do {
    count = ::epoll_wait(poll_.get(), ready, std::size(ready), 0);
    for (int i = 0; i < count; ++i) {
      if (ready[i].data.fd == kSignals) {
        signals = true;
      } else if (ready[i].data.fd > 0) {
        Examine(ready[i].data.fd, ends);
      }
    }
  } while (count == static_cast<int>(std::size(ready)));
  // What those said that have ended is there by now.
  ReadReports(events);
  events.insert(events.end(), ends.begin(), ends.end());
  if (signals) {
    for (int signal : signals_->Take()) {
      if (signal == SIGCHLD) {
        look_for_strangers_ = reap_strangers_;
        continue;
      }
      events.push_back({.kind = ProcessEvent::kSignal, .value = signal});
    }
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

void PosixProcesses::Examine(int pid, std::vector<ProcessEvent>& events) {
  const auto found = children_.find(pid);
  // Both of its descriptors were ready, and the first told everything.
  if (found == children_.end() || found->second.ended) return;
  Child& child = found->second;
  siginfo_t info = {};
  const bool ended = ::waitid(P_PIDFD, static_cast<id_t>(child.pidfd.get()),
                              &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
                     info.si_pid == pid;
  // After its end nothing more can come.
  ReadReportsOf(pid, child, events);
  if (!ended) return;
  events.push_back({.kind = info.si_code == CLD_EXITED ? ProcessEvent::kExited
                                                       : ProcessEvent::kKilled,
                    .pid = pid,
                    .value = info.si_status,
                    .out_of_memory = info.si_code != CLD_EXITED &&
                                     info.si_status == SIGKILL &&
                                     !child.told_to_die && oom_.TakeKill()});
  scoreboard_.Release(std::exchange(child.line, nullptr));
  Unlisten(child.pidfd);
  Unlisten(child.reports);
  child.ended = true;
  ended_.push_back(pid);
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

void PosixProcesses::ReadReports(std::vector<ProcessEvent>& events) const {
  Report reports[64];
  ssize_t size;
  do {
    size = ::read(reports_read_.get(), reports, sizeof(reports));
    for (ssize_t i = 0; (i + 1) * static_cast<ssize_t>(sizeof(Report)) <= size;
         ++i) {
      events.push_back({.kind = reports[i].what == kReportStarted
                                    ? ProcessEvent::kStarted
                                    : ProcessEvent::kStopping,
                        .pid = reports[i].pid});
    }
  } while (size == static_cast<ssize_t>(sizeof(reports)));
}

void PosixProcesses::ReadReportsOf(int pid, Child& child,
                                   std::vector<ProcessEvent>& events) {
  if (!child.reports.ok()) return;
  char report = 0;
  ssize_t size;
  while ((size = ::read(child.reports.get(), &report, 1)) == 1) {
    if (report == kReportStarted) {
      events.push_back({.kind = ProcessEvent::kStarted, .pid = pid});
    }
  }
  // Its end would keep poll from waiting.
  if (size == 0) Unlisten(child.reports);
}

}  // namespace bergen::launcher
