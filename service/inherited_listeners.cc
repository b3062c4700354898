// SPDX-License-Identifier: Apache-2.0

#include "service/inherited_listeners.h"

#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace bergen {
namespace {

// As sd_listen_fds_with_names(3) calls it.
constexpr char kNoName[] = "unknown";
constexpr size_t kLongestName = 255;

std::string TakeVariable(const char* name) {
  const char* const value = std::getenv(name);
  std::string text = value == nullptr ? "" : value;
  ::unsetenv(name);
  return text;
}

// Whether `host`, a name or an address, is `numeric`.
bool IsAddressOf(absl::string_view host, const std::string& numeric) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  if (::getaddrinfo(std::string(host).c_str(), nullptr, &hints, &found) != 0) {
    return false;
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(
      found, &::freeaddrinfo);
  for (const addrinfo* it = found; it != nullptr; it = it->ai_next) {
    char text[NI_MAXHOST];
    if (::getnameinfo(it->ai_addr, it->ai_addrlen, text, sizeof(text), nullptr,
                      0, NI_NUMERICHOST) == 0 &&
        numeric == text) {
      return true;
    }
  }
  return false;
}

bool CanBePassedOn(absl::string_view name) {
  return !name.empty() && name.size() <= kLongestName &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isprint(static_cast<unsigned char>(c)) &&
                  c != ':';
         });
}

}  // namespace

absl::StatusOr<std::vector<std::string>> VariablesFor(
    const std::vector<Listener*>& listeners,
    const std::vector<NamedFd>& others) {
  std::vector<absl::string_view> names;
  std::string owned;
  for (const Listener* listener : listeners) {
    if (!CanBePassedOn(listener->name())) {
      return absl::InvalidArgumentError(
          absl::StrCat("listener ", listener->address(), ": its name '",
                       listener->name(), "' cannot be passed on"));
    }
    names.push_back(listener->name());
    owned.push_back(listener->owns_file() ? '1' : '0');
  }
  for (const NamedFd& other : others) {
    if (!CanBePassedOn(other.name)) {
      return absl::InvalidArgumentError(absl::StrCat("descriptor ", other.fd,
                                                     ": its name '", other.name,
                                                     "' cannot be passed on"));
    }
    names.push_back(other.name);
  }
  return std::vector<std::string>{
      absl::StrCat("LISTEN_FDS=", names.size()),
      absl::StrCat("LISTEN_FDNAMES=", absl::StrJoin(names, ":")),
      absl::StrCat("BERGEN_LISTEN_OWNED=", owned)};
}

absl::StatusOr<InheritedListeners> InheritedListeners::FromEnvironment() {
  const std::string pid_text = TakeVariable("LISTEN_PID");
  const std::string count_text = TakeVariable("LISTEN_FDS");
  const std::string names_text = TakeVariable("LISTEN_FDNAMES");
  const std::string owned = TakeVariable("BERGEN_LISTEN_OWNED");
  InheritedListeners inherited;
  int pid = 0;
  // Those of another process: a parent has left its variables behind.
  if (!absl::SimpleAtoi(pid_text, &pid) || pid != ::getpid()) return inherited;

  int count = 0;
  if (!absl::SimpleAtoi(count_text, &count) || count < 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "LISTEN_FDS: must be a number of descriptors, got '", count_text, "'"));
  }
  const std::vector<std::string> names = absl::StrSplit(names_text, ':');
  for (int i = 0; i < count; ++i) {
    const int number = kFirstInheritedFd + i;
    const auto index = static_cast<size_t>(i);
    const std::string name =
        index < names.size() && !names[index].empty() ? names[index] : kNoName;
    if (::fcntl(number, F_GETFD) < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("LISTEN_FDS is ", count, ", but descriptor ", number,
                       " (", name, ") is not open"));
    }
    // `Adopt` closes what is no listener.
    UniqueFd copy(::fcntl(number, F_DUPFD_CLOEXEC, number));
    absl::StatusOr<Listener> listener = Listener::Adopt(
        name, UniqueFd(number), index < owned.size() && owned[index] == '1');
    if (listener.ok()) {
      inherited.listeners_.push_back(*std::move(listener));
    } else {
      inherited.others_.push_back(
          {name, std::move(copy), std::string(listener.status().message())});
    }
  }
  return inherited;
}

std::optional<Listener> InheritedListeners::Take(
    absl::string_view name,
    absl::FunctionRef<bool(const Listener& listener)> fits) {
  for (auto it = listeners_.begin(); it != listeners_.end(); ++it) {
    if (it->name() != name || !fits(*it)) continue;
    std::optional<Listener> taken(std::move(*it));
    listeners_.erase(it);
    return taken;
  }
  return std::nullopt;
}

absl::StatusOr<Listener> InheritedListeners::TakeOrListenTcp(
    absl::string_view name, absl::string_view host, int port,
    const ListenerOptions& options) {
  std::optional<Listener> taken =
      Take(name, [host, port](const Listener& listener) {
        return !listener.is_unix() && (port == 0 || port == listener.port()) &&
               IsAddressOf(host, listener.host());
      });
  if (taken.has_value()) return *std::move(taken);
  return Listener::ListenTcp(name, host, port, options);
}

absl::StatusOr<Listener> InheritedListeners::TakeOrListenUnix(
    absl::string_view name, absl::string_view path,
    const ListenerOptions& options) {
  std::optional<Listener> taken = Take(name, [path](const Listener& listener) {
    return listener.is_unix() && listener.host() == path;
  });
  if (taken.has_value()) return *std::move(taken);
  return Listener::ListenUnix(name, path, options);
}

UniqueFd InheritedListeners::TakeFd(absl::string_view name) {
  for (auto it = others_.begin(); it != others_.end(); ++it) {
    if (it->name != name) continue;
    UniqueFd taken = std::move(it->fd);
    others_.erase(it);
    return taken;
  }
  return UniqueFd();
}

std::vector<std::string> InheritedListeners::CloseRest() {
  std::vector<std::string> closed;
  for (const Other& other : others_) {
    closed.push_back(absl::StrCat(other.name, " (", other.why, ")"));
  }
  others_.clear();
  for (const Listener& listener : listeners_) {
    closed.push_back(
        absl::StrCat(listener.name(), " (", listener.address(), ")"));
  }
  listeners_.clear();
  return closed;
}

}  // namespace bergen
