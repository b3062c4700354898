// SPDX-License-Identifier: Apache-2.0

#include "wsgi/http2_exchange.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "spdlog/spdlog.h"
#include "wsgi/monotonic.h"
#include "wsgi/response.h"

namespace bergen::wsgi {
namespace {

// How much of a response waits to be sent before its source is asked for more:
// as much as its client has taken, within these bounds. A client has many
// streams, and may take nothing of any.
constexpr size_t kFirstOutput = 16 * 1024;
constexpr size_t kMaxOutput = 128 * 1024;

Http2Fields ToFields(const ResponseHead& head, const ResponsePlan& plan,
                     absl::string_view date) {
  Http2Fields fields;
  absl::string_view rest = head.fields();
  while (!rest.empty()) {
    // `ResponseHead` lets nothing in that could not be taken apart again.
    const size_t colon = rest.find(':');
    const size_t end = rest.find("\r\n");
    fields.emplace_back(absl::AsciiStrToLower(rest.substr(0, colon)),
                        rest.substr(colon + 2, end - colon - 2));
    rest.remove_prefix(end + 2);
  }
  if (plan.length.has_value()) {
    fields.emplace_back("content-length", absl::StrCat(*plan.length));
  }
  if (!head.has_date()) fields.emplace_back("date", date);
  return fields;
}

}  // namespace

Http2Exchange::Http2Exchange(const ExchangeSettings& settings,
                             std::shared_ptr<const ConnectionInfo> info,
                             Owner& owner, Http2Connection* connection,
                             int32_t stream, std::unique_ptr<Request> request,
                             bool has_body, size_t buffer)
    : ApplicationCall(settings),
      info_(std::move(info)),
      owner_(&owner),
      connection_(connection),
      stream_(stream),
      parsed_(std::move(request)),
      buffer_(buffer),
      began_(CoarseNow()),
      input_(*this),
      body_ended_(!has_body),
      awaits_continue_(parsed_->expects_continue),
      reading_(settings.body_timeout, settings.least_rate),
      writing_(settings.write_timeout, settings.least_rate),
      waits_since_(began_) {
  ApplicationCall::Begin(*parsed_, *info_, input_);
}

Http2Exchange::~Http2Exchange() {
  // It may refer to all the rest.
  DropBody();
}

bool Http2Exchange::Begin() {
  bool tell = false;
  {
    absl::MutexLock lock(&mutex_);
    if (body_ended_ || buffer_ == 0) {
      state_ = State::kRunning;
      return true;
    }
    tell = news_.send_continue = std::exchange(awaits_continue_, false);
  }
  if (tell) Tell();
  return false;
}

bool Http2Exchange::AddBody(absl::string_view data) {
  absl::Status fits;
  {
    absl::MutexLock lock(&mutex_);
    if (state_ == State::kSettled) return false;  // Nobody will read it.
    if (received_used_ > 0) {
      received_.erase(0, received_used_);
      received_used_ = 0;
    }
    received_.append(data.data(), data.size());
    awaits_continue_ = false;
    changed_.Signal();
    if (state_ != State::kBody) return false;
    const absl::Duration now = CoarseNow();
    reading_.Waited(now - std::exchange(waits_since_, now));
    reading_.Moved(data.size());
    fits = CheckBodySize(settings(), received_.size());
    if (fits.ok()) {
      if (received_.size() < buffer_) return false;
      state_ = State::kRunning;
      return true;
    }
  }
  AnswerToClient(fits);
  return false;
}

bool Http2Exchange::EndBody(Http2Fields trailers) {
  absl::MutexLock lock(&mutex_);
  body_ended_ = true;
  trailers_ = std::move(trailers);
  changed_.Signal();
  if (state_ != State::kBody) return false;
  state_ = State::kRunning;
  return true;
}

bool Http2Exchange::Close() {
  bool ready = false;
  {
    absl::MutexLock lock(&mutex_);
    closed_ = true;
    changed_.Signal();
    if (state_ == State::kBody) state_ = State::kSettled;
    if (state_ == State::kFull) {
      // What the application returned is destroyed where it runs.
      state_ = State::kRunning;
      ready = true;
    }
  }
  LogIfOver();
  return ready;
}

size_t Http2Exchange::most_output() const {
  return static_cast<size_t>(
      std::clamp<uint64_t>(sent_, kFirstOutput, kMaxOutput));
}

Http2Exchange::News Http2Exchange::TakeNews() {
  absl::MutexLock lock(&mutex_);
  told_ = false;
  return std::exchange(news_, {});
}

Http2Session::Output Http2Exchange::Read(char* buffer, size_t size,
                                         bool& ready) {
  absl::MutexLock lock(&mutex_);
  ready = false;
  if (out_failed_) return {.failed = true};
  size_t count = std::min(size, waiting_output());
  memcpy(buffer, out_.data() + out_sent_, count);
  out_sent_ += count;
  if (out_sent_ == out_.size()) {
    out_.clear();
    out_sent_ = 0;
    const size_t more = std::min(size - count, complete_.size());
    if (more > 0) memcpy(buffer + count, complete_.data(), more);
    complete_.remove_prefix(more);
    count += more;
  }
  sent_ += count;
  if (count > 0 && state_ != State::kRunning) {
    const absl::Duration now = CoarseNow();
    writing_.Waited(now - std::exchange(waits_since_, now));
    writing_.Moved(count);
  }
  if (state_ == State::kFull && waiting_output() <= most_output() / 2) {
    state_ = State::kRunning;
    ready = true;
  }
  return {.size = count,
          .ended = out_ended_ && out_.empty() && complete_.empty(),
          .trailers = &out_trailers_};
}

bool Http2Exchange::Refuse(const Refusal& refusal) {
  if (called()) return false;
  Answer(refusal);
  Settle();
  return true;
}

void Http2Exchange::AnswerToClient(const absl::Status& failure) {
  input_.Fail(failure);
  Fail(failure);
  Settle();
}

bool Http2Exchange::EndIfOverdue(absl::Duration now) {
  absl::Duration waited;
  {
    absl::MutexLock lock(&mutex_);
    if (state_ == State::kRunning || closed_) return false;
    waited = now - waits_since_;
    const bool reads = state_ == State::kBody;
    if (waited <= (reads ? reading_ : writing_).left()) return false;
    if (!reads) return true;
  }
  AnswerToClient(TooSlow(waited));
  return false;
}

Http2Exchange::State Http2Exchange::state() const {
  absl::MutexLock lock(&mutex_);
  return state_;
}

bool Http2Exchange::may_call_inline() const {
  absl::MutexLock lock(&mutex_);
  return body_ended_ && !called();
}

bool Http2Exchange::gone() const {
  absl::MutexLock lock(&mutex_);
  return closed_;
}

void Http2Exchange::Tell() {
  {
    absl::MutexLock lock(&mutex_);
    if (closed_ || std::exchange(told_, true)) return;
  }
  owner_->OnNews(shared_from_this());
}

absl::StatusOr<size_t> Http2Exchange::RequestBody::Read(char* buffer,
                                                        size_t size) {
  if (!failure_.ok()) return failure_;
  if (ended_) return 0;
  const absl::StatusOr<size_t> result = Wait(buffer, size);
  if (!result.ok()) {
    failure_ = result.status();
    return result;
  }
  total_ += *result;
  failure_ = CheckBodySize(exchange_->settings(), total_);
  if (!failure_.ok()) return failure_;
  exchange_->Tell();
  return result;
}

absl::StatusOr<size_t> Http2Exchange::RequestBody::Wait(char* buffer,
                                                        size_t size) {
  Http2Exchange& exchange = *exchange_;
  bool tell = false;
  {
    absl::MutexLock lock(&exchange.mutex_);
    if (std::exchange(exchange.awaits_continue_, false)) {
      exchange.news_.send_continue = tell = true;
    }
  }
  if (tell) exchange.Tell();
  absl::MutexLock lock(&exchange.mutex_);
  for (;;) {
    if (exchange.received_used_ < exchange.received_.size()) {
      size =
          std::min(size, exchange.received_.size() - exchange.received_used_);
      memcpy(buffer, exchange.received_.data() + exchange.received_used_, size);
      exchange.received_used_ += size;
      exchange.news_.consumed += size;
      exchange.reading_.Moved(size);
      return size;
    }
    if (exchange.body_ended_) {
      ended_ = true;
      for (const auto& [name, value] : exchange.trailers_) {
        trailers_.push_back({name, value});
      }
      return 0;
    }
    if (exchange.closed_) return absl::UnavailableError("the client is gone");
    const absl::Duration left = exchange.reading_.left();
    const absl::Duration began = MonotonicNow();
    if (left > absl::ZeroDuration()) {
      exchange.changed_.WaitWithTimeout(&exchange.mutex_, left);
      exchange.reading_.Waited(MonotonicNow() - began);
    }
    if (MonotonicNow() - began >= left &&
        exchange.received_used_ == exchange.received_.size() &&
        !exchange.body_ended_ && !exchange.closed_) {
      return TooSlow(left);
    }
  }
}

bool Http2Exchange::Call() {
  ApplicationCall::Call();
  if (has_source() && !ended()) return true;
  // A complete body is still to be sent.
  if (has_source()) DropBody();
  Settle();
  return false;
}

bool Http2Exchange::Run() {
  if (!called()) {
    // Nobody wants to know any more: a client could otherwise have more done
    // than it may have streams.
    if (gone()) {
      Settle();
      return true;
    }
    if (!Call()) return true;
  }
  while (PassOn()) {
    if (ended() || gone()) {
      DropBody();
      Settle();
      return true;
    }
    Pull();
  }
  return false;
}

bool Http2Exchange::PassOn() {
  for (;;) {
    {
      absl::MutexLock lock(&mutex_);
      if (closed_) return true;
      if (waiting_output() >= most_output() && !(ended() && piece_.empty())) {
        state_ = State::kFull;
        waits_since_ = CoarseNow();
        return false;
      }
      if (piece_.empty()) return true;
      if (out_sent_ > most_output()) {
        out_.erase(0, out_sent_);
        out_sent_ = 0;
      }
      // A large piece must not be there twice.
      const size_t size =
          std::min(piece_.size(), most_output() - waiting_output());
      out_.append(piece_.data(), size);
      piece_.remove_prefix(size);
      news_.has_output = true;
    }
    Tell();
  }
}

void Http2Exchange::SendHead(std::optional<uint64_t> body_size) {
  plan_ = PlanResponse(*parsed_, head_, body_size, /*may_keep_alive=*/true);
  head_.set_sent();
  Http2Fields fields = ToFields(head_, plan_, date_.Now());
  absl::MutexLock lock(&mutex_);
  awaits_continue_ = false;
  news_.status = head_.status();
  news_.respond = true;
  news_.fields = std::move(fields);
  news_.has_body = plan_.framing != Framing::kNone && body_size != uint64_t{0};
}

void Http2Exchange::SendData(absl::string_view data) {
  if (has_source()) {
    piece_ = data;
    return;
  }
  absl::MutexLock lock(&mutex_);
  complete_ = data;
}

absl::Status Http2Exchange::SendEnd(absl::Span<const Header> trailers) {
  std::string checked;
  if (absl::Status valid = AppendLastChunk(trailers, checked); !valid.ok()) {
    return valid;
  }
  absl::MutexLock lock(&mutex_);
  for (const Header& trailer : trailers) {
    out_trailers_.emplace_back(absl::AsciiStrToLower(trailer.name),
                               trailer.value);
  }
  return absl::OkStatus();
}

void Http2Exchange::SendRefusal(const Refusal& refusal, absl::string_view text,
                                absl::string_view id) {
  Http2Fields fields = {{"content-type", "text/plain"},
                        {"content-length", absl::StrCat(text.size())},
                        {"x-request-id", std::string(id)}};
  if (refusal.retry_after > 0) {
    fields.emplace_back("retry-after", absl::StrCat(refusal.retry_after));
  }
  fields.emplace_back("date", date_.Now());
  absl::MutexLock lock(&mutex_);
  awaits_continue_ = false;
  news_.status = refusal.status;
  news_.respond = true;
  news_.has_body = !text.empty();
  news_.fields = std::move(fields);
  out_.assign(text.data(), text.size());
}

void Http2Exchange::Break() {
  absl::MutexLock lock(&mutex_);
  out_failed_ = true;
  news_.failed = true;
}

void Http2Exchange::Settle() {
  {
    absl::MutexLock lock(&mutex_);
    state_ = State::kSettled;
    out_ended_ = true;
    news_.has_output = true;
    waits_since_ = CoarseNow();
  }
  Tell();
  LogIfOver();
}

void Http2Exchange::LogIfOver() {
  uint64_t sent;
  {
    absl::MutexLock lock(&mutex_);
    if (!closed_ || state_ != State::kSettled || logged_) return;
    logged_ = true;
    sent = sent_;
  }
  LogResponse(sent);
}

}  // namespace bergen::wsgi
