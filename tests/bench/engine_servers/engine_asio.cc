// SPDX-License-Identifier: Apache-2.0
//
// One thread, so without Asio's locks (concurrency hint and definition). The
// socket is waited for and then read, which costs no read that finds nothing:
// async_read_some tries first, and would find nothing after each answer.

#define BOOST_ASIO_DISABLE_THREADS
// Coroutines of Debian's Asio do not compile by themselves with GCC 12.
#define BOOST_ASIO_DISABLE_CO_AWAIT

#include <boost/asio.hpp>
#include <utility>

#include "tests/bench/engine_servers/canned.h"

namespace bergen::bench {
namespace {

using Tcp = boost::asio::ip::tcp;

class Peer {
 public:
  explicit Peer(Tcp::socket socket) : socket_(std::move(socket)) {}

  void Wait() {
    socket_.async_wait(Tcp::socket::wait_read,
                       [this](const boost::system::error_code& error) {
                         if (error || !Answer()) {
                           delete this;
                           return;
                         }
                         Wait();
                       });
  }

 private:
  bool Answer() {
    static char buffer[kReadSize];
    const int fd = socket_.native_handle();
    const ssize_t size = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
    return size > 0 && (!EndsRequest(buffer, size) ||
                        send(fd, kAnswer, kAnswerSize, MSG_NOSIGNAL) > 0);
  }

  Tcp::socket socket_;
};

void AcceptNext(Tcp::acceptor& acceptor) {
  acceptor.async_accept(
      [&acceptor](const boost::system::error_code& error, Tcp::socket socket) {
        if (!error) {
          socket.set_option(Tcp::no_delay(true));
          (new Peer(std::move(socket)))->Wait();
        }
        AcceptNext(acceptor);
      });
}

}  // namespace
}  // namespace bergen::bench

int main() {
  boost::asio::io_context context(1);
  bergen::bench::Tcp::acceptor acceptor(context, bergen::bench::Tcp::v4(),
                                        bergen::bench::ListenAndSay());
  bergen::bench::AcceptNext(acceptor);
  context.run();
}
