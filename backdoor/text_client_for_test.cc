// SPDX-License-Identifier: Apache-2.0

#include "backdoor/text_client_for_test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"

namespace bergen::backdoor {
namespace {

constexpr int kDeadlineMs = 30000;

int Connect(const Listener& listener) {
  if (listener.is_unix()) {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, listener.host().c_str(),
                 sizeof(address.sun_path) - 1);
    return connect(fd, reinterpret_cast<sockaddr*>(&address),
                   sizeof(address)) == 0
               ? fd
               : -1;
  }
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(listener.port()));
  inet_pton(AF_INET, listener.host().c_str(), &address.sin_addr);
  return connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) ==
                 0
             ? fd
             : -1;
}

}  // namespace

TextClientForTest::TextClientForTest(const Listener& listener)
    : fd_(Connect(listener)) {
  if (fd_.ok()) return;
  std::perror("connect");
  std::abort();
}

TextClientForTest::TextClientForTest(UniqueFd fd) : fd_(std::move(fd)) {
  const int flags = fcntl(fd_.get(), F_GETFL);
  fcntl(fd_.get(), F_SETFL, flags & ~O_NONBLOCK);
}

void TextClientForTest::Send(absl::string_view text) {
  while (!text.empty()) {
    const ssize_t sent =
        send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    text.remove_prefix(static_cast<size_t>(sent));
  }
}

void TextClientForTest::EndInput() { shutdown(fd_.get(), SHUT_WR); }

std::string TextClientForTest::ReadUntil(absl::string_view end) {
  std::string text;
  // Byte by byte, so as not to read beyond.
  while (!absl::EndsWith(text, end) && Read(1, text)) {
  }
  return text;
}

std::string TextClientForTest::ReadAll() {
  std::string text;
  while (Read(64 * 1024, text)) {
  }
  return text;
}

bool TextClientForTest::Read(size_t most, std::string& text) {
  pollfd readable = {fd_.get(), POLLIN, 0};
  if (poll(&readable, 1, kDeadlineMs) != 1) {
    text += "(deadline)";
    return false;
  }
  std::string piece(most, '\0');
  const ssize_t count = read(fd_.get(), piece.data(), piece.size());
  if (count <= 0) return false;
  text.append(piece, 0, static_cast<size_t>(count));
  return true;
}

}  // namespace bergen::backdoor
