// SPDX-License-Identifier: Apache-2.0
//
// Stands for systemd: hears what a service says to its manager.
//
//   FakeNotifyManager manager;
//   const Notifier notifier(manager.name());
//   ...
//   EXPECT_THAT(manager.Take(), ElementsAre("READY=1"));

#ifndef SERVICE_FAKE_NOTIFY_MANAGER_H_
#define SERVICE_FAKE_NOTIFY_MANAGER_H_

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "service/unique_fd.h"

namespace bergen {

// Its socket's name is abstract, so nothing is left behind. Thread-safe, except
// for `passed`.
class FakeNotifyManager {
 public:
  FakeNotifyManager()
      : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    // The kernel chooses a name.
    socklen_t size = sizeof(sa_family_t);
    if (::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0) {
      std::perror("FakeNotifyManager");
      std::abort();
    }
    size = sizeof(address);
    ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    name_ = absl::StrCat(
        "@", absl::string_view(address.sun_path + 1,
                               size - offsetof(sockaddr_un, sun_path) - 1));
  }

  // For NOTIFY_SOCKET.
  const std::string& name() const { return name_; }

  // The next datagram, the time after MONOTONIC_USEC= left out; `nothing` if
  // there is none.
  std::string Receive() {
    char text[4096];
    iovec buffer = {text, sizeof(text)};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    msghdr datagram = {};
    datagram.msg_iov = &buffer;
    datagram.msg_iovlen = 1;
    datagram.msg_control = control;
    datagram.msg_controllen = sizeof(control);
    const ssize_t size = ::recvmsg(fd_.get(), &datagram, MSG_CMSG_CLOEXEC);
    if (size < 0) return "nothing";
    passed_.Reset();
    if (const cmsghdr* const header = CMSG_FIRSTHDR(&datagram)) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header), sizeof(fd));
      passed_.Reset(fd);
    }
    std::vector<std::string> lines = absl::StrSplit(
        absl::string_view(text, static_cast<size_t>(size)), '\n');
    for (std::string& line : lines) {
      constexpr absl::string_view kTime = "MONOTONIC_USEC=";
      const absl::string_view digits =
          absl::StartsWith(line, kTime)
              ? absl::string_view(line).substr(kTime.size())
              : absl::string_view();
      if (!digits.empty() &&
          std::all_of(digits.begin(), digits.end(), absl::ascii_isdigit)) {
        line = std::string(kTime);
      }
    }
    return absl::StrJoin(lines, "\n");
  }

  // All that there are; the descriptors of barriers are closed.
  std::vector<std::string> Take() {
    std::vector<std::string> messages;
    for (std::string next = Receive(); next != "nothing"; next = Receive()) {
      messages.push_back(next);
      passed_.Reset();
    }
    return messages;
  }

  // The descriptor that came with the last message.
  UniqueFd& passed() { return passed_; }

 private:
  UniqueFd fd_;
  std::string name_;
  UniqueFd passed_;
};

}  // namespace bergen

#endif  // SERVICE_FAKE_NOTIFY_MANAGER_H_
