// SPDX-License-Identifier: Apache-2.0

#include "wsgi/http2.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace bergen::wsgi {
namespace {

// Of the connection. What is received counts against it only until it is
// parsed: how much waits for applications is bounded stream by stream.
constexpr int32_t kConnectionWindow = 1 << 20;

// Beyond what one head may have.
constexpr size_t kMaxTrailers = 64;

constexpr absl::string_view kVersion = " HTTP/1.1\r\n";

absl::string_view View(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

nghttp2_nv Field(absl::string_view name, absl::string_view value) {
  // nghttp2 copies them and changes nothing.
  return {
      reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
      reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())),
      name.size(),
      value.size(),
      NGHTTP2_NV_FLAG_NONE,
  };
}

std::vector<nghttp2_nv> Block(const Http2Fields& fields) {
  std::vector<nghttp2_nv> block;
  block.reserve(fields.size() + 1);
  for (const auto& [name, value] : fields) {
    block.push_back(Field(name, value));
  }
  return block;
}

// nghttp2 fails here for want of memory or for a stream that is gone.
void CheckMemory(int result) {
  if (result == NGHTTP2_ERR_NOMEM) abort();
}

}  // namespace

bool Http2Budget::Spend(absl::Duration now) {
  left_ =
      std::min(most_, left_ + absl::ToDoubleSeconds(now - at_) * per_second_);
  at_ = now;
  if (left_ < 1) return false;
  left_ -= 1;
  return true;
}

// What nghttp2 calls.
struct Http2Session::Callbacks {
  static Http2Session& Of(void* user) {
    return *static_cast<Http2Session*>(user);
  }

  static int OnBeginFrame(nghttp2_session*, const nghttp2_frame_hd* head,
                          void* user) {
    switch (head->type) {
      case NGHTTP2_DATA:
      case NGHTTP2_HEADERS:
      case NGHTTP2_CONTINUATION:
      case NGHTTP2_WINDOW_UPDATE:
      case NGHTTP2_RST_STREAM:  // These have their own budget.
        break;
      default:
        Of(user).SpendIdleFrame();
    }
    return Of(user).Verdict();
  }

  static int OnBeginHeaders(nghttp2_session*, const nghttp2_frame* frame,
                            void* user) {
    Http2Session& session = Of(user);
    session.in_head_ = true;
    if (frame->hd.type != NGHTTP2_HEADERS ||
        frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
      return 0;
    }
    session.streams_.emplace(frame->hd.stream_id, std::make_unique<Stream>());
    return 0;
  }

  static int OnHeader(nghttp2_session*, const nghttp2_frame* frame,
                      const uint8_t* name, size_t name_size,
                      const uint8_t* value, size_t value_size, uint8_t,
                      void* user) {
    Http2Session& session = Of(user);
    if (Stream* stream = session.Find(frame->hd.stream_id)) {
      session.AddField(*stream, View(name, name_size), View(value, value_size));
    }
    return 0;
  }

