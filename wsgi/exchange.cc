// SPDX-License-Identifier: Apache-2.0

#include "wsgi/exchange.h"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/types/span.h"
#include "spdlog/spdlog.h"
#include "wsgi/application_call.h"
#include "wsgi/monotonic.h"
#include "wsgi/request_id.h"

namespace bergen::wsgi {
namespace {

using sslutils::IoResult;
using sslutils::IoState;

// A piece up to this size is copied behind the head, so that it is one write.
constexpr size_t kCopiedPiece = 8192;

// How much of a body that the application left unread is read for the sake of
// keeping the connection, and for how long.
constexpr uint64_t kDroppedBody = 256 * 1024;
constexpr absl::Duration kDroppingTime = absl::Seconds(5);

constexpr size_t kReceiveSize = 16384;

// Pieces that a thread which must not block sends before others get their turn.
constexpr int kPiecesInTurn = 16;

// Sent, and not yet taken by the other end.
int QueuedBytes(int fd) {
  int size = 0;
  return ioctl(fd, SIOCOUTQ, &size) == 0 ? size : 0;
}

constexpr Refusal kInternalError = {500, "Internal Server Error", ""};

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

std::optional<Refusal> AnswerToFailure(const absl::Status& failure) {
  switch (failure.code()) {
    case absl::StatusCode::kInvalidArgument:
      return Refusal{400, "Bad Request", ""};
    case absl::StatusCode::kDeadlineExceeded:
      return Refusal{408, "Request Timeout", ""};
    case absl::StatusCode::kResourceExhausted:
      return Refusal{413, "Content Too Large", ""};
    default:
      return std::nullopt;
  }
}

std::string ChooseRequestId(const Request& request) {
  for (const Header& header : request.headers) {
    if (absl::EqualsIgnoreCase(header.name, kRequestIdHeader) &&
        IsGoodRequestId(header.value)) {
      return std::string(header.value);
    }
  }
  return NewRequestId();
}

void Exchange::RequestBody::Begin() {
  const Request& request = exchange_->request_;
  remaining_ = request.content_length.value_or(0);
  total_ = 0;
  chunk_data_ = 0;
  chunked_ = request.chunked;
  failure_ = absl::OkStatus();
  decoder_.reset();
  if (chunked_) decoder_.emplace(exchange_->settings_->limits.max_header_line);
  awaits_continue_ = request.expects_continue && (chunked_ || remaining_ > 0) &&
                     exchange_->channel_->received.empty();
  continue_allowed_ = awaits_continue_;
}

std::optional<uint64_t> Exchange::RequestBody::remaining() const {
  if (chunked_) return std::nullopt;
  return remaining_;
}

absl::Status Exchange::RequestBody::SendContinue() {
  awaits_continue_ = false;
  if (!continue_allowed_) return absl::OkStatus();
  absl::string_view rest = "HTTP/1.1 100 Continue\r\n\r\n";
  while (!rest.empty()) {
    const IoResult result = exchange_->channel_->transport.Write({rest});
    if (result.state == IoState::kDone) {
      rest.remove_prefix(result.bytes);
      continue;
    }
    absl::Status waited = exchange_->WaitToSend(result.state);
    if (!waited.ok()) return waited;
  }
  return absl::OkStatus();
}

absl::StatusOr<size_t> Exchange::RequestBody::Read(char* buffer, size_t size) {
  if (!failure_.ok()) return failure_;
  if (remaining() == 0) return 0;
  if (awaits_continue_) failure_ = SendContinue();
  if (!failure_.ok()) return failure_;
  absl::StatusOr<size_t> result =
      chunked_ ? ReadChunked(buffer, size) : ReadLength(buffer, size);
  if (!result.ok()) failure_ = result.status();
  return result;
}

absl::StatusOr<size_t> Exchange::RequestBody::ReadLength(char* buffer,
                                                         size_t size) {
  size = static_cast<size_t>(std::min<uint64_t>(size, remaining_));
  std::string& received = exchange_->channel_->received;
  if (!received.empty()) {
    size = std::min(size, received.size());
    memcpy(buffer, received.data(), size);
    received.erase(0, size);
  } else {
    const absl::StatusOr<size_t> got = exchange_->Receive(buffer, size);
    if (!got.ok()) return got.status();
    size = *got;
  }
  remaining_ -= size;
  return size;
}

absl::StatusOr<size_t> Exchange::RequestBody::ReadChunked(char* buffer,
                                                          size_t size) {
  std::string& received = exchange_->channel_->received;
  for (;;) {
    if (chunk_data_ > 0) {
      size = std::min(size, chunk_data_);
      memcpy(buffer, received.data(), size);
      received.erase(0, size);
      chunk_data_ -= size;
      return size;
    }
    const absl::StatusOr<ChunkDecoder::Step> step = decoder_->Decode(received);
    if (!step.ok()) return step.status();
    if (step->consumed == 0) {
      char more[kReceiveSize];
      const absl::StatusOr<size_t> got = exchange_->Receive(more, sizeof(more));
      if (!got.ok()) return got.status();
      received.append(more, *got);
      continue;
    }
    // Data stays in front, to be handed out in parts; lines go.
    received.erase(0, step->consumed - step->data.size());
    chunk_data_ = step->data.size();
    total_ += chunk_data_;
    if (total_ > exchange_->settings_->max_body) {
      return absl::ResourceExhaustedError(
          absl::StrCat("request body: larger than ",
                       exchange_->settings_->max_body, " bytes"));
    }
    if (step->done) {
      chunked_ = false;
      remaining_ = 0;
      return 0;
    }
  }
}

absl::Span<const Header> Exchange::RequestBody::trailers() const {
  if (!decoder_.has_value() || chunked_) return {};
  return decoder_->trailers();
}

Exchange::Exchange(const ExchangeSettings& settings)
    : settings_(&settings),
      input_(*this),
      reading_(settings.body_timeout, settings.least_rate),
      writing_(settings.write_timeout, settings.least_rate) {}

Exchange::~Exchange() = default;

void Exchange::Begin(Channel& channel, size_t begin, size_t end) {
  channel_ = &channel;
  request_.head.assign(channel.received, begin, end - begin);
  channel.received.erase(0, end);
  head_.Reset();
  plan_ = {};
  body_ = Body();
  environ_.reset();
  called_ = ended_ = broken_ = refused_ = false;
  id_.clear();
  status_ = 0;
  reading_ = Patience(settings_->body_timeout, settings_->least_rate);
  writing_ = Patience(settings_->write_timeout, settings_->least_rate);
  longest_wait_ = absl::InfiniteDuration();
  ++channel.requests;
  out_.clear();
  out_sent_ = 0;
  piece_ = tail_ = {};
  file_left_ = 0;
  body_queued_ = out_body_ = 0;
  if (settings_->log->should_log(spdlog::level::info)) began_ = MonotonicNow();

  std::optional<Refusal> refusal = ParseHead(request_);
  if (!refusal.has_value() &&
      request_.content_length.value_or(0) > settings_->max_body) {
    refusal = Refusal{413, "Content Too Large", "body larger than allowed"};
  }
  if (refusal.has_value()) {
    settings_->log->debug("{}: refused with {}: {}", channel.info.remote_addr,
                          refusal->status, std::string(refusal->detail));
    request_.content_length.reset();
    request_.chunked = false;
    refused_ = true;
    called_ = true;
    input_.Begin();
    Answer(*refusal, "");
    return;
  }
  input_.Begin();
  environ_.emplace(request_, channel.info, input_, *settings_->log);
}

bool Exchange::Refuse(const Refusal& refusal) {
  if (called_) return refused_;
  refused_ = true;
  called_ = true;
  Answer(refusal, "");
  return true;
}

bool Exchange::MayWaitForBody() const {
  return request_.chunked ||
         request_.content_length.value_or(0) > channel_->received.size();
}

After Exchange::Run(bool may_block) {
  may_block_ = may_block;
  pieces_ = 0;
  if (!called_) {
    called_ = true;
    CallApplication();
  }
  const Progress progress = Send();
  if (progress == Progress::kBlocked) return After::kBlocked;
  return Finish(progress == Progress::kBroken);
}

void Exchange::CallApplication() {
  absl::StatusOr<Body> body =
      wsgi::CallApplication(*settings_->app, *environ_, head_);
  if (!body.ok()) {
    Fail(body.status());
    return;
  }
  body_ = *std::move(body);
  if (body_.source() != nullptr) {
    // Nothing of the body will be sent, so none need be made.
    if (head_.started() && request_.method == "HEAD") {
      const std::optional<FileRange> file = body_.source()->File();
      SendHead(file.has_value() ? std::optional<uint64_t>(file->size)
                                : std::nullopt);
      ended_ = true;
    } else {
      BeginFile();
    }
    return;
  }
  const absl::string_view complete = body_.complete();
  if (absl::Status checked = CheckComplete(request_, head_, complete);
      !checked.ok()) {
    Fail(checked);
    return;
  }
  SendHead(complete.size());
  ended_ = true;
  if (plan_.framing == Framing::kLength) Queue(complete);
}

void Exchange::SendHead(std::optional<uint64_t> body_size) {
  bool may_keep = settings_->keep_alive &&
                  !settings_->stopping->load(std::memory_order_relaxed) &&
                  (settings_->max_requests == 0 ||
                   channel_->requests < settings_->max_requests) &&
                  input_.failure().ok();
  // A client that was not told to continue may send its body or not: what
  // follows cannot be told apart.
  if (input_.awaits_continue()) may_keep = false;
  input_.GiveUpContinue();
  if (body_size.has_value() && input_.remaining().value_or(0) > kDroppedBody) {
    may_keep = false;
  }
  status_ = head_.status();
  plan_ = PlanResponse(request_, head_, body_size, may_keep);
  head_.AppendTo(plan_, date_.Now(), out_);
}

void Exchange::Queue(absl::string_view body) {
  body_queued_ += body.size();
  if (body.size() <= kCopiedPiece) {
    out_.append(body.data(), body.size());
    out_body_ = body.size();
  } else {
    piece_ = body;
  }
}

void Exchange::Fail(const absl::Status& error) {
  body_ = Body();
  file_left_ = 0;
  ended_ = true;
  piece_ = tail_ = {};
  // What the application passes on, perhaps with something added to the text,
  // is the client's failure, not its own.
  if (!input_.failure().ok() && error.code() == input_.failure().code()) {
    settings_->log->debug("{}: {}", channel_->info.remote_addr,
                          std::string(error.message()));
    const std::optional<Refusal> answer = AnswerToFailure(error);
    if (head_.sent() || !answer.has_value()) {
      broken_ = true;
    } else {
      Answer(*answer, "");
    }
    return;
  }
  // Middleware that gives ids has added its own.
  const bool has_id = environ_.has_value() && !RequestId(*environ_).empty();
  settings_->log->error("{} {}: the application failed: {}{}",
                        std::string(request_.method),
                        std::string(request_.raw_path), error.ToString(),
                        has_id ? "" : absl::StrCat(" [", EnsureId(), "]"));
  if (head_.sent()) {
    broken_ = true;
    return;
  }
  Answer(kInternalError, settings_->debug ? error.ToString() : "");
}

absl::string_view Exchange::EnsureId() {
  if (environ_.has_value() && !RequestId(*environ_).empty()) {
    return RequestId(*environ_);
  }
  if (id_.empty()) id_ = ChooseRequestId(request_);
  return id_;
}

void Exchange::Answer(const Refusal& refusal, absl::string_view text) {
  plan_ = {};
  status_ = refusal.status;
  ended_ = true;
  out_ = RefusalResponse(refusal, text, EnsureId(), date_.Now());
  out_sent_ = 0;
  out_body_ = body_queued_ = text.size();
}

Exchange::Progress Exchange::Send() {
  for (;;) {
    while (!broken_ &&
           (out_sent_ < out_.size() || !piece_.empty() || !tail_.empty())) {
      const std::array<absl::string_view, 3> parts = {
          absl::string_view(out_).substr(out_sent_), piece_, tail_};
      const IoResult result = channel_->transport.Write(parts);
      if (result.state == IoState::kDone) {
        Sent(result.bytes);
        continue;
      }
      if (Hold(result.state) == Progress::kBlocked) return Progress::kBlocked;
    }
    if (broken_) return Progress::kBroken;
    if (file_left_ > 0) {
      if (SendFile() == Progress::kBlocked) return Progress::kBlocked;
      continue;
    }
    if (ended_) return Progress::kDone;
    if (!may_block_ && ++pieces_ > kPiecesInTurn) return Progress::kBlocked;
    Pull();
  }
}

Exchange::Progress Exchange::Hold(IoState state) {
  const bool waits =
      state == IoState::kWantRead || state == IoState::kWantWrite;
  if (waits && !may_block_) return Progress::kBlocked;
  if (absl::Status waited = WaitToSend(state); !waited.ok()) {
    settings_->log->debug("{}: response cut off: {}",
                          channel_->info.remote_addr,
                          std::string(waited.message()));
    broken_ = true;
    return Progress::kBroken;
  }
  return Progress::kDone;
}

void Exchange::BeginFile() {
  if (!head_.started() || channel_->transport.is_tls()) return;
  const std::optional<FileRange> file = body_.source()->File();
  // Whatever does not fit together is treated as any other source.
  if (!file.has_value() ||
      head_.content_length().value_or(file->size) != file->size) {
    return;
  }
  SendHead(file->size);
  ended_ = true;
  if (plan_.framing != Framing::kLength) return;
  file_left_ = file->size;
  body_queued_ = file->size;
}

Exchange::Progress Exchange::SendFile() {
  if (!may_block_ && ++pieces_ > kPiecesInTurn) return Progress::kBlocked;
  const std::optional<FileRange> file = body_.source()->File();
  if (!file.has_value() || file->size < file_left_) {
    broken_ = true;
    return Progress::kBroken;
  }
  const IoResult result =
      channel_->transport.SendFile(file->fd, file->offset, file_left_);
  if (result.state == IoState::kDone) {
    body_.source()->SentFromFile(result.bytes);
    file_left_ -= result.bytes;
    return Progress::kDone;
  }
  if (result.state == IoState::kClosed) {
    settings_->log->error("{}: the file ends {} bytes before its time",
                          std::string(request_.raw_path), file_left_);
    broken_ = true;
    return Progress::kBroken;
  }
  return Hold(result.state);
}

void Exchange::Sent(size_t size) {
  const size_t out = std::min(size, out_.size() - out_sent_);
  out_sent_ += out;
  size -= out;
  if (out_sent_ == out_.size()) {
    out_.clear();
    out_sent_ = 0;
    out_body_ = 0;
  }
  const size_t piece = std::min(size, piece_.size());
  piece_.remove_prefix(piece);
  tail_.remove_prefix(size - piece);
}

void Exchange::Pull() {
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

void Exchange::TakePiece(absl::string_view piece) {
  if (!head_.sent()) SendHead(std::nullopt);
  switch (plan_.framing) {
    case Framing::kNone:
      ended_ = true;
      return;
    case Framing::kLength:
      if (piece.size() > *plan_.length - body_queued_) {
        settings_->log->error(
            "{}: the application's body is longer than its Content-Length, {}",
            std::string(request_.raw_path), *plan_.length);
        piece = piece.substr(0, *plan_.length - body_queued_);
        plan_.keep_alive = false;
        ended_ = true;
      }
      Queue(piece);
      return;
    case Framing::kUntilClose:
      Queue(piece);
      return;
    case Framing::kChunked:
      AppendChunkLine(piece.size(), out_);
      Queue(piece);
      if (piece_.empty()) {
        absl::StrAppend(&out_, kChunkEnd);
      } else {
        tail_ = kChunkEnd;
      }
      return;
  }
}

void Exchange::EndOfSource() {
  ended_ = true;
  if (!head_.sent()) {
    SendHead(0);
    return;
  }
  if (plan_.framing == Framing::kChunked) {
    const absl::Span<const Header> trailers = body_.source()->Trailers();
    if (trailers.empty()) {
      tail_ = kLastChunk;
    } else if (absl::Status added = AppendLastChunk(trailers, out_);
               !added.ok()) {
      Fail(added);
    }
  }
  if (plan_.framing == Framing::kLength && body_queued_ < *plan_.length) {
    settings_->log->error(
        "{}: the application's body ends after {} of {} bytes",
        std::string(request_.raw_path), body_queued_, *plan_.length);
    broken_ = true;
  }
}

After Exchange::Finish(bool broken) {
  body_ = Body();
  // Without a status there was no response: the client left before it.
  if (status_ != 0 && settings_->log->should_log(spdlog::level::info)) {
    uint64_t sent = body_queued_ - piece_.size() - file_left_;
    sent -= std::min<uint64_t>(out_body_, out_.size() - out_sent_);
    AccessRecord record = {
        .request_line = request_.request_line,
        .status_code = status_,
        .body_length = sent,
        .wall_seconds = absl::ToDoubleSeconds(MonotonicNow() - began_)};
    if (environ_.has_value()) {
      record.forwarded_for = environ_->Header("x-forwarded-for").value_or("");
      record.request_id = RequestId(*environ_);
    }
    if (record.request_id.empty()) record.request_id = id_;
    LogAccess(*settings_, channel_->info, record);
  }
  if (broken) return After::kClose;
  if (refused_ || !input_.failure().ok()) return After::kLinger;
  if (plan_.keep_alive && DropRestOfBody()) return After::kKeep;
  return input_.remaining() == 0 && channel_->received.empty() ? After::kClose
                                                               : After::kLinger;
}

bool Exchange::DropRestOfBody() {
  if (input_.remaining() == 0) return true;
  const absl::Duration end = MonotonicNow() + kDroppingTime;
  uint64_t dropped = 0;
  char rest[kReceiveSize];
  while (input_.remaining() != 0) {
    if (dropped >= kDroppedBody) return false;
    longest_wait_ = end - MonotonicNow();
    const absl::StatusOr<size_t> size = input_.Read(rest, sizeof(rest));
    if (!size.ok()) return false;
    dropped += *size;
  }
  return true;
}

absl::Status Exchange::Wait(IoState state, Patience& patience,
                            absl::Duration longest) {
  if (state == IoState::kClosed || state == IoState::kFailed) {
    return absl::UnavailableError("the client is gone");
  }
  const absl::Duration timeout = std::min(patience.left(), longest);
  const absl::Duration began = MonotonicNow();
  const absl::Duration end = began + timeout;
  for (;;) {
    pollfd ready = {
        .fd = channel_->transport.fd(),
        .events = static_cast<short>(  // NOLINT(runtime/int): poll's own.
            state == IoState::kWantWrite ? POLLOUT : POLLIN),
        .revents = 0,
    };
    const absl::Duration left = end - MonotonicNow();
    const int milliseconds =
        left > absl::Hours(24)
            ? -1
            : static_cast<int>(absl::ToInt64Milliseconds(
                  absl::Ceil(std::max(left, absl::ZeroDuration()),
                             absl::Milliseconds(1))));
    const int count = poll(&ready, 1, milliseconds);
    if (count >= 0) patience.Waited(MonotonicNow() - began);
    if (count > 0) return absl::OkStatus();
    if (count == 0) {
      return absl::DeadlineExceededError(
          absl::StrCat("the client was silent or too slow, last for ",
                       absl::FormatDuration(timeout)));
    }
    if (errno != EINTR) return absl::ErrnoToStatus(errno, "poll");
  }
}

absl::Status Exchange::WaitToSend(IoState state) {
  for (;;) {
    // Sockets hold so much that a client may take long to make room, without
    // being silent.
    const int queued = QueuedBytes(channel_->transport.fd());
    absl::Status waited = Wait(state, writing_, absl::InfiniteDuration());
    const int taken = queued - QueuedBytes(channel_->transport.fd());
    if (taken > 0) writing_.Moved(taken);
    if (!absl::IsDeadlineExceeded(waited) || taken <= 0 ||
        writing_.left() <= absl::ZeroDuration()) {
      return waited;
    }
  }
}

absl::StatusOr<size_t> Exchange::Receive(char* buffer, size_t size) {
  for (;;) {
    const IoResult result = channel_->transport.Read(buffer, size);
    if (result.state == IoState::kDone) {
      reading_.Moved(result.bytes);
      return result.bytes;
    }
    absl::Status waited = Wait(result.state, reading_, longest_wait_);
    if (!waited.ok()) return waited;
  }
}

}  // namespace bergen::wsgi
