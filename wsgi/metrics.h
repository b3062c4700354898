// SPDX-License-Identifier: Apache-2.0
//
// Metrics of requests, counted for all workers of a service, and the page that
// Prometheus reads. See metrics_board.h.
//
//   RequestMetrics counted(app, (*claim)->slot());
//   MetricsPage page({&board, &registry});
//   ... router.Add("GET", "/metrics", page) ...

#ifndef WSGI_METRICS_H_
#define WSGI_METRICS_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "prometheus/collectable.h"
#include "wsgi/application.h"
#include "wsgi/environ.h"
#include "wsgi/metrics_board.h"
#include "wsgi/monotonic.h"

namespace bergen::wsgi {

// Middleware that counts what passes through it: a request when its response
// has ended, by a method of RFC 9110 or `other`, an application's error as 500;
// its duration until the end of the body. Thread-safe, if the application is.
class RequestMetrics : public Application {
 public:
  // From the beginning of time; only moves forward.
  using Clock = std::function<absl::Duration()>;

  // `app` and `slot` must outlive it. Several of them may share a slot.
  RequestMetrics(Application& app, MetricsSlot& slot,
                 Clock clock = MonotonicNow)
      : app_(&app), slot_(&slot), clock_(std::move(clock)) {}

  absl::StatusOr<Body> operator()(Environ& environ,
                                  StartResponse& start_response) override;

 private:
  class Call;
  class CountedBody;

  Application* app_;
  MetricsSlot* slot_;
  Clock clock_;
};

// All metrics of `sources` in Prometheus' text format.
std::string MetricsText(
    const std::vector<const prometheus::Collectable*>& sources);

// Answers GET and HEAD, whatever the path, with `MetricsText`. Thread-safe.
class MetricsPage : public Application {
 public:
  // All must outlive it.
  explicit MetricsPage(std::vector<const prometheus::Collectable*> sources)
      : sources_(std::move(sources)) {}

  absl::StatusOr<Body> operator()(Environ& environ,
                                  StartResponse& start_response) override;

 private:
  std::vector<const prometheus::Collectable*> sources_;
};

}  // namespace bergen::wsgi

#endif  // WSGI_METRICS_H_
