// SPDX-License-Identifier: Apache-2.0

#include "wsgi/http2_exchange.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "spdlog/spdlog.h"
#include "wsgi/application_call.h"
#include "wsgi/monotonic.h"
#include "wsgi/request_id.h"

namespace bergen::wsgi {
namespace {

// How much of a response waits to be sent before its source is asked for more.
constexpr size_t kMaxOutput = 128 * 1024;

constexpr Refusal kInternalError = {500, "Internal Server Error", ""};

Http2Fields ToFields(const ResponseHead& head, const ResponsePlan& plan) {
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
  if (!head.has_date()) fields.emplace_back("date", HttpDate().Now());
  return fields;
}

}  // namespace

Http2Exchange::Http2Exchange(const ExchangeSettings& settings,
                             std::shared_ptr<const ConnectionInfo> info,
                             Owner& owner, Http2Connection* connection,
                             int32_t stream, std::unique_ptr<Request> request,
                             bool has_body)
    : settings_(&settings),
      info_(std::move(info)),
      owner_(&owner),
      connection_(connection),
      stream_(stream),
      request_(std::move(request)),
      began_(MonotonicNow()),
      input_(*this),
      environ_(*request_, *info_, input_, *settings.log),
      reading_(settings.body_timeout, settings.least_rate),
      writing_(settings.write_timeout, settings.least_rate),
      body_ended_(!has_body),
      awaits_continue_(request_->expects_continue) {}

Http2Exchange::~Http2Exchange() = default;

void Http2Exchange::AddBody(absl::string_view data) {
  absl::MutexLock lock(&mutex_);
  if (settled_) return;  // Nobody will read it.
  if (received_used_ > 0) {
    received_.erase(0, received_used_);
    received_used_ = 0;
  }
  received_.append(data.data(), data.size());
  awaits_continue_ = false;
  changed_.Signal();
}

void Http2Exchange::EndBody(Http2Fields trailers) {
  absl::MutexLock lock(&mutex_);
  body_ended_ = true;
  trailers_ = std::move(trailers);
  changed_.Signal();
}

void Http2Exchange::Close() {
  {
    absl::MutexLock lock(&mutex_);
    closed_ = true;
    changed_.Signal();
  }
  LogIfOver();
}

Http2Exchange::News Http2Exchange::TakeNews() {
  absl::MutexLock lock(&mutex_);
  told_ = false;
  return std::exchange(news_, {});
}

Http2Session::Output Http2Exchange::Read(char* buffer, size_t size) {
  absl::MutexLock lock(&mutex_);
  if (out_failed_) return {.failed = true};
  size_t count = std::min(size, out_.size() - out_sent_);
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
  if (count > 0) moved_at_ = CoarseNow();
  if (out_.size() - out_sent_ <= kMaxOutput / 2) changed_.Signal();
  return {.size = count,
          .ended = out_ended_ && out_.empty() && complete_.empty(),
          .trailers = &out_trailers_};
}

bool Http2Exchange::Refuse(const Refusal& refusal) {
  if (called_) return false;
  called_ = true;
  Answer(refusal, "");
  Settle();
  return true;
}

bool Http2Exchange::Overdue(absl::Duration now) const {
  absl::MutexLock lock(&mutex_);
  if (!settled_ || closed_) return false;
  if (now - moved_at_ > settings_->write_timeout) return true;
  if (settings_->least_rate == 0) return false;
  return now - settled_at_ >
         settings_->write_timeout +
             absl::Seconds(static_cast<double>(sent_ - sent_before_) /
                           static_cast<double>(settings_->least_rate));
}

bool Http2Exchange::settled() const {
  absl::MutexLock lock(&mutex_);
  return settled_;
}

bool Http2Exchange::may_run_inline() const {
  absl::MutexLock lock(&mutex_);
  return body_ended_;
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
  if (total_ > exchange_->settings_->max_body) {
    failure_ = absl::ResourceExhaustedError(
        absl::StrCat("request body: larger than ",
                     exchange_->settings_->max_body, " bytes"));
    return failure_;
  }
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
    if (left <= absl::ZeroDuration()) {
      return absl::DeadlineExceededError(
          "the client was silent or too slow amid its body");
    }
    const absl::Duration began = MonotonicNow();
    exchange.changed_.WaitWithTimeout(&exchange.mutex_, left);
    exchange.reading_.Waited(MonotonicNow() - began);
    if (MonotonicNow() - began >= left &&
        exchange.received_used_ == exchange.received_.size() &&
        !exchange.body_ended_ && !exchange.closed_) {
      return absl::DeadlineExceededError(
          absl::StrCat("the client was silent or too slow, last for ",
                       absl::FormatDuration(left)));
    }
  }
}

