// SPDX-License-Identifier: Apache-2.0
//
// Accepts connections of a listening socket that several processes share, on a
// thread of its own.
//
//   Acceptor acceptor(log, fd, [](UniqueFd peer) { ... }, [] { ... });
//   absl::Status started = acceptor.Start();
//   ...
//   acceptor.Stop();
//   acceptor.Join();
//
// Waiting is exclusive: an arrival wakes one process. After each connection the
// socket is registered anew, which moves this process to the end of the
// kernel's queue, so that connections go round.

#ifndef WSGI_ACCEPTOR_H_
#define WSGI_ACCEPTOR_H_

#include <functional>
#include <thread>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "service/unique_fd.h"
#include "spdlog/fwd.h"

namespace bergen::wsgi {

// Thread-safe.
class Acceptor {
 public:
  // `listener` is a non-blocking listening socket. Each connection, which is
  // non-blocking, is given to `accepted`; `finished` is called after the
  // last one. Both run on the acceptor's thread.
  Acceptor(spdlog::logger& log, UniqueFd listener,
           std::function<void(UniqueFd)> accepted,
           std::function<void()> finished);
  // Requires that it was not started, or `Join`.
  ~Acceptor() = default;

  // Once. Begins to accept: whoever connects after this is served.
  absl::Status Start();

  // Accepts what is waiting in the kernel's queue, then closes the descriptor
  // and finishes; waits for some seconds if it has no descriptors for that.
  // Returns at once; may be called repeatedly, after `Start`.
  void Stop();

  // Blocks, after `Stop`, until what was waiting has been accepted. Not from
  // `accepted` or `finished`.
  void AwaitFinished() const { done_.WaitForNotification(); }

  // Blocks until it has finished.
  void Join();

 private:
  void Run();
  // Returns false if there is nothing to accept. Sets `pause_` after an error
  // that would only repeat.
  bool AcceptOne();
  absl::Status Register();

  spdlog::logger* log_;
  UniqueFd listener_;
  std::function<void(UniqueFd)> accepted_;
  std::function<void()> finished_;
  UniqueFd epoll_;
  UniqueFd stop_;  // An eventfd.
  bool pause_ = false;
  bool shut_down_ = false;  // Nothing will ever come again.
  absl::Notification done_;
  std::thread thread_;
};

}  // namespace bergen::wsgi

#endif  // WSGI_ACCEPTOR_H_
