// SPDX-License-Identifier: Apache-2.0

#include "wsgi/application_call.h"

#include <exception>
#include <type_traits>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "spdlog/spdlog.h"
#include "wsgi/monotonic.h"
#include "wsgi/request_id.h"

namespace bergen::wsgi {
namespace {

// Not periodic::CallGuarded: clients may read this error's text.
template <typename Call>
std::invoke_result_t<Call&> Guarded(Call&& call) {
  try {
    return call();
  } catch (const std::exception& exception) {
    return absl::InternalError(exception.what());
  } catch (...) {
    return absl::InternalError("exception of unknown type");
  }
}

constexpr absl::string_view kTooLarge = "body larger than allowed";

absl::Status NotStarted() {
  return absl::FailedPreconditionError("start_response was not called");
}

// Whether `complete` can be the whole body of the response.
absl::Status CheckComplete(const Request& request, const ResponseHead& head,
                           absl::string_view complete) {
  if (!head.started()) return NotStarted();
  const std::optional<uint64_t> length = head.content_length();
  if (!length.has_value() || *length == complete.size() ||
      request.method == "HEAD" || head.status() == 304) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat("Content-Length is ",
                                                    *length, ", the body has ",
                                                    complete.size(), " bytes"));
}

// What the server answers to a client that failed: `failure` is one of the
// errors of `Input`. None if there is nobody to answer.
std::optional<Refusal> AnswerToFailure(const absl::Status& failure) {
  switch (failure.code()) {
    case absl::StatusCode::kInvalidArgument:
      return Refusal{400, "Bad Request", ""};
    case absl::StatusCode::kDeadlineExceeded:
      return Refusal{408, "Request Timeout", ""};
    case absl::StatusCode::kResourceExhausted:
      return Refusal{413, "Content Too Large", kTooLarge};
    default:
      return std::nullopt;
  }
}

// What the client calls its request, if that is a good id; otherwise a new one.
std::string ChooseRequestId(const Request& request) {
  for (const Header& header : request.headers) {
    if (absl::EqualsIgnoreCase(header.name, kRequestIdHeader) &&
        IsGoodRequestId(header.value)) {
      return std::string(header.value);
    }
  }
  return NewRequestId();
}

}  // namespace

void LogAccess(const ExchangeSettings& settings, const ConnectionInfo& info,
               AccessRecord record) {
  if (!settings.log->should_log(spdlog::level::info)) return;
  record.client_ip = info.remote_addr;
  record.client_port = info.remote_port;
  record.time = absl::Now();
  const std::string line = settings.access_log->Line(record);
  settings.log->log(spdlog::level::info, spdlog::string_view_t(line));
}

std::optional<Refusal> CheckLength(const ExchangeSettings& settings,
                                   const Request& request) {
  if (request.content_length.value_or(0) <= settings.max_body) {
    return std::nullopt;
  }
  return Refusal{413, "Content Too Large", kTooLarge};
}

absl::Status CheckBodySize(const ExchangeSettings& settings, uint64_t size) {
  if (size <= settings.max_body) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("request body: larger than ", settings.max_body, " bytes"));
}

absl::Status TooSlow(absl::Duration time) {
  return absl::DeadlineExceededError(
      absl::StrCat("the client was silent or too slow, last for ",
                   absl::FormatDuration(time)));
}

ApplicationCall::ApplicationCall(const ExchangeSettings& settings)
    : settings_(&settings) {}

ApplicationCall::~ApplicationCall() = default;

void ApplicationCall::Begin(const Request& request, const ConnectionInfo& info,
                            ClientInput& input) {
  body_ = Body();
  request_ = &request;
  info_ = &info;
  input_ = &input;
  environ_.emplace(request, info, input, *settings_->log);
  head_.Reset();
  plan_ = {};
  called_ = ended_ = false;
  body_queued_ = 0;
  id_.clear();
  refused_with_ = 0;
  if (settings_->log->should_log(spdlog::level::info)) began_ = MonotonicNow();
}

