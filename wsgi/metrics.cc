// SPDX-License-Identifier: Apache-2.0

#include "wsgi/metrics.h"

#include <algorithm>
#include <exception>
#include <iterator>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "prometheus/text_serializer.h"
#include "wsgi/monotonic.h"

namespace bergen::wsgi {
namespace {

// The last one stands for all others.
constexpr absl::string_view kMethodNames[] = {
    "GET",     "HEAD",  "POST",    "PUT",   "DELETE",
    "OPTIONS", "TRACE", "CONNECT", "PATCH", "other"};

// In seconds: from what an answer from memory takes to what clients wait for.
const prometheus::Histogram::BucketBoundaries& Buckets() {
  static const auto* const buckets =
      new prometheus::Histogram::BucketBoundaries{
          0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
          0.1,    0.25,    0.5,    1,     2.5,    5,     10,   30,    60};
  return *buckets;
}

size_t MethodIndex(absl::string_view method) {
  const auto* const last = std::prev(std::end(kMethodNames));
  return std::find(std::begin(kMethodNames), last, method) -
         std::begin(kMethodNames);
}

prometheus::MetricFamily Family(const std::string& name,
                                const std::string& help,
                                prometheus::MetricType type, double value) {
  prometheus::MetricFamily family = {name, help, type, {}};
  prometheus::ClientMetric metric;
  metric.counter.value = metric.gauge.value = value;
  family.metric.push_back(metric);
  return family;
}

}  // namespace

// One request, as long as its body.
class RequestMetrics::Call : public StartResponse {
 public:
  Call(RequestMetrics& metrics, const Environ& environ,
       StartResponse& start_response)
      : metrics_(&metrics),
        start_response_(&start_response),
        method_(MethodIndex(environ.request_method())),
        began_(metrics.clock_()) {
    metrics_->in_progress_->Increment();
  }

  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  ~Call() override {
    metrics_->in_progress_->Decrement();
    metrics_->durations_->Observe(
        absl::ToDoubleSeconds(metrics_->clock_() - began_));
    metrics_->body_bytes_->Increment(static_cast<double>(bytes_));
    metrics_->Count(method_, code_);
  }

  absl::Status operator()(absl::string_view status,
                          absl::Span<const Header> headers) override {
    absl::Status started = (*start_response_)(status, headers);
    if (started.ok()) {
      // It is well-formed, or the server would not have taken it.
      code_ =
          (status[0] - '0') * 100 + (status[1] - '0') * 10 + status[2] - '0';
    }
    return started;
  }

  void AddBytes(size_t size) { bytes_ += size; }
  void Fail() {
    if (bytes_ == 0) code_ = 500;
  }

 private:
  RequestMetrics* metrics_;
  StartResponse* start_response_;
  size_t method_;
  absl::Duration began_;
  int code_ = 500;  // Until the response starts.
  uint64_t bytes_ = 0;
};

class RequestMetrics::CountedBody : public BodySource {
 public:
  CountedBody(std::unique_ptr<Call> call, Body body)
      : call_(std::move(call)), body_(std::move(body)) {}

  absl::StatusOr<std::optional<absl::string_view>> Next() override {
    absl::StatusOr<std::optional<absl::string_view>> piece =
        body_.source()->Next();
    if (!piece.ok()) {
      call_->Fail();
    } else if (piece->has_value()) {
      call_->AddBytes((*piece)->size());
    }
    return piece;
  }
  std::optional<FileRange> File() override { return body_.source()->File(); }
  void SentFromFile(uint64_t size) override {
    call_->AddBytes(size);
    body_.source()->SentFromFile(size);
  }
  absl::Span<const Header> Trailers() override {
    return body_.source()->Trailers();
  }

