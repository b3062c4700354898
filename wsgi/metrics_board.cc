// SPDX-License-Identifier: Apache-2.0

#include "wsgi/metrics_board.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <limits>
#include <string>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace bergen::wsgi {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

static_assert(std::is_trivially_destructible_v<MetricsSlot>);

constexpr std::memory_order kRelaxed = std::memory_order_relaxed;

// Lock `slot`, or ask who has it: open file descriptions own these locks, so
// that one goes when its last descriptor does, in whatever way.
bool Lock(int fd, int command, size_t slot, struct flock& lock) {
  lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(slot);
  lock.l_len = 1;
  return fcntl(fd, command, &lock) == 0;
}

double Double(uint64_t value) { return static_cast<double>(value); }

MetricFamily One(const std::string& name, const std::string& help,
                 MetricType type, double value) {
  MetricFamily family = {name, help, type, {}};
  ClientMetric metric;
  metric.counter.value = metric.gauge.value = value;
  family.metric.push_back(std::move(metric));
  return family;
}

// The sums.
struct Totals {
  int64_t workers = 0;
  int64_t connections = 0;
  int64_t handshakes = 0;
  int64_t certificate_expiry = 0;
  int64_t server_in_progress = 0;
  int64_t in_progress = 0;

  uint64_t server_requests = 0;
  uint64_t refused_connections = 0;
  uint64_t queue_timeouts = 0;
  uint64_t tls_handshakes = 0;
  uint64_t tls_resumptions = 0;
  uint64_t tls_failures = 0;
  std::array<std::array<uint64_t, MetricsSlot::kCodes>, kCountedMethods.size()>
      requests = {};
  std::array<uint64_t, kDurationBounds.size() + 1> durations = {};
  uint64_t nanoseconds = 0;
  uint64_t body_bytes = 0;

  void AddNow(const MetricsSlot& slot) {
    ++workers;
    connections += slot.server.connections.load(kRelaxed);
    handshakes += slot.server.handshakes.load(kRelaxed);
    const int64_t expiry = slot.server.certificate_expiry.load(kRelaxed);
    if (expiry != 0 && (certificate_expiry == 0 || expiry < certificate_expiry))
      certificate_expiry = expiry;
    server_in_progress += slot.server.requests_in_progress.load(kRelaxed);
    in_progress += slot.in_progress.load(kRelaxed);
  }

  void Add(const MetricsSlot& slot) {
    server_requests += slot.server.requests.load(kRelaxed);
    refused_connections += slot.server.refused_connections.load(kRelaxed);
    queue_timeouts += slot.server.queue_timeouts.load(kRelaxed);
    tls_handshakes += slot.server.tls_handshakes.load(kRelaxed);
    tls_resumptions += slot.server.tls_resumptions.load(kRelaxed);
    tls_failures += slot.server.tls_failures.load(kRelaxed);
    for (size_t method = 0; method < requests.size(); ++method) {
      for (size_t code = 0; code < MetricsSlot::kCodes; ++code) {
        requests[method][code] += slot.requests[method][code].load(kRelaxed);
      }
    }
    for (size_t i = 0; i < durations.size(); ++i) {
      durations[i] += slot.durations[i].load(kRelaxed);
    }
    nanoseconds += slot.nanoseconds.load(kRelaxed);
    body_bytes += slot.body_bytes.load(kRelaxed);
  }
};

MetricFamily Requests(const Totals& totals) {
  MetricFamily family = {"http_requests_total",
                         "Requests that were answered.",
                         MetricType::Counter,
                         {}};
  for (size_t method = 0; method < totals.requests.size(); ++method) {
    for (size_t code = 0; code < MetricsSlot::kCodes; ++code) {
      const uint64_t count = totals.requests[method][code];
      if (count == 0) continue;
      ClientMetric metric;
      metric.label = {{"code", absl::StrCat(code)},
                      {"method", kCountedMethods[method]}};
      metric.counter.value = Double(count);
      family.metric.push_back(std::move(metric));
    }
  }
  return family;
}

MetricFamily Durations(const Totals& totals) {
  ClientMetric metric;
  uint64_t count = 0;
  for (size_t i = 0; i < totals.durations.size(); ++i) {
    count += totals.durations[i];
    metric.histogram.bucket.push_back(
        {count, i < kDurationBounds.size()
                    ? kDurationBounds[i]
                    : std::numeric_limits<double>::infinity()});
  }
  metric.histogram.sample_count = count;
  metric.histogram.sample_sum = Double(totals.nanoseconds) * 1e-9;
  return {"http_request_duration_seconds",
          "Time from the call of the application to the end of the body.",
          MetricType::Histogram,
          {std::move(metric)}};
}

}  // namespace

size_t MetricsBoard::BytesFor(size_t slots) {
  return sizeof(Header) + slots * sizeof(MetricsSlot);
}

absl::StatusOr<MetricsBoard> MetricsBoard::Create(size_t slots) {
  UniqueFd locks(memfd_create("metrics", MFD_CLOEXEC));
  if (!locks.ok()) return absl::ErrnoToStatus(errno, "metrics: no locks");
  // Not that file: the size of files may be limited.
  void* const at = mmap(nullptr, BytesFor(slots), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) {
    return absl::ErrnoToStatus(errno, "metrics: no memory to share");
  }
  // Zeros are what the constructors of the slots would write.
  return MetricsBoard(std::move(locks), static_cast<Header*>(at), slots);
}

