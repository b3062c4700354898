// SPDX-License-Identifier: Apache-2.0

#include "service/listener.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace bergen {
namespace {

constexpr int kHighestPort = 65535;
constexpr absl::Duration kLongestKeepIdle = absl::Seconds(32767);  // tcp(7)
// A socket left behind by a dead process is removed and the name tried again;
// more rounds than this mean that somebody else keeps taking it.
constexpr int kUnixAttempts = 3;

std::string JoinHostPort(absl::string_view host, int port) {
  if (host.find(':') != absl::string_view::npos) {
    return absl::StrCat("[", host, "]:", port);
  }
  return absl::StrCat(host, ":", port);
}

absl::Status SystemError(int error, absl::string_view what) {
  if (error == EADDRINUSE) {
    return absl::AlreadyExistsError(
        absl::StrCat(what, ": ", std::strerror(error)));
  }
  if (error == EADDRNOTAVAIL) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": ", std::strerror(error)));
  }
  return absl::ErrnoToStatus(error, what);
}

absl::Status CheckBacklog(absl::string_view name,
                          const ListenerOptions& options) {
  if (options.backlog >= 1) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("listener ", name, ": backlog must be at least 1, got ",
                   options.backlog));
}

absl::Status SetOption(int fd, int level, int option, int value,
                       absl::string_view what) {
  if (::setsockopt(fd, level, option, &value, sizeof(value)) == 0) {
    return absl::OkStatus();
  }
  return absl::ErrnoToStatus(errno, what);
}

absl::StatusOr<UniqueFd> ListenOn(const addrinfo& address,
                                  absl::string_view what,
                                  const ListenerOptions& options) {
  UniqueFd fd(::socket(address.ai_family,
                       address.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                       address.ai_protocol));
  if (!fd.ok()) return SystemError(errno, what);
  // A restart need not wait for old connections' TIME_WAIT; on Linux two
  // listeners still cannot share a port by it.
  absl::Status set = SetOption(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1, what);
  if (!set.ok()) return set;
  // Accepted connections inherit both.
  set = SetOption(fd.get(), SOL_SOCKET, SO_KEEPALIVE, 1, what);
  if (!set.ok()) return set;
  if (options.tcp_keepidle > absl::ZeroDuration()) {
    set = SetOption(
        fd.get(), IPPROTO_TCP, TCP_KEEPIDLE,
        static_cast<int>(absl::ToInt64Seconds(options.tcp_keepidle)), what);
    if (!set.ok()) return set;
  }
  if (::bind(fd.get(), address.ai_addr, address.ai_addrlen) != 0 ||
      ::listen(fd.get(), options.backlog) != 0) {
    return SystemError(errno, what);
  }
  return fd;
}

// The numeric host and the port that `fd` is bound to.
absl::StatusOr<std::pair<std::string, int>> BoundAddress(
    int fd, absl::string_view what) {
  sockaddr_storage bound = {};
  socklen_t size = sizeof(bound);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) != 0) {
    return absl::ErrnoToStatus(errno, what);
  }
  char host[NI_MAXHOST];
  const int failed =
      ::getnameinfo(reinterpret_cast<const sockaddr*>(&bound), size, host,
                    sizeof(host), nullptr, 0, NI_NUMERICHOST);
  if (failed != 0) {
    return absl::InternalError(absl::StrCat(what, ": ", gai_strerror(failed)));
  }
  const in_port_t port =
      bound.ss_family == AF_INET6
          ? reinterpret_cast<const sockaddr_in6&>(bound).sin6_port
          : reinterpret_cast<const sockaddr_in&>(bound).sin_port;
  return std::make_pair(std::string(host), static_cast<int>(ntohs(port)));
}