 private:
  std::unique_ptr<Call> call_;
  Body body_;  // Destroyed before what it uses.
};

absl::StatusOr<std::unique_ptr<RequestMetrics>> RequestMetrics::Create(
    Application& app, prometheus::Registry& registry) {
  return CreateForTest(app, registry, MonotonicNow);
}

absl::StatusOr<std::unique_ptr<RequestMetrics>> RequestMetrics::CreateForTest(
    Application& app, prometheus::Registry& registry, Clock clock) {
  try {
    return std::unique_ptr<RequestMetrics>(
        new RequestMetrics(app, registry, std::move(clock)));
  } catch (const std::exception& error) {
    return absl::AlreadyExistsError(
        absl::StrCat("request metrics: ", error.what()));
  }
}

RequestMetrics::RequestMetrics(Application& app, prometheus::Registry& registry,
                               Clock clock)
    : app_(&app),
      clock_(std::move(clock)),
      requests_(&prometheus::BuildCounter()
                     .Name("http_requests_total")
                     .Help("Requests that were answered.")
                     .Register(registry)),
      durations_(&prometheus::BuildHistogram()
                      .Name("http_request_duration_seconds")
                      .Help("Time from the call of the application to the end "
                            "of the body.")
                      .Register(registry)
                      .Add({}, Buckets())),
      in_progress_(&prometheus::BuildGauge()
                        .Name("http_requests_in_progress")
                        .Help("Requests that are being answered.")
                        .Register(registry)
                        .Add({})),
      body_bytes_(&prometheus::BuildCounter()
                       .Name("http_response_body_bytes_total")
                       .Help("Bytes of bodies of responses.")
                       .Register(registry)
                       .Add({})) {
  static_assert(std::size(kMethodNames) == kMethods);
}

void RequestMetrics::Count(size_t method, int code) {
  std::atomic<prometheus::Counter*>& cached = counters_[method * kCodes + code];
  prometheus::Counter* counter = cached.load(std::memory_order_acquire);
  if (counter == nullptr) {
    // The same one if two threads ask.
    counter = &requests_->Add({{"method", std::string(kMethodNames[method])},
                               {"code", absl::StrCat(code)}});
    cached.store(counter, std::memory_order_release);
  }
  counter->Increment();
}

absl::StatusOr<Body> RequestMetrics::operator()(Environ& environ,
                                                StartResponse& start_response) {
  auto call = std::make_unique<Call>(*this, environ, start_response);
  absl::StatusOr<Body> body = (*app_)(environ, *call);
  if (!body.ok()) {
    call->Fail();
    return body;
  }
  if (body->source() == nullptr) {
    call->AddBytes(body->complete().size());
    return body;
  }
  return Body(std::make_unique<CountedBody>(std::move(call), *std::move(body)));
}

std::vector<prometheus::MetricFamily> ServerMetrics::Collect() const {
  const ServerStats stats = stats_();
  return {Family("wsgi_connections", "Connections that are open.",
                 prometheus::MetricType::Gauge, stats.connections),
          Family("wsgi_handshakes", "TLS handshakes that are not over.",
                 prometheus::MetricType::Gauge, stats.handshakes),
          Family("wsgi_refused_connections_total",
                 "Connections that were closed because there were too many.",
                 prometheus::MetricType::Counter,
                 static_cast<double>(stats.refused_connections)),
          Family("wsgi_requests_in_progress",
                 "Requests that the application handles, or that wait for a "
                 "thread.",
                 prometheus::MetricType::Gauge, stats.requests_in_progress),
          Family("wsgi_requests_total", "Requests since the server began.",
                 prometheus::MetricType::Counter,
                 static_cast<double>(stats.requests)),
          Family("wsgi_queue_timeouts_total",
                 "Requests that waited too long for a thread.",
                 prometheus::MetricType::Counter,
                 static_cast<double>(stats.queue_timeouts))};
}

absl::StatusOr<Body> MetricsPage::operator()(Environ& environ,
                                             StartResponse& start_response) {
  if (environ.request_method() != "GET" && environ.request_method() != "HEAD") {
    absl::Status started = start_response(
        "405 Method Not Allowed",
        {{"Content-Type", "text/plain"}, {"Allow", "GET, HEAD"}});
    if (!started.ok()) return started;
    return Body("405 Method Not Allowed: try GET\n");
  }
  std::vector<prometheus::MetricFamily> all;
  for (const prometheus::Collectable* source : sources_) {
    std::vector<prometheus::MetricFamily> some = source->Collect();
    all.insert(all.end(), std::make_move_iterator(some.begin()),
               std::make_move_iterator(some.end()));
  }
  absl::Status started = start_response(
      "200 OK", {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}});
  if (!started.ok()) return started;
  return Body(prometheus::TextSerializer().Serialize(all));
}

}  // namespace bergen::wsgi
