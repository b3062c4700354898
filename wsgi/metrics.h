// SPDX-License-Identifier: Apache-2.0
//
// Metrics of requests and of a server, as Prometheus reads them.
//
//   prometheus::Registry registry;
//   absl::StatusOr<std::unique_ptr<RequestMetrics>> counted =
//       RequestMetrics::Create(app, registry);
//   if (!counted.ok()) return counted.status();
//   ServerMetrics of_server([&server] { return server.stats(); });
//   MetricsPage page({&registry, &of_server});
//   ... router.Add("GET", "/metrics", page) ...
//
// They are those of this process; the label `instance` or `worker` that tells
// workers apart is given by whoever collects.

#ifndef WSGI_METRICS_H_
#define WSGI_METRICS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "prometheus/collectable.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/metric_family.h"
#include "prometheus/registry.h"
#include "wsgi/application.h"
#include "wsgi/environ.h"
#include "wsgi/server.h"

namespace bergen::wsgi {

// Middleware that counts what passes through it:
//
//   http_requests_total{method, code}    when the response has ended; a method
//     that RFC 9110 does not know is `other`, and an application's error 500
//   http_request_duration_seconds        a histogram, until the end of the body
//   http_requests_in_progress
//   http_response_body_bytes_total
//
// Thread-safe, if the application is.
class RequestMetrics : public Application {
 public:
  // From the beginning of time; only moves forward.
  using Clock = std::function<absl::Duration()>;

  // `app` and `registry` must outlive it. Two of them may share a registry.
  // AlreadyExists if one of the names is a metric of another type there.
  static absl::StatusOr<std::unique_ptr<RequestMetrics>> Create(
      Application& app, prometheus::Registry& registry);
  static absl::StatusOr<std::unique_ptr<RequestMetrics>> CreateForTest(
      Application& app, prometheus::Registry& registry, Clock clock);

  absl::StatusOr<Body> operator()(Environ& environ,
                                  StartResponse& start_response) override;

 private:
  class Call;
  class CountedBody;

  static constexpr size_t kMethods = 10;
  static constexpr size_t kCodes = 600;

  RequestMetrics(Application& app, prometheus::Registry& registry, Clock clock);

  void Count(size_t method, int code);

  Application* app_;
  Clock clock_;
  prometheus::Family<prometheus::Counter>* requests_;
  prometheus::Histogram* durations_;
  prometheus::Gauge* in_progress_;
  prometheus::Counter* body_bytes_;
  // Those of `requests_` that were needed so far, by method and code.
  std::array<std::atomic<prometheus::Counter*>, kMethods* kCodes> counters_ =
      {};
};

// What a server counts: wsgi_connections, wsgi_handshakes,
// wsgi_refused_connections_total, wsgi_requests_in_progress,
// wsgi_requests_total and wsgi_queue_timeouts_total. Thread-safe, if `stats`
// is.
class ServerMetrics : public prometheus::Collectable {
 public:
  explicit ServerMetrics(std::function<ServerStats()> stats)
      : stats_(std::move(stats)) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  std::function<ServerStats()> stats_;
};

// Answers GET and HEAD, whatever the path, with all metrics in Prometheus' text
// format. Thread-safe.
class MetricsPage : public Application {
 public:
  // They must outlive it.
  explicit MetricsPage(std::vector<const prometheus::Collectable*> sources)
      : sources_(std::move(sources)) {}

  absl::StatusOr<Body> operator()(Environ& environ,
                                  StartResponse& start_response) override;

 private:
  std::vector<const prometheus::Collectable*> sources_;
};

}  // namespace bergen::wsgi

#endif  // WSGI_METRICS_H_