  static int OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Http2Session& session = Of(user);
    const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    Stream* const stream = session.Find(frame->hd.stream_id);
    switch (frame->hd.type) {
      case NGHTTP2_SETTINGS:
        session.settled_ = true;
        break;
      case NGHTTP2_HEADERS:
        session.in_head_ = false;
        if (stream == nullptr) break;
        if (!stream->told) {
          session.HeadComplete(frame->hd.stream_id, *stream, !ends);
        } else if (ends) {
          session.BodyComplete(frame->hd.stream_id, *stream);
        }
        break;
      case NGHTTP2_DATA:
        if (ends) {
          if (stream != nullptr) {
            session.BodyComplete(frame->hd.stream_id, *stream);
          }
        } else if (frame->hd.length <= frame->data.padlen) {
          session.SpendIdleFrame();
        }
        break;
      default:
        break;
    }
    return session.Verdict();
  }

  static int OnInvalidFrame(nghttp2_session*, const nghttp2_frame* frame, int,
                            void* user) {
    Http2Session& session = Of(user);
    if (frame->hd.type == NGHTTP2_HEADERS) session.in_head_ = false;
    session.SpendIdleFrame();
    return session.Verdict();
  }

  static int OnData(nghttp2_session* nghttp2, uint8_t, int32_t id,
                    const uint8_t* data, size_t size, void* user) {
    Http2Session& session = Of(user);
    CheckMemory(nghttp2_session_consume_connection(nghttp2, size));
    const Stream* const stream = session.Find(id);
    if (stream != nullptr && stream->told) {
      session.handler_->OnBody(id, View(data, size));
    }
    return session.Verdict();
  }

  static int OnStreamClose(nghttp2_session*, int32_t id, uint32_t error,
                           void* user) {
    Http2Session& session = Of(user);
    const auto found = session.streams_.find(id);
    if (found == session.streams_.end()) return 0;
    const std::unique_ptr<Stream> stream = std::move(found->second);
    session.streams_.erase(found);
    if (stream->told) session.handler_->OnClosed(id);
    if (error != NGHTTP2_NO_ERROR && !stream->reset_by_us &&
        !session.terminated_ && !session.resets_.Spend(session.now_)) {
      session.Terminate(/*calm=*/true);
    }
    return session.Verdict();
  }

  static int OnFrameSent(nghttp2_session* nghttp2, const nghttp2_frame* frame,
                         void* user) {
    const bool ends =
        (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (!ends) return 0;
    Stream* const stream = Of(user).Find(frame->hd.stream_id);
    if (stream == nullptr || stream->body_ended) return 0;
    // Source: RFC 9113, 8.1: the client need not send the rest of its body.
    stream->reset_by_us = true;
    CheckMemory(nghttp2_submit_rst_stream(
        nghttp2, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR));
    return 0;
  }

  static ssize_t ReadResponse(nghttp2_session* nghttp2, int32_t id,
                              uint8_t* buffer, size_t size, uint32_t* flags,
                              nghttp2_data_source*, void* user) {
    Http2Session& session = Of(user);
    const Output output = session.handler_->ReadResponse(
        id, reinterpret_cast<char*>(buffer), size);
    if (output.failed) {
      if (Stream* stream = session.Find(id)) stream->reset_by_us = true;
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    if (!output.ended) {
      if (output.size == 0) return NGHTTP2_ERR_DEFERRED;
      return static_cast<ssize_t>(output.size);
    }
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (output.trailers != nullptr && !output.trailers->empty()) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      const std::vector<nghttp2_nv> block = Block(*output.trailers);
      CheckMemory(
          nghttp2_submit_trailer(nghttp2, id, block.data(), block.size()));
    }
    return static_cast<ssize_t>(output.size);
  }
};

Http2Session::Http2Session(const HeadLimits& head, const Http2Limits& limits,
                           Handler& handler)
    : head_limits_(head),
      handler_(&handler),
      resets_(limits.resets, limits.resets_per_second),
      idle_frames_(limits.idle_frames, limits.idle_frames_per_second) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_option* option = nullptr;
  if (nghttp2_session_callbacks_new(&callbacks) != 0 ||
      nghttp2_option_new(&option) != 0) {
    abort();
  }
  nghttp2_session_callbacks_set_on_begin_frame_callback(
      callbacks, &Callbacks::OnBeginFrame);
  nghttp2_session_callbacks_set_on_begin_headers_callback(
      callbacks, &Callbacks::OnBeginHeaders);
  nghttp2_session_callbacks_set_on_header_callback(callbacks,
                                                   &Callbacks::OnHeader);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks,
                                                       &Callbacks::OnFrame);
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(
      callbacks, &Callbacks::OnInvalidFrame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks,
                                                            &Callbacks::OnData);
  nghttp2_session_callbacks_set_on_stream_close_callback(
      callbacks, &Callbacks::OnStreamClose);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks,
                                                       &Callbacks::OnFrameSent);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_closed_streams(option, 1);
  nghttp2_option_set_max_continuations(option, limits.continuations);
  const int made =
      nghttp2_session_server_new2(&session_, callbacks, this, option);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  if (made != 0) abort();

  const std::array<nghttp2_settings_entry, 3> settings = {{
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.max_streams},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.window},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
       static_cast<uint32_t>(head.max_headers_total + head.max_request_line)},
  }};
  CheckMemory(nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE,
                                      settings.data(), settings.size()));
  CheckMemory(nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE,
                                                    0, kConnectionWindow));
}

