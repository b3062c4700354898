// THROWAWAY stand-in until the real one is merged.
#include "service/listener.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <cerrno>
#include <cstring>
#include "absl/strings/str_cat.h"
namespace bergen {
Listener::Listener(absl::string_view name, UniqueFd fd, absl::string_view host, int port) : name_(name), fd_(std::move(fd)), host_(host), port_(port) {}
Listener::Listener(Listener&&) noexcept = default;
Listener& Listener::operator=(Listener&&) noexcept = default;
Listener::~Listener() { if (fd_.ok() && port_ < 0) unlink(host_.c_str()); }
std::string Listener::address() const { return port_ < 0 ? host_ : absl::StrCat(host_, ":", port_); }
absl::StatusOr<Listener> Listener::ListenTcp(absl::string_view name, absl::string_view host, int port, const ListenerOptions& o) {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  int one = 1; setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_in a = {}; a.sin_family = AF_INET; a.sin_port = htons(port); inet_pton(AF_INET, std::string(host).c_str(), &a.sin_addr);
  if (bind(fd.get(), (sockaddr*)&a, sizeof a)) return errno == EADDRINUSE ? absl::AlreadyExistsError(absl::StrCat(host, ":", port)) : absl::ErrnoToStatus(errno, absl::StrCat(host, ":", port));
  if (listen(fd.get(), o.backlog)) return errno == EADDRINUSE ? absl::AlreadyExistsError(absl::StrCat(host, ":", port)) : absl::ErrnoToStatus(errno, absl::StrCat(host, ":", port));
  socklen_t l = sizeof a; getsockname(fd.get(), (sockaddr*)&a, &l);
  return Listener(name, std::move(fd), host, ntohs(a.sin_port));
}
absl::StatusOr<Listener> Listener::ListenUnix(absl::string_view name, absl::string_view path, const ListenerOptions& o) {
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_un a = {}; a.sun_family = AF_UNIX; strncpy(a.sun_path, std::string(path).c_str(), sizeof a.sun_path - 1);
  if (bind(fd.get(), (sockaddr*)&a, sizeof a)) return absl::ErrnoToStatus(errno, path);
  if (o.unix_mode >= 0) chmod(a.sun_path, o.unix_mode);
  if (listen(fd.get(), o.backlog)) return absl::ErrnoToStatus(errno, path);
  return Listener(name, std::move(fd), path, -1);
}
}
