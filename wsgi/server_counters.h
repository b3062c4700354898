// SPDX-License-Identifier: Apache-2.0
//
// What a server counts, in atomics that may lie in memory which processes
// share. A value without behaviour.

#ifndef WSGI_SERVER_COUNTERS_H_
#define WSGI_SERVER_COUNTERS_H_

#include <atomic>
#include <cstdint>

namespace bergen::wsgi {

// Written by one server.
struct ServerCounters {
  // Now.
  std::atomic<int64_t> connections = 0;
  std::atomic<int64_t> handshakes = 0;  // TLS, not over yet.
  // In seconds since 1970: when the first certificate expires; 0: there is
  // none.
  std::atomic<int64_t> certificate_expiry = 0;
  // Handed to the application, or waiting for a thread.
  std::atomic<int64_t> requests_in_progress = 0;

  // Since the beginning.
  std::atomic<uint64_t> requests = 0;
  // Closed because there were too many: connections, and handshakes.
  std::atomic<uint64_t> refused_connections = 0;
  // Requests given up because no thread was free in time.
  std::atomic<uint64_t> queue_timeouts = 0;
  std::atomic<uint64_t> tls_handshakes = 0;   // That succeeded.
  std::atomic<uint64_t> tls_resumptions = 0;  // Of these, of a session.
  std::atomic<uint64_t> tls_failures = 0;
};
static_assert(std::atomic<uint64_t>::is_always_lock_free,
              "processes share no locks");

}  // namespace bergen::wsgi

#endif  // WSGI_SERVER_COUNTERS_H_
