// SPDX-License-Identifier: Apache-2.0

#include "launcher/signal_handler.h"

#include <algorithm>
#include <csignal>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "periodic/guarded_call.h"
#include "spdlog/spdlog.h"

namespace bergen::launcher {
namespace {

constexpr int kNotHandled[] = {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS,  SIGFPE,
                               SIGILL,  SIGTRAP, SIGABRT, SIGCHLD, SIGURG};

}  // namespace

absl::Status CheckSignalHandlers(const std::vector<SignalHandler>& handlers) {
  for (const SignalHandler& one : handlers) {
    if (one.signal < 1 || one.signal > SIGRTMAX ||
        std::find(std::begin(kNotHandled), std::end(kNotHandled), one.signal) !=
            std::end(kNotHandled)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "launcher: signal ", one.signal, " cannot have a handler"));
    }
    if (!one.handler) {
      return absl::InvalidArgumentError(absl::StrCat(
          "launcher: the handler of signal ", one.signal, " is empty"));
    }
  }
  return absl::OkStatus();
}

std::vector<int> SignalsOf(const std::vector<SignalHandler>& handlers) {
  std::vector<int> signals;
  signals.reserve(handlers.size());
  for (const SignalHandler& one : handlers) signals.push_back(one.signal);
  return signals;
}

void CallSignalHandlers(const std::vector<SignalHandler>& handlers, int signal,
                        spdlog::logger& log) {
  for (auto one = handlers.rbegin(); one != handlers.rend(); ++one) {
    if (one->signal != signal) continue;
    const absl::Status called = periodic::CallGuarded([&] {
      one->handler();
      return absl::OkStatus();
    });
    if (!called.ok()) {
      log.error("A handler of signal {} failed: {}", signal, called.ToString());
    }
  }
}

}  // namespace bergen::launcher
