// SPDX-License-Identifier: Apache-2.0

#include "wsgi/exchange.h"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "spdlog/spdlog.h"
#include "wsgi/monotonic.h"
#include "wsgi/response.h"

namespace bergen::wsgi {
namespace {

using sslutils::IoResult;
using sslutils::IoState;

constexpr absl::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

// A piece up to this size is copied behind the head, so that it is one write.
constexpr size_t kCopiedPiece = 8192;

// How much of a body that the application left unread is read for the sake of
// keeping the connection, and for how long.
constexpr uint64_t kDroppedBody = 256 * 1024;
constexpr absl::Duration kDroppingTime = absl::Seconds(5);

constexpr size_t kReceiveSize = 16384;

// Pieces that a thread which must not block sends before others get their turn,
// and writes of what is queued.
constexpr int kPiecesInTurn = 16;
constexpr int kWritesInTurn = 16;

// Small responses wait for the next one up to this size of all of them.
constexpr size_t kMaxHeld = 16384;

// Sent, and not yet taken by the other end.
int QueuedBytes(int fd) {
  int size = 0;
  return ioctl(fd, SIOCOUTQ, &size) == 0 ? size : 0;
}

}  // namespace

void Exchange::RequestBody::Begin() {
  const Request& request = exchange_->parsed_;
  remaining_ = request.content_length.value_or(0);
  total_ = dropped_ = 0;
  chunked_ = request.chunked;
  failure_ = absl::OkStatus();
  buffered_.clear();
  buffered_used_ = 0;
  decoder_.reset();
  if (chunked_) decoder_.emplace(exchange_->settings().limits.max_header_line);
  awaits_continue_ = request.expects_continue && (chunked_ || remaining_ > 0) &&
                     exchange_->channel_->received.empty();
  continue_allowed_ = awaits_continue_;
}

bool Exchange::RequestBody::complete() const {
  return !chunked_ && exchange_->channel_->received.size() >= remaining_;
}

std::optional<uint64_t> Exchange::RequestBody::remaining() const {
  if (chunked_) return std::nullopt;
  return remaining_;
}

bool Exchange::RequestBody::Collect() {
  const size_t most = exchange_->settings().body_buffer;
  std::string& received = exchange_->channel_->received;
  if (!chunked_) return received.size() >= std::min<uint64_t>(remaining_, most);
  size_t used = 0;
  bool enough;
  while (!(enough = !chunked_ || buffered_.size() >= most)) {
    const absl::StatusOr<std::optional<absl::string_view>> data = Decode(used);
    if (!data.ok()) {
      failure_ = data.status();
      return true;
    }
    if (!data->has_value()) break;
    buffered_.append((*data)->data(), (*data)->size());
  }
  received.erase(0, used);
  return enough;
}

bool Exchange::RequestBody::Drop() {
  std::string& received = exchange_->channel_->received;
  if (!chunked_) {
    const size_t size =
        static_cast<size_t>(std::min<uint64_t>(remaining_, received.size()));
    received.erase(0, size);
    remaining_ -= size;
    dropped_ += size;
    return remaining_ == 0;
  }
  size_t used = 0;
  while (chunked_) {
    const absl::StatusOr<std::optional<absl::string_view>> data = Decode(used);
    if (!data.ok()) {
      failure_ = data.status();
      return false;
    }
    if (!data->has_value()) break;
    dropped_ += (*data)->size();
  }
  received.erase(0, used);
  return !chunked_;
}

absl::StatusOr<std::optional<absl::string_view>> Exchange::RequestBody::Decode(
    size_t& begin) {
  const absl::StatusOr<ChunkDecoder::Step> step = decoder_->Decode(
      absl::string_view(exchange_->channel_->received).substr(begin));
  if (!step.ok()) return step.status();
  if (step->consumed == 0) return std::nullopt;
  begin += step->consumed;
  total_ += step->data.size();
  absl::Status checked = CheckBodySize(exchange_->settings(), total_);
  if (!checked.ok()) return checked;
  if (step->done) {
    chunked_ = false;
    remaining_ = 0;
  }
  return step->data;
}

absl::StatusOr<size_t> Exchange::RequestBody::Read(char* buffer, size_t size) {
  if (!failure_.ok()) return failure_;
  if (buffered_used_ == buffered_.size()) {
    if (remaining() == 0) return 0;
    if (TakeContinue() && continue_allowed_) {
      absl::StrAppend(&exchange_->out_, kContinue);
      failure_ = exchange_->BlockToFlush();
      if (!failure_.ok()) return failure_;
    }
  }
  absl::StatusOr<size_t> result = decoder_.has_value()
                                      ? ReadChunked(buffer, size)
                                      : ReadLength(buffer, size);
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
    const absl::StatusOr<size_t> got = exchange_->BlockToReceive(buffer, size);
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
    if (buffered_used_ < buffered_.size()) {
      size = std::min(size, buffered_.size() - buffered_used_);
      memcpy(buffer, buffered_.data() + buffered_used_, size);
      buffered_used_ += size;
      return size;
    }
    if (!chunked_) return 0;
    size_t used = 0;
    const absl::StatusOr<std::optional<absl::string_view>> data = Decode(used);
    if (!data.ok()) return data.status();
    if (data->has_value()) {
      buffered_.assign((*data)->data(), (*data)->size());
      buffered_used_ = 0;
      received.erase(0, used);
      continue;
    }
    char more[kReceiveSize];
    const absl::StatusOr<size_t> got =
        exchange_->BlockToReceive(more, sizeof(more));
    if (!got.ok()) return got.status();
    received.append(more, *got);
  }
}