bool Http2Exchange::Call() {
  if (called_) return true;
  called_ = true;
  absl::StatusOr<Body> body = CallApplication(*settings_->app, environ_, head_);
  if (!body.ok()) {
    Fail(body.status());
  } else {
    body_ = *std::move(body);
    if (body_.source() == nullptr) {
      TakeComplete();
    } else if (head_.started() && request_->method == "HEAD") {
      // Nothing of the body will be sent, so none need be made.
      const std::optional<FileRange> file = body_.source()->File();
      PrepareHead(file.has_value() ? std::optional<uint64_t>(file->size)
                                   : std::nullopt);
      ended_ = true;
      body_ = Body();
    } else {
      return true;
    }
  }
  Settle();
  return false;
}

void Http2Exchange::Run() {
  // Nobody wants to know any more: a client could otherwise have more done
  // than it may have streams.
  if (!called_ && gone()) {
    called_ = true;
    Settle();
    return;
  }
  if (!Call()) return;
  while (!ended_) {
    if (gone()) break;
    Pull();
  }
  body_ = Body();
  Settle();
}

void Http2Exchange::TakeComplete() {
  const absl::string_view complete = body_.complete();
  if (absl::Status checked = CheckComplete(*request_, head_, complete);
      !checked.ok()) {
    Fail(checked);
    return;
  }
  PrepareHead(complete.size());
  ended_ = true;
  absl::MutexLock lock(&mutex_);
  if (plan_.framing == Framing::kLength) complete_ = complete;
  news_.has_body = !complete_.empty();
}

void Http2Exchange::PrepareHead(std::optional<uint64_t> body_size) {
  plan_ = PlanResponse(*request_, head_, body_size, /*may_keep_alive=*/true);
  head_.set_sent();
  Http2Fields fields = ToFields(head_, plan_);
  absl::MutexLock lock(&mutex_);
  awaits_continue_ = false;
  status_ = news_.status = head_.status();
  news_.respond = true;
  news_.fields = std::move(fields);
  news_.has_body = plan_.framing != Framing::kNone;
}

void Http2Exchange::Pull() {
  const absl::StatusOr<std::optional<absl::string_view>> piece =
      NextPiece(*body_.source(), head_);
  if (!piece.ok()) {
    Fail(piece.status());
  } else if (!piece->has_value()) {
    EndOfSource();
  } else if (!(*piece)->empty()) {
    TakePiece(**piece);
  }
}

void Http2Exchange::TakePiece(absl::string_view piece) {
  if (!head_.sent()) PrepareHead(std::nullopt);
  if (plan_.framing == Framing::kNone) {
    ended_ = true;
    return;
  }
  if (plan_.framing == Framing::kLength &&
      piece.size() > *plan_.length - body_queued_) {
    settings_->log->error(
        "{}: the application's body is longer than its Content-Length, {}",
        std::string(request_->raw_path), *plan_.length);
    piece = piece.substr(0, *plan_.length - body_queued_);
    ended_ = true;
  }
  body_queued_ += piece.size();
  // A large piece must not be there twice.
  while (!piece.empty()) {
    {
      absl::MutexLock lock(&mutex_);
      const size_t size =
          std::min(piece.size(),
                   kMaxOutput - std::min(kMaxOutput, out_.size() - out_sent_));
      if (out_sent_ > kMaxOutput) {
        out_.erase(0, out_sent_);
        out_sent_ = 0;
      }
      out_.append(piece.data(), size);
      piece.remove_prefix(size);
      news_.has_output = true;
    }
    Tell();
    if (absl::Status room = WaitForRoom(); !room.ok()) {
      settings_->log->debug("{}: response cut off: {}", info_->remote_addr,
                            std::string(room.message()));
      Break();
      return;
    }
  }
}

absl::Status Http2Exchange::WaitForRoom() {
  absl::MutexLock lock(&mutex_);
  while (out_.size() - out_sent_ >= kMaxOutput) {
    if (closed_) return absl::UnavailableError("the client is gone");
    const absl::Duration left = writing_.left();
    const uint64_t sent = sent_;
    const absl::Duration began = MonotonicNow();
    if (left > absl::ZeroDuration()) {
      changed_.WaitWithTimeout(&mutex_, left);
      writing_.Waited(MonotonicNow() - began);
      writing_.Moved(sent_ - sent);
    }
    if (sent_ == sent && !closed_ && MonotonicNow() - began >= left) {
      return absl::DeadlineExceededError(
          "the client does not take its response");
    }
  }
  return closed_ ? absl::UnavailableError("the client is gone")
                 : absl::OkStatus();
}

