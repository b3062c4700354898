// SPDX-License-Identifier: Apache-2.0
//
// Bound, listening sockets with names. They are opened before workers are
// forked, so every worker accepts from the same queue and none is lost when a
// worker is replaced.
//
//   absl::StatusOr<bergen::Listener> http =
//       bergen::Listener::ListenTcp("http", "127.0.0.1", 0, {});
//   if (!http.ok()) return http.status();
//   log.info("listening on http://{}", http->address());
//
// Source: the listening part of `wsgi.Server` in oslo.service. There
// SO_REUSEPORT lets two programs share a port unnoticed, and a UNIX socket's
// path is stolen from a live process; neither happens here.

#ifndef SERVICE_LISTENER_H_
#define SERVICE_LISTENER_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/unique_fd.h"

namespace bergen {

struct ListenerOptions {
  // Longest queue of connections not yet accepted; at least 1. The kernel caps
  // it at net.core.somaxconn.
  int backlog = 128;
  // Idle time before TCP keep-alive probes; zero leaves the kernel's default.
  absl::Duration tcp_keepidle = absl::Seconds(600);
  // Permission bits of a UNIX socket; -1 leaves them to the umask.
  int unix_mode = -1;
};

// A listening socket: non-blocking, close-on-exec. Immutable after creation, so
// it may be shared by threads, except for `Close`, after which `fd` is -1. Must
// outlive those who accept from it.
class Listener {
 public:
  // `host` is a name, an IPv4 or an IPv6 address (with or without brackets);
  // the first result of the resolver that can be bound is used. `port` 0 lets
  // the kernel choose. InvalidArgument for a bad host or port, AlreadyExists if
  // the port is in use, PermissionDenied, or another code of the system's
  // error; the text names the address.
  static absl::StatusOr<Listener> ListenTcp(absl::string_view name,
                                            absl::string_view host, int port,
                                            const ListenerOptions& options);

  // Replaces the file at `path` if it is a socket nobody listens on;
  // AlreadyExists if somebody does. The file is removed by `Close` and
  // the destructor in the process that created it, if it is still this
  // socket's.
  static absl::StatusOr<Listener> ListenUnix(absl::string_view name,
                                             absl::string_view path,
                                             const ListenerOptions& options);

  // Takes over `fd`, a stream socket that already listens: from the program
  // before this one, or from the service manager. `owns_file`: the file of a
  // UNIX socket is from now on this process's to remove. InvalidArgument for
  // anything else; the descriptor is closed then.
  static absl::StatusOr<Listener> Adopt(absl::string_view name, UniqueFd fd,
                                        bool owns_file);

  Listener(Listener&&) noexcept;
  Listener& operator=(Listener&&) noexcept;
  ~Listener();

  // Under which the next program finds it; see inherited_listeners.h.
  const std::string& name() const { return name_; }
  void set_name(absl::string_view name) { name_ = std::string(name); }
  int fd() const { return fd_.get(); }
  // Whether somebody else had opened it, and may still have it.
  bool adopted() const { return adopted_; }
  bool is_unix() const { return port_ < 0; }

  // Numeric host, or the path of a UNIX socket.
  const std::string& host() const { return host_; }
  // The real port, also when 0 was asked for; -1 for UNIX.
  int port() const { return port_; }
  // `HOST:PORT`, `[HOST]:PORT` or the path.
  std::string address() const;

  // Stops listening in every process that shares the socket: from now on
  // connections are refused, and so are those that nobody has accepted yet;
  // `accept` fails with EINVAL, and the descriptor polls as hung up. The
  // descriptor stays open. Thread-safe.
  void Shutdown();

  // Whether the file of a UNIX socket is this process's to remove, and making
  // it somebody else's.
  bool owns_file() const;
  void Disown() { owner_pid_ = 0; }

  // Closes this process's descriptor. Connections are refused once every
  // process has closed its own.
  void Close();

 private:
  Listener(absl::string_view name, UniqueFd fd, absl::string_view host,
           int port);

  std::string name_;
  UniqueFd fd_;
  std::string host_;
  int port_ = -1;
  bool adopted_ = false;
  // Process that removes the UNIX socket's file, and the file's identity.
  int owner_pid_ = 0;
  uint64_t device_ = 0;
  uint64_t inode_ = 0;
};

}  // namespace bergen

#endif  // SERVICE_LISTENER_H_