// OK if nobody listens at `address`, whose file has then been removed.
absl::Status RemoveStaleSocket(const sockaddr_un& address,
                               absl::string_view what) {
  struct stat file;
  if (::lstat(address.sun_path, &file) != 0) {
    if (errno == ENOENT) return absl::OkStatus();
    return SystemError(errno, what);
  }
  if (!S_ISSOCK(file.st_mode)) {
    return absl::AlreadyExistsError(
        absl::StrCat(what, ": the file exists and is not a socket"));
  }
  const UniqueFd probe(
      ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe.ok()) return SystemError(errno, what);
  if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address),
                sizeof(address)) == 0 ||
      errno == EAGAIN || errno == EPROTOTYPE) {
    return absl::AlreadyExistsError(
        absl::StrCat(what, ": another process listens there"));
  }
  if (errno != ECONNREFUSED && errno != ENOENT) {
    return SystemError(errno, what);
  }
  if (::unlink(address.sun_path) != 0 && errno != ENOENT) {
    return SystemError(errno, what);
  }
  return absl::OkStatus();
}

absl::Status BindUnix(int fd, const sockaddr_un& address,
                      absl::string_view what) {
  for (int attempt = 0; attempt < kUnixAttempts; ++attempt) {
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address),
               sizeof(address)) == 0) {
      return absl::OkStatus();
    }
    if (errno != EADDRINUSE) return SystemError(errno, what);
    absl::Status removed = RemoveStaleSocket(address, what);
    if (!removed.ok()) return removed;
  }
  return SystemError(EADDRINUSE, what);
}

}  // namespace

absl::StatusOr<Listener> Listener::ListenTcp(absl::string_view name,
                                             absl::string_view host, int port,
                                             const ListenerOptions& options) {
  absl::Status backlog = CheckBacklog(name, options);
  if (!backlog.ok()) return backlog;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  const std::string what =
      absl::StrCat("listener ", name, " at ", JoinHostPort(host, port));
  if (host.empty() || host.find('\0') != absl::string_view::npos) {
    return absl::InvalidArgumentError(absl::StrCat(what, ": bad host"));
  }
  if (port < 0 || port > kHighestPort) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": port must be in 0..", kHighestPort));
  }
  if (options.tcp_keepidle < absl::ZeroDuration() ||
      options.tcp_keepidle > kLongestKeepIdle) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": tcp_keepidle must be in 0..",
                     absl::FormatDuration(kLongestKeepIdle), ", got ",
                     absl::FormatDuration(options.tcp_keepidle)));
  }

  addrinfo hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(std::string(host).c_str(),
                                   absl::StrCat(port).c_str(), &hints, &found);
  if (failed == EAI_AGAIN) {
    return absl::UnavailableError(
        absl::StrCat(what, ": ", gai_strerror(failed)));
  }
  if (failed != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": ", gai_strerror(failed)));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(
      found, &::freeaddrinfo);

  absl::StatusOr<UniqueFd> fd = absl::InternalError(what);
  for (const addrinfo* it = addresses.get(); it != nullptr && !fd.ok();
       it = it->ai_next) {
    fd = ListenOn(*it, what, options);
  }
  if (!fd.ok()) return fd.status();
  absl::StatusOr<std::pair<std::string, int>> bound =
      BoundAddress(fd->get(), what);
  if (!bound.ok()) return bound.status();
  return Listener(name, *std::move(fd), bound->first, bound->second);
}

absl::StatusOr<Listener> Listener::ListenUnix(absl::string_view name,
                                              absl::string_view path,
                                              const ListenerOptions& options) {
  absl::Status backlog = CheckBacklog(name, options);
  if (!backlog.ok()) return backlog;
  const std::string what = absl::StrCat("listener ", name, " at ", path);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path) ||
      path.find('\0') != absl::string_view::npos) {
    return absl::InvalidArgumentError(absl::StrCat(
        what, ": the path must have 1 to ", sizeof(address.sun_path) - 1,
        " bytes, none of them zero"));
  }
  std::memcpy(address.sun_path, path.data(), path.size());

  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.ok()) return SystemError(errno, what);
  absl::Status bound = BindUnix(fd.get(), address, what);
  if (!bound.ok()) return bound;

  // From here on the destructor removes the file.
  Listener listener(name, std::move(fd), path, -1);
  struct stat file;
  if (::lstat(address.sun_path, &file) != 0) return SystemError(errno, what);
  listener.owner_pid_ = ::getpid();
  listener.device_ = file.st_dev;
  listener.inode_ = file.st_ino;
  // Nobody can connect before `listen`.
  if (options.unix_mode >= 0 &&
      ::chmod(address.sun_path, static_cast<mode_t>(options.unix_mode)) != 0) {
    return SystemError(errno, what);
  }
  if (::listen(listener.fd(), options.backlog) != 0) {
    return SystemError(errno, what);
  }
  return listener;
}