void Http2Exchange::EndOfSource() {
  ended_ = true;
  if (!head_.sent()) {
    PrepareHead(0);
    absl::MutexLock lock(&mutex_);
    news_.has_body = false;
    return;
  }
  if (plan_.framing == Framing::kLength && body_queued_ < *plan_.length) {
    settings_->log->error(
        "{}: the application's body ends after {} of {} bytes",
        std::string(request_->raw_path), body_queued_, *plan_.length);
    Break();
    return;
  }
  if (plan_.framing != Framing::kChunked) return;
  const absl::Span<const Header> trailers = body_.source()->Trailers();
  std::string checked;
  if (absl::Status valid = AppendLastChunk(trailers, checked); !valid.ok()) {
    Fail(valid);
    return;
  }
  absl::MutexLock lock(&mutex_);
  for (const Header& trailer : trailers) {
    out_trailers_.emplace_back(absl::AsciiStrToLower(trailer.name),
                               trailer.value);
  }
}

void Http2Exchange::Fail(const absl::Status& error) {
  ended_ = true;
  // What the application passes on, perhaps with something added to the text,
  // is the client's failure, not its own.
  if (!input_.failure().ok() && error.code() == input_.failure().code()) {
    settings_->log->debug("{}: {}", info_->remote_addr,
                          std::string(error.message()));
    const std::optional<Refusal> answer = AnswerToFailure(error);
    if (head_.sent() || !answer.has_value()) {
      Break();
    } else {
      Answer(*answer, "");
    }
    return;
  }
  const bool has_id = !RequestId(environ_).empty();
  if (!has_id && id_.empty()) id_ = ChooseRequestId(*request_);
  settings_->log->error("{} {}: the application failed: {}{}",
                        std::string(request_->method),
                        std::string(request_->raw_path), error.ToString(),
                        has_id ? "" : absl::StrCat(" [", id_, "]"));
  if (head_.sent()) {
    Break();
  } else {
    Answer(kInternalError, settings_->debug ? error.ToString() : "");
  }
}

void Http2Exchange::Answer(const Refusal& refusal, absl::string_view text) {
  ended_ = true;
  head_.set_sent();
  body_ = Body();
  std::string id(RequestId(environ_));
  if (id.empty()) {
    if (id_.empty()) id_ = ChooseRequestId(*request_);
    id = id_;
  }
  absl::MutexLock lock(&mutex_);
  awaits_continue_ = false;
  status_ = news_.status = refusal.status;
  news_.respond = true;
  news_.has_body = !text.empty();
  news_.fields = {{"content-type", "text/plain"},
                  {"content-length", absl::StrCat(text.size())},
                  {"x-request-id", std::move(id)}};
  if (refusal.retry_after > 0) {
    news_.fields.emplace_back("retry-after", absl::StrCat(refusal.retry_after));
  }
  news_.fields.emplace_back("date", HttpDate().Now());
  complete_ = {};
  out_.assign(text.data(), text.size());
  out_sent_ = 0;
}

void Http2Exchange::Break() {
  ended_ = true;
  absl::MutexLock lock(&mutex_);
  out_failed_ = true;
  news_.failed = true;
}

void Http2Exchange::Settle() {
  {
    absl::MutexLock lock(&mutex_);
    settled_ = true;
    out_ended_ = true;
    news_.has_output = true;
    settled_at_ = moved_at_ = CoarseNow();
    sent_before_ = sent_;
  }
  Tell();
  LogIfOver();
}

void Http2Exchange::LogIfOver() {
  AccessRecord record;
  {
    absl::MutexLock lock(&mutex_);
    // Without a status there was no response: the client left before it.
    if (!closed_ || !settled_ || logged_ || status_ == 0) return;
    logged_ = true;
    record.status_code = status_;
    record.body_length = sent_;
  }
  record.request_line = request_->request_line;
  record.wall_seconds = absl::ToDoubleSeconds(MonotonicNow() - began_);
  record.forwarded_for = environ_.Header("x-forwarded-for").value_or("");
  record.request_id = RequestId(environ_);
  if (record.request_id.empty()) record.request_id = id_;
  LogAccess(*settings_, *info_, record);
}

}  // namespace bergen::wsgi