absl::Span<const Header> Exchange::RequestBody::trailers() const {
  if (!decoder_.has_value() || chunked_) return {};
  return decoder_->trailers();
}

Exchange::Exchange(const ExchangeSettings& settings)
    : ApplicationCall(settings),
      input_(*this),
      reading_(settings.body_timeout, settings.least_rate),
      writing_(settings.write_timeout, settings.least_rate) {}

Exchange::~Exchange() = default;

void Exchange::Begin(Channel& channel, size_t begin, size_t end) {
  channel_ = &channel;
  parsed_.head.assign(channel.received, begin, end - begin);
  channel.received.erase(0, end);
  broken_ = refused_ = waiting_ = logged_ = false;
  phase_ = Phase::kBody;
  reading_ = Patience(settings().body_timeout, settings().least_rate);
  writing_ = Patience(settings().write_timeout, settings().least_rate);
  ++channel.requests;
  if (!std::exchange(held_, false)) {
    out_.clear();
    out_sent_ = 0;
  }
  piece_ = tail_ = {};
  file_left_ = 0;
  out_body_ = 0;

  std::optional<Refusal> refusal = ParseHead(parsed_);
  if (!refusal.has_value()) refusal = CheckLength(settings(), parsed_);
  if (refusal.has_value()) {
    parsed_.content_length.reset();
    parsed_.chunked = false;
  }
  input_.Begin();
  ApplicationCall::Begin(parsed_, channel.info, input_);
  if (refusal.has_value()) {
    Refuse(*refusal);
  } else if (settings().body_buffer > 0 && input_.TakeContinue()) {
    absl::StrAppend(&out_, kContinue);
  }
}

bool Exchange::Refuse(const Refusal& refusal) {
  if (called()) return refused_;
  refused_ = true;
  Answer(refusal);
  return true;
}

Exchange::Next Exchange::Proceed() {
  if (waiting_) EndWait();
  switch (phase_) {
    case Phase::kBody:
      return Collect();
    case Phase::kResponse:
      return Send(Mode::kNoApplication);
    case Phase::kRest:
      return Drop();
  }
  return Next::kOver;
}

Exchange::Next Exchange::Run(bool may_block, bool may_hold) {
  pieces_ = 0;
  may_hold_ = may_hold;
  if (!called() && !broken_) {
    Call();
    if (has_source() && !ended()) BeginFile();
  }
  return Send(may_block ? Mode::kAll : Mode::kSomePieces);
}

Exchange::Next Exchange::Overdue() {
  const absl::Duration waited = CoarseNow() - waits_since_;
  const bool takes_some = EndWait();
  switch (phase_) {
    case Phase::kBody:
      input_.Fail(TooSlow(waited));
      Fail(input_.failure());
      break;
    case Phase::kResponse:
      // Sockets hold so much that a client may take long to make room, without
      // being silent.
      if (takes_some && writing_.left() > absl::ZeroDuration()) {
        return Wait(Phase::kResponse);
      }
      Broken(TooSlow(waited).message());
      break;
    case Phase::kRest:
      after_ = After::kLinger;
      return Next::kOver;
  }
  return Send(Mode::kNoApplication);
}

Exchange::Next Exchange::GiveUp() {
  waiting_ = false;
  broken_ = true;
  if (phase_ != Phase::kRest) return Send(Mode::kNoApplication);
  after_ = After::kClose;
  return Next::kOver;
}

Exchange::Next Exchange::Collect() {
  while (!called() && !broken_) {
    if (input_.Collect()) {
      if (input_.failure().ok()) return Next::kRun;
      Fail(input_.failure());
      break;
    }
    Flush(kWritesInTurn);
    if (!broken_ && !Receive() && !broken_) return Wait(Phase::kBody);
  }
  return Send(Mode::kNoApplication);
}

