// SPDX-License-Identifier: Apache-2.0

#include "backdoor/thread_dump.h"

#include <semaphore.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <deque>
#include <map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include "backdoor/capture_stack.h"
#include "backdoor/handler_gate.h"
#include "backdoor/thread_list.h"

namespace bergen::backdoor {
namespace {

// One thread's answer.
struct Slot {
  pid_t thread = 0;
  bool asked = false;
  std::atomic<bool> taken{false};
  std::atomic<bool> filled{false};
  CapturedStack stack;
};

// What one dump asks, and the answers.
struct Request {
  Request() { sem_init(&answers, 0, 0); }
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;
  ~Request() { sem_destroy(&answers); }

  // By thread. A deque, since slots cannot move.
  std::deque<Slot> slots;
  // Counts the slots that were filled.
  sem_t answers;
};

using Gate = HandlerGate<Request>;

Slot* FindSlot(Request& request, pid_t thread) {
  const auto found = std::lower_bound(
      request.slots.begin(), request.slots.end(), thread,
      [](const Slot& slot, pid_t id) { return slot.thread < id; });
  if (found == request.slots.end() || found->thread != thread) return nullptr;
  return &*found;
}

void HandleSignal(int, siginfo_t* info, void* context) {
  if (info->si_code != SI_QUEUE || info->si_pid != getpid()) return;
  auto* entrance = static_cast<Gate::Entrance*>(info->si_value.sival_ptr);
  if (entrance == nullptr) return;
  const int saved_errno = errno;
  Gate::Enter(entrance, [context](Request& request) {
    Slot* slot = FindSlot(request, static_cast<pid_t>(syscall(SYS_gettid)));
    // A late answer to an earlier request may come before the one to this.
    if (slot == nullptr || slot->taken.exchange(true)) return;
    CaptureStack(*static_cast<const ucontext_t*>(context), slot->stack);
    slot->filled.store(true, std::memory_order_release);
    sem_post(&request.answers);
  });
  errno = saved_errno;
}

// Sends `signal` to one thread, with the gate's entrance as its value.
bool SendSignal(pid_t thread, int signal, Gate::Entrance* entrance) {
  siginfo_t info = {};
  info.si_signo = signal;
  info.si_code = SI_QUEUE;
  info.si_pid = getpid();
  info.si_uid = getuid();
  info.si_value.sival_ptr = entrance;
  return syscall(SYS_rt_tgsigqueueinfo, getpid(), thread, signal, &info) == 0;
}

void WaitForAnswers(Request& request, int count, absl::Duration deadline) {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const timespec until =
      absl::ToTimespec(absl::DurationFromTimespec(now) + deadline);
  while (count > 0) {
    if (sem_clockwait(&request.answers, CLOCK_MONOTONIC, &until) == 0) {
      --count;
    } else if (errno != EINTR) {
      return;
    }
  }
}

bool Blocks(const ThreadInfo& info, int signal) {
  return ((info.blocked_signals >> (signal - 1)) & 1) != 0;
}

}  // namespace

class ThreadDumper::Impl {
 public:
  explicit Impl(const ThreadDumperOptions& options)
      : signal_(SIGRTMIN + options.signal_offset) {}

  ~Impl() {
    if (!installed_) return;
    // Throws away what threads have not taken yet.
    struct sigaction ignore = {};
    ignore.sa_handler = SIG_IGN;
    sigaction(signal_, &ignore, nullptr);
    sigaction(signal_, &previous_, nullptr);
  }

  absl::StatusOr<ThreadDump> Dump(absl::Duration deadline);

 private:
  absl::Status Install() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The answers of threads that were not there, or could not answer, are empty.
  ThreadDump Group(const Request& request,
                   const std::map<pid_t, ThreadInfo>& infos,
                   absl::Duration deadline);