void ApplicationCall::Call() {
  called_ = true;
  absl::StatusOr<Body> body =
      Guarded([&] { return (*settings_->app)(*environ_, head_); });
  if (!body.ok()) {
    Fail(body.status());
    return;
  }
  body_ = *std::move(body);
  BodySource* const source = body_.source();
  if (source == nullptr) {
    TakeComplete();
  } else if (head_.started() && request_->method == "HEAD") {
    // Nothing of the body will be sent, so none need be made.
    const std::optional<FileRange> file = source->File();
    SendHead(file.has_value() ? std::optional<uint64_t>(file->size)
                              : std::nullopt);
    ended_ = true;
  }
}

void ApplicationCall::TakeComplete() {
  const absl::string_view complete = body_.complete();
  if (absl::Status checked = CheckComplete(*request_, head_, complete);
      !checked.ok()) {
    Fail(checked);
    return;
  }
  SendHead(complete.size());
  ended_ = true;
  if (plan_.framing != Framing::kLength || complete.empty()) return;
  body_queued_ += complete.size();
  SendData(complete);
}

void ApplicationCall::Pull() {
  const absl::StatusOr<std::optional<absl::string_view>> piece =
      Guarded([&] { return body_.source()->Next(); });
  if (!piece.ok()) {
    Fail(piece.status());
  } else if (piece->has_value() && (*piece)->empty()) {
    return;
  } else if (!head_.started()) {
    Fail(NotStarted());
  } else if (!piece->has_value()) {
    EndOfSource();
  } else {
    TakePiece(**piece);
  }
}

void ApplicationCall::TakePiece(absl::string_view piece) {
  if (!head_.sent()) SendHead(std::nullopt);
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
    plan_.keep_alive = false;
    ended_ = true;
  }
  body_queued_ += piece.size();
  if (!piece.empty()) SendData(piece);
}

void ApplicationCall::EndOfSource() {
  ended_ = true;
  if (!head_.sent()) {
    SendHead(0);
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
  if (absl::Status sent = SendEnd(body_.source()->Trailers()); !sent.ok()) {
    Fail(sent);
  }
}

void ApplicationCall::Answer(const Refusal& refusal, absl::string_view text) {
  called_ = ended_ = true;
  body_ = Body();
  if (head_.sent()) {
    Break();
    return;
  }
  if (!refusal.detail.empty()) {
    settings_->log->debug("{}: refused with {}: {}", info_->remote_addr,
                          refusal.status, std::string(refusal.detail));
  }
  plan_ = {};
  refused_with_ = refusal.status;
  head_.set_sent();
  body_queued_ = text.size();
  SendRefusal(refusal, text, EnsureId());
}

void ApplicationCall::Fail(const absl::Status& error) {
  // What the application passes on, perhaps with something added to the text,
  // is the client's failure, not its own.
  if (!input_->failure().ok() && error.code() == input_->failure().code()) {
    settings_->log->debug("{}: {}", info_->remote_addr,
                          std::string(error.message()));
    const std::optional<Refusal> answer = AnswerToFailure(error);
    if (answer.has_value()) {
      Answer(*answer);
      return;
    }
    called_ = ended_ = true;
    body_ = Body();
    Break();
    return;
  }
  // Middleware that gives ids has added its own.
  const bool has_id = !RequestId(*environ_).empty();
  settings_->log->error("{} {}: the application failed: {}{}",
                        std::string(request_->method),
                        std::string(request_->raw_path), error.ToString(),
                        has_id ? "" : absl::StrCat(" [", EnsureId(), "]"));
  Answer({500, "Internal Server Error", ""},
         settings_->debug ? error.ToString() : "");
}

absl::string_view ApplicationCall::EnsureId() {
  if (!RequestId(*environ_).empty()) {
    return RequestId(*environ_);
  }
  if (id_.empty()) id_ = ChooseRequestId(*request_);
  return id_;
}

void ApplicationCall::LogResponse(uint64_t body_length) {
  // Otherwise there was no response: the client left before it.
  if (!head_.sent() || !settings_->log->should_log(spdlog::level::info)) return;
  AccessRecord record = {
      .request_line = request_->request_line,
      .status_code = refused_with_ != 0 ? refused_with_ : head_.status(),
      .body_length = body_length,
      .wall_seconds = absl::ToDoubleSeconds(MonotonicNow() - began_)};
  record.forwarded_for = environ_->Header("x-forwarded-for").value_or("");
  record.request_id = RequestId(*environ_);
  if (record.request_id.empty()) record.request_id = id_;
  LogAccess(*settings_, *info_, record);
}

}  // namespace bergen::wsgi