absl::StatusOr<Listener> Listener::Adopt(absl::string_view name, UniqueFd fd,
                                         bool owns_file) {
  const std::string what =
      absl::StrCat("listener ", name, ": descriptor ", fd.get());
  int listening = 0;
  int type = 0;
  socklen_t size = sizeof(listening);
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) !=
          0 ||
      ::getsockopt(fd.get(), SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": ", std::strerror(errno)));
  }
  if (listening == 0 || type != SOCK_STREAM) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, " is not a listening stream socket"));
  }
  const int flags = ::fcntl(fd.get(), F_GETFL);
  if (flags < 0 || ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0 ||
      ::fcntl(fd.get(), F_SETFD, FD_CLOEXEC) != 0) {
    return absl::ErrnoToStatus(errno, what);
  }

  sockaddr_storage bound = {};
  size = sizeof(bound);
  if (::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound), &size) !=
      0) {
    return absl::ErrnoToStatus(errno, what);
  }
  if (bound.ss_family != AF_UNIX) {
    absl::StatusOr<std::pair<std::string, int>> address =
        BoundAddress(fd.get(), what);
    if (!address.ok()) return address.status();
    Listener listener(name, std::move(fd), address->first, address->second);
    listener.adopted_ = true;
    return listener;
  }
  const auto& address = reinterpret_cast<const sockaddr_un&>(bound);
  const size_t length = size - offsetof(sockaddr_un, sun_path);
  std::string path(address.sun_path, ::strnlen(address.sun_path, length));
  Listener listener(name, std::move(fd), path, -1);
  listener.adopted_ = true;
  struct stat file;
  if (owns_file && ::lstat(path.c_str(), &file) == 0 &&
      S_ISSOCK(file.st_mode)) {
    listener.owner_pid_ = ::getpid();
    listener.device_ = file.st_dev;
    listener.inode_ = file.st_ino;
  }
  return listener;
}

Listener::Listener(absl::string_view name, UniqueFd fd, absl::string_view host,
                   int port)
    : name_(name), fd_(std::move(fd)), host_(host), port_(port) {}

Listener::Listener(Listener&& other) noexcept
    : name_(std::move(other.name_)),
      fd_(std::move(other.fd_)),
      host_(std::move(other.host_)),
      port_(other.port_),
      adopted_(other.adopted_),
      owner_pid_(std::exchange(other.owner_pid_, 0)),
      device_(other.device_),
      inode_(other.inode_) {}

Listener& Listener::operator=(Listener&& other) noexcept {
  if (this == &other) return *this;
  Close();
  name_ = std::move(other.name_);
  fd_ = std::move(other.fd_);
  host_ = std::move(other.host_);
  port_ = other.port_;
  adopted_ = other.adopted_;
  owner_pid_ = std::exchange(other.owner_pid_, 0);
  device_ = other.device_;
  inode_ = other.inode_;
  return *this;
}

Listener::~Listener() { Close(); }

std::string Listener::address() const {
  return is_unix() ? host_ : JoinHostPort(host_, port_);
}

bool Listener::owns_file() const { return owner_pid_ == ::getpid(); }

void Listener::Shutdown() {
  if (fd_.ok()) ::shutdown(fd_.get(), SHUT_RDWR);
}

void Listener::Close() {
  const bool owns_file = std::exchange(owner_pid_, 0) == ::getpid();
  struct stat file;
  if (owns_file && ::lstat(host_.c_str(), &file) == 0 &&
      file.st_dev == device_ && file.st_ino == inode_) {
    ::unlink(host_.c_str());
  }
  fd_.Reset();
}

}  // namespace bergen
