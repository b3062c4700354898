// SPDX-License-Identifier: Apache-2.0

#include "wsgi/metrics.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "prometheus/metric_family.h"
#include "prometheus/text_serializer.h"

namespace bergen::wsgi {
namespace {

constexpr std::memory_order kRelaxed = std::memory_order_relaxed;

size_t MethodIndex(absl::string_view method) {
  const auto last = std::prev(kCountedMethods.end());
  return std::find(kCountedMethods.begin(), last, method) -
         kCountedMethods.begin();
}

void Observe(absl::Duration duration, MetricsSlot& slot) {
  const auto bound =
      std::lower_bound(kDurationBounds.begin(), kDurationBounds.end(),
                       absl::ToDoubleSeconds(duration));
  slot.durations[bound - kDurationBounds.begin()].fetch_add(1, kRelaxed);
  slot.nanoseconds.fetch_add(
      static_cast<uint64_t>(absl::ToInt64Nanoseconds(duration)), kRelaxed);
}

}  // namespace

// One request, as long as its body.
class RequestMetrics::Call : public StartResponse {
 public:
  Call(const RequestMetrics& metrics, const Environ& environ,
       StartResponse& start_response)
      : metrics_(&metrics),
        start_response_(&start_response),
        method_(MethodIndex(environ.request_method())),
        began_(metrics.clock_()) {
    metrics_->slot_->in_progress.fetch_add(1, kRelaxed);
  }

  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  ~Call() override {
    MetricsSlot& slot = *metrics_->slot_;
    slot.in_progress.fetch_sub(1, kRelaxed);
    Observe(metrics_->clock_() - began_, slot);
    slot.body_bytes.fetch_add(bytes_, kRelaxed);
    slot.requests[method_][code_].fetch_add(1, kRelaxed);
  }

  absl::Status operator()(absl::string_view status,
                          absl::Span<const Header> headers) override {
    absl::Status started = (*start_response_)(status, headers);
    if (started.ok()) {
      // It is well-formed, or the server would not have taken it.
      code_ = static_cast<size_t>((status[0] - '0') * 100 +
                                  (status[1] - '0') * 10 + status[2] - '0');
    }
    return started;
  }

  void AddBytes(size_t size) { bytes_ += size; }
  void Fail() {
    if (bytes_ == 0) code_ = 500;
  }

 private:
  const RequestMetrics* metrics_;
  StartResponse* start_response_;
  size_t method_;
  absl::Duration began_;
  size_t code_ = 500;  // Until the response starts.
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

std::string MetricsText(
    const std::vector<const prometheus::Collectable*>& sources) {
  std::vector<prometheus::MetricFamily> all;
  for (const prometheus::Collectable* source : sources) {
    std::vector<prometheus::MetricFamily> some = source->Collect();
    all.insert(all.end(), std::make_move_iterator(some.begin()),
               std::make_move_iterator(some.end()));
  }
  return prometheus::TextSerializer().Serialize(all);
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
  absl::Status started = start_response(
      "200 OK", {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}});
  if (!started.ok()) return started;
  return Body(MetricsText(sources_));
}

}  // namespace bergen::wsgi