MetricsBoard::MetricsBoard(UniqueFd locks, Header* header, size_t size)
    : locks_(std::move(locks)), header_(header), size_(size) {}

MetricsBoard::MetricsBoard(MetricsBoard&& other) noexcept
    : locks_(std::move(other.locks_)),
      header_(std::exchange(other.header_, nullptr)),
      size_(other.size_) {}

MetricsBoard::~MetricsBoard() {
  if (header_ != nullptr) munmap(header_, BytesFor(size_));
}

absl::StatusOr<UniqueFd> MetricsBoard::Reopen() const {
  UniqueFd own(open(absl::StrCat("/proc/self/fd/", locks_.get()).c_str(),
                    O_RDWR | O_CLOEXEC));
  if (!own.ok()) return absl::ErrnoToStatus(errno, "metrics: /proc/self/fd");
  return own;
}

absl::StatusOr<std::unique_ptr<MetricsBoard::Claim>> MetricsBoard::MakeClaim() {
  absl::StatusOr<UniqueFd> own = Reopen();
  if (!own.ok()) return own.status();
  for (size_t i = 0; i < size_; ++i) {
    struct flock lock;
    if (!Lock(own->get(), F_OFD_SETLK, i, lock)) {
      if (errno == EAGAIN || errno == EACCES) continue;
      return absl::ErrnoToStatus(errno, "metrics: cannot lock a slot");
    }
    uint64_t used = header_->used.load();
    while (used < i + 1 && !header_->used.compare_exchange_weak(used, i + 1)) {
    }
    MetricsSlot& slot = this->slot(i);
    // Whoever was here may have died amid something.
    slot.server.connections.store(0, kRelaxed);
    slot.server.handshakes.store(0, kRelaxed);
    slot.server.certificate_expiry.store(0, kRelaxed);
    slot.server.requests_in_progress.store(0, kRelaxed);
    slot.in_progress.store(0, kRelaxed);
    return std::unique_ptr<Claim>(new Claim(&slot, *std::move(own)));
  }
  return absl::ResourceExhaustedError(
      absl::StrCat("metrics: all of ", size_, " slots are claimed"));
}

std::vector<MetricFamily> MetricsBoard::Collect() const {
  auto totals = std::make_unique<Totals>();
  // Without a descriptor nobody can be asked; what was counted is still there.
  const absl::StatusOr<UniqueFd> own = Reopen();
  const size_t used = header_->used.load();
  for (size_t i = 0; i < used; ++i) {
    struct flock lock;
    if (own.ok() && Lock(own->get(), F_OFD_GETLK, i, lock) &&
        lock.l_type != F_UNLCK) {
      totals->AddNow(slot(i));
    }
    totals->Add(slot(i));
  }
  constexpr MetricType kGauge = MetricType::Gauge;
  constexpr MetricType kCounter = MetricType::Counter;
  std::vector<MetricFamily> families = {
      Requests(*totals),
      Durations(*totals),
      One("http_requests_in_progress", "Requests that are being answered.",
          kGauge, static_cast<double>(totals->in_progress)),
      One("http_response_body_bytes_total", "Bytes of bodies of responses.",
          kCounter, Double(totals->body_bytes)),
      One("wsgi_connections", "Connections that are open.", kGauge,
          static_cast<double>(totals->connections)),
      One("wsgi_tls_handshakes_in_progress",
          "TLS handshakes that are not over.", kGauge,
          static_cast<double>(totals->handshakes)),
      One("wsgi_requests_in_progress",
          "Requests that the application handles, or that wait for a thread.",
          kGauge, static_cast<double>(totals->server_in_progress)),
      One("wsgi_requests_total", "Requests that arrived.", kCounter,
          Double(totals->server_requests)),
      One("wsgi_refused_connections_total",
          "Connections that were closed because there were too many.", kCounter,
          Double(totals->refused_connections)),
      One("wsgi_queue_timeouts_total",
          "Requests that waited too long for a thread.", kCounter,
          Double(totals->queue_timeouts)),
      One("wsgi_tls_handshakes_total", "TLS handshakes that succeeded.",
          kCounter, Double(totals->tls_handshakes)),
      One("wsgi_tls_resumptions_total",
          "TLS handshakes that took up an earlier session.", kCounter,
          Double(totals->tls_resumptions)),
      One("wsgi_tls_handshake_failures_total", "TLS handshakes that failed.",
          kCounter, Double(totals->tls_failures)),
      One("wsgi_workers", "Workers that count.", kGauge,
          static_cast<double>(totals->workers)),
  };
  if (totals->certificate_expiry != 0) {
    families.push_back(
        One("wsgi_tls_certificate_expiry_timestamp_seconds",
            "When the first certificate in use expires, in seconds since 1970.",
            kGauge, static_cast<double>(totals->certificate_expiry)));
  }
  return families;
}

}  // namespace bergen::wsgi