Http2Session::~Http2Session() { nghttp2_session_del(session_); }

absl::Status Http2Session::Receive(absl::string_view bytes,
                                   absl::Duration now) {
  now_ = now;
  if (broken_) return absl::InvalidArgumentError("HTTP/2: already broken");
  receiving_ = true;
  const ssize_t result = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  receiving_ = false;
  if (result == NGHTTP2_ERR_NOMEM) abort();
  if (result < 0) {
    broken_ = true;
    Terminate(result == NGHTTP2_ERR_FLOODED ||
              result == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS);
    if (result != NGHTTP2_ERR_CALLBACK_FAILURE) {
      const std::string text =
          absl::StrCat("HTTP/2: ", nghttp2_strerror(static_cast<int>(result)));
      return too_much_ ? absl::ResourceExhaustedError(text)
                       : absl::InvalidArgumentError(text);
    }
  }
  if (terminated_) {
    broken_ = true;
    return absl::ResourceExhaustedError(
        "HTTP/2: too many streams that fail, or frames that move nothing");
  }
  return absl::OkStatus();
}

int Http2Session::Verdict() const {
  return terminated_ && receiving_ ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

void Http2Session::Send(std::string& out, size_t most) {
  while (out.size() < most) {
    TellOfTermination();
    const uint8_t* data = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &data);
    if (size == NGHTTP2_ERR_NOMEM) abort();
    if (size < 0) broken_ = true;
    if (size <= 0) return;
    out.append(reinterpret_cast<const char*>(data), size);
  }
}

bool Http2Session::wants_to_send() const {
  return to_be_told_ || nghttp2_session_want_write(session_) != 0;
}

bool Http2Session::done() const {
  if (wants_to_send()) return false;
  return broken_ || nghttp2_session_want_read(session_) == 0 ||
         (ended_ && streams_.empty());
}

Http2Session::Stream* Http2Session::Find(int32_t stream) {
  const auto found = streams_.find(stream);
  return found == streams_.end() ? nullptr : found->second.get();
}

void Http2Session::AddField(Stream& stream, absl::string_view name,
                            absl::string_view value) {
  if (stream.told) {
    stream.trailers_size += name.size() + value.size() + 4;
    if (stream.trailers.size() < kMaxTrailers &&
        stream.trailers_size <= head_limits_.max_header_line) {
      stream.trailers.emplace_back(name, value);
    }
    return;
  }
  if (stream.too_large) return;
  if (name == ":method") {
    stream.method.assign(value.data(), value.size());
  } else if (name == ":path") {
    stream.path.assign(value.data(), value.size());
  } else if (name == ":authority") {
    stream.authority.assign(value.data(), value.size());
  } else if (!absl::StartsWith(name, ":")) {
    if (!stream.has_request_line) BeginFields(stream);
    if (name == "cookie") {
      // Source: RFC 9113, 8.2.3.
      absl::StrAppend(&stream.cookies, stream.cookies.empty() ? "" : "; ",
                      value);
    } else if (name != "host" || value != stream.authority) {
      AddLine(stream, name, value);
    }
  }
  stream.too_large =
      stream.head.size() + stream.method.size() + stream.path.size() +
          stream.authority.size() + stream.cookies.size() >
      head_limits_.max_headers_total + head_limits_.max_request_line;
}

void Http2Session::BeginFields(Stream& stream) {
  stream.has_request_line = true;
  // CONNECT has an authority instead.
  absl::StrAppend(&stream.head, stream.method, " ",
                  stream.path.empty() ? stream.authority : stream.path,
                  kVersion);
  if (!stream.authority.empty()) AddLine(stream, "host", stream.authority);
}

void Http2Session::AddLine(Stream& stream, absl::string_view name,
                           absl::string_view value) {
  absl::StrAppend(&stream.head, name, ": ", value, "\r\n");
}