  const int signal_;
  absl::Mutex mutex_;
  bool installed_ = false;  // Guarded by `mutex_`, but for the destructor.
  struct sigaction previous_ = {};
  Gate gate_;
};

absl::Status ThreadDumper::Impl::Install() {
  if (installed_) return absl::OkStatus();
  if (!gate_.ok()) {
    return absl::ResourceExhaustedError("thread dump: no memory");
  }
  if (signal_ < SIGRTMIN || signal_ > SIGRTMAX) {
    return absl::FailedPreconditionError(
        absl::StrCat("thread dump: ", signal_, " is not a real-time signal"));
  }
  sigaction(signal_, nullptr, &previous_);
  if ((previous_.sa_flags & SA_SIGINFO) != 0 ||
      previous_.sa_handler != SIG_DFL) {
    return absl::FailedPreconditionError(
        absl::StrCat("thread dump: something else in this process handles "
                     "signal ",
                     signal_));
  }
  WarmUpUnwinder();
  struct sigaction ours = {};
  ours.sa_sigaction = HandleSignal;
  ours.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  sigfillset(&ours.sa_mask);
  if (sigaction(signal_, &ours, nullptr) != 0) {
    return absl::ErrnoToStatus(errno, "thread dump: sigaction");
  }
  installed_ = true;
  return absl::OkStatus();
}

absl::StatusOr<ThreadDump> ThreadDumper::Impl::Dump(absl::Duration deadline) {
  absl::MutexLock lock(&mutex_);
  absl::Status status = Install();
  if (!status.ok()) return status;

  Request request;
  std::map<pid_t, ThreadInfo> infos;
  for (pid_t thread : ListThreads()) {
    request.slots.emplace_back().thread = thread;
    infos[thread] = GetThreadInfo(thread);
  }
  gate_.Open(&request);
  int asked = 0;
  for (Slot& slot : request.slots) {
    // A signal that is blocked would wait for ever, and others behind it.
    if (Blocks(infos[slot.thread], signal_)) continue;
    slot.asked = SendSignal(slot.thread, signal_, gate_.entrance());
    if (slot.asked) ++asked;
  }
  WaitForAnswers(request, asked, deadline);
  gate_.Close();
  return Group(request, infos, deadline);
}

ThreadDump ThreadDumper::Impl::Group(const Request& request,
                                     const std::map<pid_t, ThreadInfo>& infos,
                                     absl::Duration deadline) {
  ThreadDump dump;
  Symbolizer symbolizer;
  std::map<std::vector<uintptr_t>, size_t> places;
  for (const Slot& slot : request.slots) {
    const ThreadInfo& info = infos.at(slot.thread);
    const DumpedThread thread = {.id = slot.thread, .name = info.name};
    if (!slot.filled.load(std::memory_order_acquire)) {
      const ThreadInfo now = GetThreadInfo(slot.thread);
      if (now.state.empty()) continue;  // It has ended.
      const std::string why =
          Blocks(now, signal_) ? absl::StrCat("blocks signal ", signal_)
                               : absl::StrCat("no answer within ",
                                              absl::FormatDuration(deadline));
      dump.silent.push_back({thread, absl::StrCat(why, ", ", now.state)});
      continue;
    }
    const auto begin = slot.stack.addresses.begin();
    std::vector<uintptr_t> addresses(
        begin, begin + static_cast<ptrdiff_t>(slot.stack.depth));
    const auto [place, is_new] =
        places.try_emplace(std::move(addresses), dump.groups.size());
    if (is_new) {
      StackGroup& group = dump.groups.emplace_back();
      group.truncated = slot.stack.truncated;
      for (uintptr_t address : place->first) {
        const std::vector<SourceFrame>& frames = symbolizer.Resolve(address);
        group.frames.insert(group.frames.end(), frames.begin(), frames.end());
      }
    }
    dump.groups[place->second].threads.push_back(thread);
  }
  std::stable_sort(dump.groups.begin(), dump.groups.end(),
                   [](const StackGroup& a, const StackGroup& b) {
                     return a.threads.size() > b.threads.size();
                   });
  return dump;
}

ThreadDumper::ThreadDumper(const ThreadDumperOptions& options)
    : impl_(std::make_unique<Impl>(options)) {}
ThreadDumper::~ThreadDumper() = default;

absl::StatusOr<ThreadDump> ThreadDumper::Dump(absl::Duration deadline) {
  return impl_->Dump(deadline);
}

std::string FormatFrames(const StackGroup& group) {
  std::string text;
  for (const SourceFrame& frame : group.frames) {
    absl::StrAppend(&text, "  ", frame.function.name, " (",
                    frame.function.file);
    if (frame.line != 0) absl::StrAppend(&text, ":", frame.line);
    text += ")\n";
  }
  if (group.truncated) text += "  ...\n";
  return text;
}

std::string FormatThreadDump(const ThreadDump& dump) {
  const auto thread_text = [](std::string* out, const DumpedThread& thread) {
    absl::StrAppend(out, thread.id, " (", thread.name, ")");
  };
  std::string text;
  for (const StackGroup& group : dump.groups) {
    absl::StrAppend(&text, group.threads.size() == 1 ? "Thread " : "Threads ",
                    absl::StrJoin(group.threads, ", ", thread_text), ":\n",
                    FormatFrames(group), "\n");
  }
  for (const SilentThread& silent : dump.silent) {
    text += "Thread ";
    thread_text(&text, silent.thread);
    absl::StrAppend(&text, ": ", silent.reason, "\n\n");
  }
  return text;
}

}  // namespace bergen::backdoor
