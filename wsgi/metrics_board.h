// SPDX-License-Identifier: Apache-2.0
//
// Memory in which the workers of a service count, so that each of them can tell
// what all have counted.
//
//   // Before workers are forked:
//   absl::StatusOr<MetricsBoard> board = MetricsBoard::Create(256);
//   if (!board.ok()) return board.status();
//   // In each worker:
//   absl::StatusOr<std::unique_ptr<MetricsBoard::Claim>> claim =
//       board->MakeClaim();
//   if (!claim.ok()) return claim.status();
//   RequestMetrics counted(app, (*claim)->slot());
//   options.counters = &(*claim)->slot().server;
//   ...
//   MetricsPage page({&*board});
//
// A worker counts with a few instructions in a slot of its own, and what it has
// counted survives it however it ends: the next claim of the slot goes on from
// there. What is only now (connections, requests in progress) counts as long as
// the claim's process lives.

#ifndef WSGI_METRICS_BOARD_H_
#define WSGI_METRICS_BOARD_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"
#include "service/unique_fd.h"
#include "wsgi/server_counters.h"

namespace bergen::wsgi {

// Of durations of requests, in seconds: from what an answer from memory takes
// to what clients wait for.
inline constexpr std::array<double, 18> kDurationBounds = {
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
    0.1,    0.25,    0.5,    1,     2.5,    5,     10,   30,    60};

// The method of requests whose method is none of RFC 9110's is the last.
inline constexpr std::array<const char*, 10> kCountedMethods = {
    "GET",     "HEAD",  "POST",    "PUT",   "DELETE",
    "OPTIONS", "TRACE", "CONNECT", "PATCH", "other"};

// What one worker counts.
struct MetricsSlot {
  static constexpr size_t kCodes = 600;

  ServerCounters server;
  std::atomic<int64_t> in_progress = 0;
  std::array<std::array<std::atomic<uint64_t>, kCodes>, kCountedMethods.size()>
      requests = {};
  // By the first bound that is not smaller; the last: by none.
  std::array<std::atomic<uint64_t>, kDurationBounds.size() + 1> durations = {};
  std::atomic<uint64_t> nanoseconds = 0;  // All durations together.
  std::atomic<uint64_t> body_bytes = 0;
};

// Thread-safe. A child of a fork may use it, and `MakeClaim` for itself.
class MetricsBoard : public prometheus::Collectable {
 public:
  // A slot that nobody else counts in, until it is destroyed or its process
  // ends. Must not outlive its board.
  class Claim {
   public:
    MetricsSlot& slot() const { return *slot_; }

   private:
    friend class MetricsBoard;
    Claim(MetricsSlot* slot, UniqueFd lock)
        : slot_(slot), lock_(std::move(lock)) {}

    MetricsSlot* slot_;
    UniqueFd lock_;  // The kernel gives it back with the last process.
  };

  // `slots`, at least 1, is the most claims at once: workers that are being
  // replaced count too. One that is never claimed costs no memory. The
  // system's error if it refuses.
  static absl::StatusOr<MetricsBoard> Create(size_t slots);

  MetricsBoard(MetricsBoard&& other) noexcept;
  MetricsBoard& operator=(MetricsBoard&&) = delete;
  ~MetricsBoard() override;

  // ResourceExhausted if all slots are claimed.
  absl::StatusOr<std::unique_ptr<Claim>> MakeClaim();

  // Of all slots together:
  //
  //   http_requests_total{method, code}
  //   http_request_duration_seconds        a histogram
  //   http_requests_in_progress
  //   http_response_body_bytes_total
  //   wsgi_connections, wsgi_tls_handshakes_in_progress,
  //   wsgi_requests_in_progress, wsgi_requests_total,
  //   wsgi_refused_connections_total, wsgi_queue_timeouts_total,
  //   wsgi_tls_handshakes_total, wsgi_tls_resumptions_total,
  //   wsgi_tls_handshake_failures_total,
  //   wsgi_workers                         slots that are claimed
  //   wsgi_tls_certificate_expiry_timestamp_seconds
  //       the earliest of all, where TLS is served
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  // The memory: slots are claimed from the first on, so that what is behind
  // those in use was never written.
  struct Header {
    std::atomic<uint64_t> used = 0;  // Slots that were ever claimed.
  };

  MetricsBoard(UniqueFd locks, Header* header, size_t size);

  static size_t BytesFor(size_t slots);

  // Requires index < size_.
  MetricsSlot& slot(size_t index) const {
    return reinterpret_cast<MetricsSlot*>(header_ + 1)[index];
  }

  // A descriptor of its own, for locks.
  absl::StatusOr<UniqueFd> Reopen() const;

  UniqueFd locks_;  // A file without content, of which slots are locked.
  Header* header_;
  size_t size_;
};

}  // namespace bergen::wsgi

#endif  // WSGI_METRICS_BOARD_H_
