// SPDX-License-Identifier: Apache-2.0

#include "wsgi/http2_connection.h"

#include <algorithm>
#include <utility>

namespace bergen::wsgi {

Http2Connection::Http2Connection(const ExchangeSettings& settings,
                                 const Http2Limits& limits,
                                 const ConnectionInfo& info,
                                 Http2Exchange::Owner& owner,
                                 absl::Duration now)
    : settings_(&settings),
      limits_(limits),
      info_(std::make_shared<const ConnectionInfo>(info)),
      owner_(&owner),
      head_since_(now),
      session_(settings.limits, limits, *this) {}

Http2Connection::~Http2Connection() {
  for (auto& [stream, exchange] : exchanges_) {
    exchange->ForgetConnection();
    Ready(exchange, exchange->Close());
  }
}

absl::Status Http2Connection::Receive(absl::string_view bytes,
                                      absl::Duration now) {
  absl::Status received = session_.Receive(bytes, now);
  if (!session_.awaits_head()) {
    head_since_ = absl::InfiniteDuration();
  } else {
    head_since_ = std::min(head_since_, now);
  }
  return received;
}

void Http2Connection::TakeNews(Http2Exchange& exchange) {
  const Http2Exchange::News news = exchange.TakeNews();
  const int32_t stream = exchange.stream();
  if (news.failed) {
    session_.Reset(stream);
    return;
  }
  if (news.send_continue) session_.Continue(stream);
  session_.Consumed(stream, news.consumed);
  if (news.respond) {
    session_.Respond(stream, news.status, news.fields, news.has_body);
  } else if (news.has_output) {
    session_.Resume(stream);
  }
}

void Http2Connection::EndOverdue(absl::Duration now) {
  for (auto& [stream, exchange] : exchanges_) {
    if (exchange->EndIfOverdue(now)) session_.Reset(stream);
  }
}

void Http2Connection::OnRequest(int32_t stream,
                                std::unique_ptr<Request> request,
                                std::optional<Refusal> refusal, bool has_body) {
  if (!refusal.has_value()) refusal = CheckLength(*settings_, *request);
  // A window is not always filled to its last byte.
  const size_t buffer =
      std::min<size_t>(settings_->body_buffer, limits_.window / 2);
  auto exchange =
      std::make_shared<Http2Exchange>(*settings_, info_, *owner_, this, stream,
                                      std::move(request), has_body, buffer);
  exchanges_.emplace(stream, exchange);
  if (refusal.has_value()) {
    exchange->Refuse(*refusal);
  } else if (TooManyAbandoned()) {
    session_.Terminate(/*calm=*/true);
  } else {
    Ready(exchange, exchange->Begin());
  }
  const uint64_t most = settings_->keep_alive ? settings_->max_requests : 1;
  if (most != 0 && session_.requests() >= most) session_.End();
}

bool Http2Connection::TooManyAbandoned() {
  if (abandoned_.size() < limits_.max_streams) return false;
  abandoned_.erase(
      std::remove_if(abandoned_.begin(), abandoned_.end(),
                     [](const auto& exchange) { return exchange->settled(); }),
      abandoned_.end());
  return abandoned_.size() >= limits_.max_streams;
}

void Http2Connection::OnBody(int32_t stream, absl::string_view data) {
  if (const auto found = exchanges_.find(stream); found != exchanges_.end()) {
    Ready(found->second, found->second->AddBody(data));
  }
}

void Http2Connection::OnBodyEnd(int32_t stream, Http2Fields trailers) {
  if (const auto found = exchanges_.find(stream); found != exchanges_.end()) {
    Ready(found->second, found->second->EndBody(std::move(trailers)));
  }
}

void Http2Connection::OnClosed(int32_t stream) {
  const auto found = exchanges_.find(stream);
  if (found == exchanges_.end()) return;
  const std::shared_ptr<Http2Exchange> exchange = std::move(found->second);
  exchanges_.erase(found);
  exchange->ForgetConnection();
  Ready(exchange, exchange->Close());
  if (!exchange->settled()) abandoned_.push_back(exchange);
}

Http2Session::Output Http2Connection::ReadResponse(int32_t stream, char* buffer,
                                                   size_t size) {
  const auto found = exchanges_.find(stream);
  if (found == exchanges_.end()) return {.failed = true};
  bool ready = false;
  const Http2Session::Output output = found->second->Read(buffer, size, ready);
  Ready(found->second, ready);
  return output;
}

}  // namespace bergen::wsgi
