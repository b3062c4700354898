// SPDX-License-Identifier: Apache-2.0

#include "wsgi/event_loop.h"

#include <event2/event.h>
#include <fcntl.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <utility>

namespace bergen::wsgi {
namespace {

// NOLINTNEXTLINE(runtime/int): libevent's signature.
void Call(int, short, void* handler) {
  static_cast<EventLoop::Handler*>(handler)->OnReady();
}

// NOLINTNEXTLINE(runtime/int)
void DrainWake(int fd, short, void*) {
  uint64_t count;
  // Fails only if another wake-up was drained already.
  [[maybe_unused]] const ssize_t size = read(fd, &count, sizeof(count));
}

// libevent ends the process if one of the descriptors that a base needs (for
// epoll, and a pair for signals) is lacking: looks for them first. `any` is an
// open one.
absl::Status CheckDescriptors(int any) {
  std::array<UniqueFd, 3> needed;
  for (UniqueFd& fd : needed) {
    fd.Reset(fcntl(any, F_DUPFD_CLOEXEC, 0));
    if (!fd.ok()) return absl::ErrnoToStatus(errno, "event loop: descriptors");
  }
  return absl::OkStatus();
}

// Memory ran out: nothing that could be done about it needs less.
event* CheckMade(event* made) {
  if (made == nullptr) abort();
  return made;
}

}  // namespace

EventLoop::Watch::Watch(EventLoop& loop, int fd, Handler& handler)
    : loop_(&loop),
      fd_(fd),
      handler_(&handler),
      event_(CheckMade(
          event_new(loop.base_, fd, EV_READ | EV_PERSIST, Call, &handler))) {}

EventLoop::Watch::~Watch() { event_free(event_); }

absl::Status EventLoop::Watch::Arm(Direction direction) {
  if (armed_ == direction) return absl::OkStatus();
  Disarm();
  const short what =  // NOLINT(runtime/int)
      ((direction & kRead) != 0 ? EV_READ : 0) |
      ((direction & kWrite) != 0 ? EV_WRITE : 0) | EV_PERSIST;
  if (event_assign(event_, loop_->base_, fd_, what, Call, handler_) != 0 ||
      event_add(event_, nullptr) != 0) {
    return absl::ErrnoToStatus(errno, "event loop: cannot watch descriptor");
  }
  armed_ = direction;
  return absl::OkStatus();
}

void EventLoop::Watch::Disarm() {
  if (armed_ != 0) event_del(event_);
  armed_ = 0;
}

EventLoop::Timer::Timer(EventLoop& loop, Handler& handler)
    : event_(CheckMade(evtimer_new(loop.base_, Call, &handler))) {}

EventLoop::Timer::~Timer() { event_free(event_); }

void EventLoop::Timer::Set(absl::Duration from_now) {
  // libevent refuses times beyond its own range; a year is for ever here.
  const timeval time = absl::ToTimeval(
      std::clamp(from_now, absl::ZeroDuration(), absl::Hours(24 * 365)));
  evtimer_add(event_, &time);
}

void EventLoop::Timer::Cancel() { evtimer_del(event_); }

absl::StatusOr<std::unique_ptr<EventLoop>> EventLoop::Create() {
  UniqueFd wake_fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_fd.ok()) return absl::ErrnoToStatus(errno, "event loop: eventfd");
  absl::Status descriptors = CheckDescriptors(wake_fd.get());
  if (!descriptors.ok()) return descriptors;
  event_config* config = event_config_new();
  if (config == nullptr) abort();
  // One thread uses it, and nothing but `main` reads the environment.
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
  event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV);
  event_base* base = event_base_new_with_config(config);
  event_config_free(config);
  if (base == nullptr) {
    return absl::ResourceExhaustedError("event loop: cannot be created");
  }
  auto loop =
      std::unique_ptr<EventLoop>(new EventLoop(base, std::move(wake_fd)));
  if (event_add(loop->wake_event_, nullptr) != 0) {
    return absl::ErrnoToStatus(errno, "event loop: cannot watch eventfd");
  }
  return loop;
}

EventLoop::EventLoop(event_base* base, UniqueFd wake_fd)
    : base_(base), wake_fd_(std::move(wake_fd)) {
  wake_event_ = CheckMade(event_new(base_, wake_fd_.get(), EV_READ | EV_PERSIST,
                                    DrainWake, nullptr));
}

EventLoop::~EventLoop() {
  event_free(wake_event_);
  event_base_free(base_);
}

void EventLoop::RunOnce() { event_base_loop(base_, EVLOOP_ONCE); }

void EventLoop::Wake() {
  const uint64_t one = 1;
  // Fails only if the counter is full, when the loop is woken anyway.
  [[maybe_unused]] const ssize_t size =
      write(wake_fd_.get(), &one, sizeof(one));
}

}  // namespace bergen::wsgi
