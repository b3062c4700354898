// SPDX-License-Identifier: Apache-2.0

#include "launcher/upgrade.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "launcher/pidfd.h"
#include "launcher/pipe.h"

namespace bergen::launcher {
namespace {

constexpr char kReportVariable[] = "BERGEN_UPGRADE_FD";
constexpr absl::string_view kPidSuffix = "_PID=";
// Enough for any pid.
constexpr size_t kPidDigits = 12;
constexpr char kNext[] = "the next generation";
// As the shell says of a program that cannot be run.
constexpr int kExecFailed = 127;

absl::string_view NameOf(absl::string_view variable) {
  return variable.substr(0, variable.find('='));
}

// This process's environment with `changes`.
std::vector<std::string> Environment(const std::vector<std::string>& changes) {
  std::vector<std::string> result = changes;
  for (char** it = environ; *it != nullptr; ++it) {
    const absl::string_view name = NameOf(*it);
    if (std::none_of(changes.begin(), changes.end(),
                     [name](const std::string& change) {
                       return NameOf(change) == name;
                     })) {
      result.emplace_back(*it);
    }
  }
  return result;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// What the child needs, made before the fork: it may belong to a process with
// threads, and then do next to nothing.
struct Plan {
  std::vector<std::string> command;
  std::vector<std::string> variables;
  std::vector<char*> argv;
  std::vector<char*> envp;
  std::vector<char*> pid_places;  // With kPidDigits spare bytes each.
  std::vector<int> fds;           // Become kFirstInheritedFd and following.
};

void WritePid(char* place) {
  char digits[kPidDigits];
  size_t count = 0;
  for (pid_t left = ::getpid(); left > 0 && count < kPidDigits; left /= 10) {
    digits[count++] = static_cast<char>('0' + left % 10);
  }
  while (count > 0) *place++ = digits[--count];
  *place = '\0';
}

// Only calls of signal-safety(7). Returns errno.
int Become(Plan& plan, int& errors) {
  const int first_free = kFirstInheritedFd + static_cast<int>(plan.fds.size());
  errors = ::fcntl(errors, F_DUPFD_CLOEXEC, first_free);
  if (errors < 0) return errno;
  for (int& fd : plan.fds) {
    fd = ::fcntl(fd, F_DUPFD_CLOEXEC, first_free);
    if (fd < 0) return errno;
  }
  for (size_t i = 0; i < plan.fds.size(); ++i) {
    if (::dup2(plan.fds[i], kFirstInheritedFd + static_cast<int>(i)) < 0) {
      return errno;
    }
  }
  for (char* place : plan.pid_places) WritePid(place);
  ::execvpe(plan.argv[0], plan.argv.data(), plan.envp.data());
  return errno;
}

absl::StatusOr<Plan> MakePlan(const UpgradeRequest& request, int reports) {
  if (request.command.empty()) {
    return absl::InvalidArgumentError("upgrade: there is no command");
  }
  absl::StatusOr<std::vector<std::string>> variables =
      VariablesFor(request.listeners, request.other_fds);
  if (!variables.ok()) return variables.status();
  variables->insert(variables->end(), request.variables.begin(),
                    request.variables.end());
  variables->push_back("LISTEN_PID=");
  variables->push_back(absl::StrCat(
      kReportVariable, "=",
      kFirstInheritedFd + request.listeners.size() + request.other_fds.size()));
  for (std::string& variable : *variables) {
    if (absl::EndsWith(variable, kPidSuffix)) {
      variable.append(kPidDigits, '\0');
    }
  }

  Plan plan;
  plan.command = request.command;
  plan.variables = Environment(*variables);
  plan.argv = Pointers(plan.command);
  plan.envp = Pointers(plan.variables);
  for (size_t i = 0; i < variables->size(); ++i) {
    const absl::string_view text = plan.envp[i];
    if (absl::EndsWith(text, kPidSuffix)) {
      plan.pid_places.push_back(plan.envp[i] + text.size());
    }
  }
  for (const Listener* listener : request.listeners) {
    plan.fds.push_back(listener->fd());
  }
  for (const NamedFd& other : request.other_fds) plan.fds.push_back(other.fd);
  plan.fds.push_back(reports);
  return plan;
}

}  // namespace

absl::StatusOr<NextGeneration> StartNextGeneration(
    const UpgradeRequest& request) {
  if (::getpid() == 1) {
    return absl::FailedPreconditionError(
        "process 1 cannot leave: the container ends with it");
  }
  absl::StatusOr<Pipe> reports = MakePipe(kNext);
  if (!reports.ok()) return reports.status();
  absl::StatusOr<Pipe> errors = MakePipe(kNext);
  if (!errors.ok()) return errors.status();
  absl::StatusOr<Plan> plan = MakePlan(request, reports->write_end.get());
  if (!plan.ok()) return plan.status();

  const pid_t pid = ::fork();
  if (pid < 0) return absl::ErrnoToStatus(errno, "fork");
  if (pid == 0) {
    int fd = errors->write_end.get();
    const int error = Become(*plan, fd);
    [[maybe_unused]] const ssize_t written = ::write(fd, &error, sizeof(error));
    ::_exit(kExecFailed);
  }
  reports->write_end.Reset();
  errors->write_end.Reset();

  NextGeneration next;
  next.pid = pid;
  next.pidfd = OpenPidfd(pid);
  int error = next.pidfd.ok() ? 0 : errno;
  const bool opened = error == 0;
  // The end comes when the program runs: its copy is closed then.
  ssize_t size = -1;
  while ((size = ::read(errors->read_end.get(), &error, sizeof(error))) < 0 &&
         errno == EINTR) {
  }
  if (!opened || size > 0) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return absl::ErrnoToStatus(
        error, opened ? absl::StrCat("cannot run ", request.command[0])
                      : "pidfd_open");
  }
  ::fcntl(reports->read_end.get(), F_SETFL, O_NONBLOCK);
  next.reports = std::move(reports->read_end);
  return next;
}

namespace {

std::vector<Listener*> AllListeners(const LaunchOptions& options) {
  std::vector<Listener*> listeners = options.listeners;
  if (options.other_listeners) {
    const std::vector<Listener*> others = options.other_listeners();
    listeners.insert(listeners.end(), others.begin(), others.end());
  }
  return listeners;
}

}  // namespace

UpgradeRequest RequestOf(const LaunchOptions& options) {
  return {.command = options.upgrade_command,
          .listeners = AllListeners(options),
          .other_fds = options.other_fds,
          .variables = options.notifier.Variables()};
}

void DisownListeners(const LaunchOptions& options) {
  for (Listener* listener : AllListeners(options)) listener->Disown();
}

absl::Status StoreListeners(const LaunchOptions& options, bool replace) {
  absl::Status stored;
  for (const Listener* listener : AllListeners(options)) {
    if (listener->adopted()) continue;
    if (replace) stored.Update(options.notifier.ForgetFds(listener->name()));
    stored.Update(options.notifier.StoreFd(listener->name(), listener->fd()));
  }
  return stored;
}

Predecessor Predecessor::FromEnvironment() {
  Predecessor predecessor;
  const char* const text = std::getenv(kReportVariable);
  int fd = -1;
  if (text != nullptr && absl::SimpleAtoi(text, &fd) &&
      fd >= kFirstInheritedFd && ::fcntl(fd, F_SETFD, FD_CLOEXEC) == 0) {
    predecessor.reports_.Reset(fd);
  }
  ::unsetenv(kReportVariable);
  return predecessor;
}

void Predecessor::ReportStarted() {
  if (!waits()) return;
  told_ = true;
  [[maybe_unused]] const ssize_t written =
      ::write(reports_.get(), &kReportStarted, 1);
}

void Predecessor::AwaitHandOver(absl::Duration timeout) {
  if (!reports_.ok()) return;
  // An error is reported once nobody can read any more.
  pollfd unread = {.fd = reports_.get(), .events = 0, .revents = 0};
  const timespec left = absl::ToTimespec(timeout);
  ::ppoll(&unread, 1, &left, nullptr);
  reports_.Reset();
}

}  // namespace bergen::launcher