void Http2Session::HeadComplete(int32_t id, Stream& stream, bool has_body) {
  if (!stream.has_request_line) BeginFields(stream);
  if (!stream.cookies.empty()) AddLine(stream, "cookie", stream.cookies);
  stream.told = true;
  stream.body_ended = !has_body;
  ++requests_;

  auto request = std::make_unique<Request>();
  request->head = absl::StrCat(stream.head, "\r\n");
  stream.head = stream.method = stream.path = stream.authority =
      stream.cookies = std::string();

  HeadScanner scanner(head_limits_);
  std::optional<Refusal> refusal;
  if (scanner.Scan(request->head) == HeadScanner::Verdict::kRefused) {
    refusal = scanner.refusal();
    const absl::string_view head = request->head;
    request->request_line = head.substr(
        0, std::min(head.find('\r'), head_limits_.max_request_line));
  } else if (scanner.head_end() != request->head.size()) {
    // nghttp2 lets nothing through that could end a line.
    refusal = Refusal{400, "Bad Request", "head is not what it seems"};
  } else {
    refusal = ParseHead(*request);
    // Same size, so that everything stays in its place.
    const size_t end = request->request_line.size();
    if (!refusal.has_value()) request->head.replace(end - 3, 3, "2.0");
  }
  request->major_version = 2;
  request->chunked = has_body && !request->content_length.has_value();
  if (!has_body) request->expects_continue = false;
  handler_->OnRequest(id, std::move(request), refusal, has_body);
}

void Http2Session::BodyComplete(int32_t id, Stream& stream) {
  if (stream.body_ended) return;
  stream.body_ended = true;
  handler_->OnBodyEnd(id, std::move(stream.trailers));
}

void Http2Session::SpendIdleFrame() {
  if (!terminated_ && !idle_frames_.Spend(now_)) Terminate(/*calm=*/true);
}

void Http2Session::Respond(int32_t stream, int status,
                           const Http2Fields& fields, bool has_body) {
  if (Find(stream) == nullptr) return;
  const std::string text = absl::StrCat(status);
  std::vector<nghttp2_nv> block = Block(fields);
  block.insert(block.begin(), Field(":status", text));
  nghttp2_data_provider body = {};
  body.read_callback = &Callbacks::ReadResponse;
  CheckMemory(nghttp2_submit_response(session_, stream, block.data(),
                                      block.size(),
                                      has_body ? &body : nullptr));
}

void Http2Session::Continue(int32_t stream) {
  if (Find(stream) == nullptr) return;
  const nghttp2_nv status = Field(":status", "100");
  CheckMemory(nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, stream,
                                     nullptr, &status, 1, nullptr));
}

void Http2Session::Resume(int32_t stream) {
  if (Find(stream) == nullptr) return;
  CheckMemory(nghttp2_session_resume_data(session_, stream));
}

void Http2Session::Consumed(int32_t stream, size_t size) {
  if (size == 0 || Find(stream) == nullptr) return;
  CheckMemory(nghttp2_session_consume_stream(session_, stream, size));
}

void Http2Session::Reset(int32_t stream) {
  Stream* const found = Find(stream);
  if (found == nullptr) return;
  found->reset_by_us = true;
  CheckMemory(nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream,
                                        NGHTTP2_INTERNAL_ERROR));
}

void Http2Session::AnnounceEnd() {
  if (ended_ || terminated_) return;
  CheckMemory(nghttp2_submit_shutdown_notice(session_));
}

void Http2Session::End() {
  if (ended_ || terminated_) return;
  ended_ = true;
  CheckMemory(
      nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                            nghttp2_session_get_last_proc_stream_id(session_),
                            NGHTTP2_NO_ERROR, nullptr, 0));
}

void Http2Session::Terminate(bool calm) {
  if (terminated_) return;
  terminated_ = to_be_told_ = true;
  too_much_ = calm;
}

void Http2Session::TellOfTermination() {
  if (!std::exchange(to_be_told_, false)) return;
  CheckMemory(nghttp2_session_terminate_session(
      session_,
      too_much_ ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR));
}

}  // namespace bergen::wsgi