bool Exchange::Receive() {
  char buffer[kReceiveSize];
  const IoResult result = channel_->transport.Read(buffer, sizeof(buffer));
  switch (result.state) {
    case IoState::kDone:
      channel_->received.append(buffer, result.bytes);
      reading_.Moved(result.bytes);
      return true;
    case IoState::kWantRead:
    case IoState::kWantWrite:
      blocked_on_ = result.state;
      return false;
    case IoState::kClosed:
    case IoState::kFailed:
      broken_ = true;
      return false;
  }
  return false;
}

void Exchange::SendHead(std::optional<uint64_t> body_size) {
  bool may_keep = settings().keep_alive &&
                  !settings().stopping->load(std::memory_order_relaxed) &&
                  (settings().max_requests == 0 ||
                   channel_->requests < settings().max_requests) &&
                  input_.failure().ok();
  // A client that was not told to continue may send its body or not: what
  // follows cannot be told apart.
  if (input_.awaits_continue()) may_keep = false;
  input_.GiveUpContinue();
  if (body_size.has_value() && input_.remaining().value_or(0) > kDroppedBody) {
    may_keep = false;
  }
  plan_ = PlanResponse(parsed_, head_, body_size, may_keep);
  head_.AppendTo(plan_, date_.Now(), out_);
}

void Exchange::SendData(absl::string_view data) {
  const bool chunk = plan_.framing == Framing::kChunked;
  if (chunk) AppendChunkLine(data.size(), out_);
  if (data.size() <= kCopiedPiece) {
    out_.append(data.data(), data.size());
    out_body_ = data.size();
    if (chunk) absl::StrAppend(&out_, kChunkEnd);
  } else {
    piece_ = data;
    if (chunk) tail_ = kChunkEnd;
  }
}

absl::Status Exchange::SendEnd(absl::Span<const Header> trailers) {
  if (!trailers.empty()) return AppendLastChunk(trailers, out_);
  tail_ = kLastChunk;
  return absl::OkStatus();
}

void Exchange::SendRefusal(const Refusal& refusal, absl::string_view text,
                           absl::string_view id) {
  // Nothing else is there, but perhaps what tells the client to continue.
  absl::StrAppend(&out_, RefusalResponse(refusal, text, id, date_.Now()));
  out_body_ = text.size();
}

Exchange::Next Exchange::Send(Mode mode) {
  phase_ = Phase::kResponse;
  const bool runs = mode != Mode::kNoApplication;
  const int most = runs ? std::numeric_limits<int>::max() : kWritesInTurn;
  if (runs && MayHold()) {
    held_ = true;
    return Finish();
  }
  while (!broken_) {
    if (!Flush(most)) return Wait(Phase::kResponse);
    if (broken_ || (ended() && file_left_ == 0)) break;
    if (!runs) return Next::kRun;
    if (mode == Mode::kSomePieces && ++pieces_ > kPiecesInTurn) {
      return Next::kRun;
    }
    if (file_left_ == 0) {
      Pull();
    } else if (!SendFile()) {
      return Wait(Phase::kResponse);
    }
  }
  // What the application returned is destroyed where it runs.
  if (!runs && has_source()) return Next::kRun;
  return Finish();
}

bool Exchange::MayHold() const {
  return may_hold_ && !broken_ && !refused_ && ended() && plan_.keep_alive &&
         input_.failure().ok() && piece_.empty() && tail_.empty() &&
         file_left_ == 0 && out_.size() <= kMaxHeld;
}

Exchange::Next Exchange::SendHeld() {
  held_ = false;
  return Send(Mode::kNoApplication);
}

