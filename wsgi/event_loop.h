// SPDX-License-Identifier: Apache-2.0
//
// Waits for descriptors and time on one thread. Its engine is libevent's core
// (docs/design.md, "I/O engine"), which stays in the .cc.
//
//   absl::StatusOr<std::unique_ptr<EventLoop>> loop = EventLoop::Create();
//   if (!loop.ok()) return loop.status();
//   EventLoop::Watch watch(**loop, fd, handler);
//   if (absl::Status armed = watch.Arm(EventLoop::kRead); !armed.ok()) ...
//   while (!done) (*loop)->RunOnce();

#ifndef WSGI_EVENT_LOOP_H_
#define WSGI_EVENT_LOOP_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/unique_fd.h"

struct event;
struct event_base;

namespace bergen::wsgi {

// For one thread, except for `Wake`. Outlives what is made from it.
class EventLoop {
 public:
  class Handler {
   public:
    virtual ~Handler() = default;
    // Runs on the loop's thread. May change, arm and destroy any watch
    // or timer, its own included.
    virtual void OnReady() = 0;
  };

  enum Direction { kRead = 1, kWrite = 2, kReadWrite = 3 };

  // Calls `handler` while `fd` is ready for what it is armed for.
  class Watch {
   public:
    // All must outlive it; `fd` must be open until it is disarmed or destroyed.
    Watch(EventLoop& loop, int fd, Handler& handler);
    ~Watch();

    // Replaces what it was armed for. Internal if the system refuses.
    absl::Status Arm(Direction direction);
    void Disarm();

   private:
    EventLoop* loop_;
    int fd_;
    Handler* handler_;
    event* event_;
    int armed_ = 0;  // Direction, or 0.
  };

  // Calls `handler` once, when the time that was set has passed.
  class Timer {
   public:
    Timer(EventLoop& loop, Handler& handler);
    ~Timer();

    // Replaces the time set before.
    void Set(absl::Duration from_now);
    void Cancel();

   private:
    event* event_;
  };

  // ResourceExhausted or the like if the system has no more descriptors.
  static absl::StatusOr<std::unique_ptr<EventLoop>> Create();
  ~EventLoop();

  // Waits until something is ready, a timer is due or `Wake` was called, and
  // runs all the handlers that are due.
  void RunOnce();

  // Ends a `RunOnce` that waits, or the next one. From any thread.
  void Wake();

 private:
  EventLoop(event_base* base, UniqueFd wake_fd);

  event_base* base_;
  UniqueFd wake_fd_;
  event* wake_event_ = nullptr;
};

}  // namespace bergen::wsgi

#endif  // WSGI_EVENT_LOOP_H_