bool Exchange::Flush(int most_writes) {
  for (int writes = 0; !broken_ && (out_sent_ < out_.size() ||
                                    !piece_.empty() || !tail_.empty());
       ++writes) {
    blocked_on_ = IoState::kWantWrite;
    if (writes == most_writes) return false;
    const std::array<absl::string_view, 3> parts = {
        absl::string_view(out_).substr(out_sent_), piece_, tail_};
    const IoResult result = channel_->transport.Write(parts);
    switch (result.state) {
      case IoState::kDone:
        Sent(result.bytes);
        break;
      case IoState::kWantRead:
      case IoState::kWantWrite:
        blocked_on_ = result.state;
        return false;
      case IoState::kClosed:
      case IoState::kFailed:
        Broken("the client is gone");
        break;
    }
  }
  return true;
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

void Exchange::Broken(absl::string_view why) {
  broken_ = true;
  settings().log->debug("{}: response cut off: {}", channel_->info.remote_addr,
                        std::string(why));
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

bool Exchange::SendFile() {
  const std::optional<FileRange> file = body_.source()->File();
  if (!file.has_value() || file->size < file_left_) {
    broken_ = true;
    return true;
  }
  const IoResult result =
      channel_->transport.SendFile(file->fd, file->offset, file_left_);
  switch (result.state) {
    case IoState::kDone:
      body_.source()->SentFromFile(result.bytes);
      file_left_ -= result.bytes;
      return true;
    case IoState::kClosed:
      settings().log->error("{}: the file ends {} bytes before its time",
                            std::string(parsed_.raw_path), file_left_);
      broken_ = true;
      return true;
    case IoState::kFailed:
      Broken(result.error.message());
      return true;
    case IoState::kWantRead:
    case IoState::kWantWrite:
      blocked_on_ = result.state;
      return false;
  }
  return true;
}

Exchange::Next Exchange::Finish() {
  uint64_t sent = body_queued_ - piece_.size() - file_left_;
  if (!held_) sent -= std::min<uint64_t>(out_body_, out_.size() - out_sent_);
  out_body_ = 0;
  piece_ = tail_ = {};
  DropBody();
  if (!std::exchange(logged_, true)) LogResponse(sent);
  if (broken_) {
    after_ = After::kClose;
  } else if (refused_ || !input_.failure().ok()) {
    after_ = After::kLinger;
  } else if (plan_.keep_alive) {
    drop_until_ = absl::InfiniteDuration();
    return Drop();
  } else {
    after_ = input_.remaining() == 0 && channel_->received.empty()
                 ? After::kClose
                 : After::kLinger;
  }
  return Next::kOver;
}

Exchange::Next Exchange::Drop() {
  for (;;) {
    if (input_.Drop()) {
      after_ = After::kKeep;
      return Next::kOver;
    }
    if (!input_.failure().ok() || input_.dropped() >= kDroppedBody) {
      after_ = After::kLinger;
      return Next::kOver;
    }
    if (Receive()) continue;
    if (!broken_) return Wait(Phase::kRest);
    after_ = After::kClose;
    return Next::kOver;
  }
}

Exchange::Next Exchange::Wait(Phase phase) {
  phase_ = phase;
  waiting_ = true;
  waits_since_ = CoarseNow();
  waits_for_ =
      blocked_on_ == IoState::kWantWrite ? EventLoop::kWrite : EventLoop::kRead;
  switch (phase) {
    case Phase::kBody:
      if (!out_.empty()) waits_for_ = EventLoop::kReadWrite;
      deadline_ = waits_since_ + reading_.left();
      break;
    case Phase::kResponse:
      queued_then_ = QueuedBytes(channel_->transport.fd());
      deadline_ = waits_since_ + writing_.left();
      break;
    case Phase::kRest:
      drop_until_ = std::min(drop_until_, waits_since_ + kDroppingTime);
      deadline_ = std::min(drop_until_, waits_since_ + reading_.left());
      break;
  }
  return Next::kWait;
}

bool Exchange::EndWait() {
  waiting_ = false;
  const absl::Duration waited = CoarseNow() - waits_since_;
  if (phase_ != Phase::kResponse) {
    reading_.Waited(waited);
    return false;
  }
  writing_.Waited(waited);
  const int taken = queued_then_ - QueuedBytes(channel_->transport.fd());
  if (taken > 0) writing_.Moved(taken);
  return taken > 0;
}

absl::Status Exchange::Block(IoState state, Patience& patience) {
  if (state == IoState::kClosed || state == IoState::kFailed) {
    return absl::UnavailableError("the client is gone");
  }
  const absl::Duration timeout = patience.left();
  const absl::Duration began = MonotonicNow();
  const absl::Duration end = began + timeout;
  for (;;) {
    pollfd ready = {
        .fd = channel_->transport.fd(), .events = POLLIN, .revents = 0};
    if (state == IoState::kWantWrite) ready.events = POLLOUT;
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
    if (count == 0) return TooSlow(timeout);
    if (errno != EINTR) return absl::ErrnoToStatus(errno, "poll");
  }
}

absl::Status Exchange::BlockToFlush() {
  while (!Flush(kWritesInTurn)) {
    absl::Status ready = Block(blocked_on_, writing_);
    if (!ready.ok()) return ready;
  }
  return broken_ ? absl::UnavailableError("the client is gone")
                 : absl::OkStatus();
}

absl::StatusOr<size_t> Exchange::BlockToReceive(char* buffer, size_t size) {
  for (;;) {
    const IoResult result = channel_->transport.Read(buffer, size);
    if (result.state == IoState::kDone) {
      reading_.Moved(result.bytes);
      return result.bytes;
    }
    absl::Status ready = Block(result.state, reading_);
    if (!ready.ok()) return ready;
  }
}

}  // namespace bergen::wsgi
