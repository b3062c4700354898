// SPDX-License-Identifier: Apache-2.0
//
// Any frames: whole and cut in two they must come to the same, and every stream
// that was told of is told to be closed, or was open at the end.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "wsgi/http1.h"
#include "wsgi/http2.h"
#include "wsgi/request.h"

namespace bergen::wsgi {
namespace {

constexpr HeadLimits kHeadLimits = {.max_request_line = 200,
                                    .max_header_line = 100,
                                    .max_headers_total = 300,
                                    .max_headers = 5};
constexpr Http2Limits kLimits = {.max_streams = 4,
                                 .window = 100,
                                 .resets = 3,
                                 .resets_per_second = 0,
                                 .idle_frames = 5,
                                 .idle_frames_per_second = 0};

// Keeps the meaning, and uses up half of each body.
class Recorder : public Http2Session::Handler {
 public:
  void OnRequest(int32_t stream, std::unique_ptr<Request> request,
                 std::optional<Refusal> refusal, bool has_body) override {
    if (streams.count(stream) != 0) abort();
    std::string& text = streams[stream];
    absl::StrAppend(&text, request->request_line, " ", has_body,
                    refusal.has_value() ? refusal->status : 0);
    if (refusal.has_value()) return;
    for (const Header& header : request->headers) {
      if (header.value.find_first_of(absl::string_view("\r\n\0", 3)) !=
          absl::string_view::npos) {
        abort();
      }
      absl::StrAppend(&text, header.name, "=", header.value, ";");
    }
  }
  void OnBody(int32_t stream, absl::string_view data) override {
    Open(stream);
    absl::StrAppend(&bodies[stream], data);
    session->Consumed(stream, data.size() / 2);
  }
  void OnBodyEnd(int32_t stream, Http2Fields trailers) override {
    // Of a body that turns out to be wrong, some may have come or not.
    absl::StrAppend(&Open(stream), bodies[stream], " end ", trailers.size());
    session->Respond(stream, 200, {{"content-type", "text/plain"}}, true);
  }
  void OnClosed(int32_t stream) override {
    Open(stream).append(" closed");
    ++closed;
  }
  Http2Session::Output ReadResponse(int32_t stream, char* buffer,
                                    size_t size) override {
    size = std::min<size_t>(size, 50);
    memset(buffer, 'x', size);
    if (stream % 4 == 1) return {.size = size, .failed = true};
    return {.size = size, .ended = stream % 4 == 3};
  }

  std::string& Open(int32_t stream) {
    const auto found = streams.find(stream);
    if (found == streams.end()) abort();
    return found->second;
  }

  Http2Session* session = nullptr;
  std::map<int32_t, std::string> streams;
  std::map<int32_t, std::string> bodies;
  size_t closed = 0;
};

std::string Outcome(absl::string_view input, size_t cut) {
  Recorder recorder;
  Http2Session session(kHeadLimits, kLimits, recorder);
  recorder.session = &session;
  absl::Status status = session.Receive(input.substr(0, cut), absl::Seconds(1));
  if (status.ok() && cut < input.size()) {
    status = session.Receive(input.substr(cut), absl::Seconds(1));
  }
  std::string outcome;
  for (const auto& [stream, text] : recorder.streams) {
    absl::StrAppend(&outcome, stream, ": ", text, "\n");
  }
  std::string out;
  session.Send(out, 100000);
  if (!status.ok() && !session.wants_to_send() && !session.done()) abort();
  if (session.streams() + recorder.closed < recorder.streams.size()) abort();
  return absl::StrCat(outcome, absl::StatusCodeToString(status.code()));
}

// Whether the client says that it ends the connection: what is read after that
// depends on what was open when it was read.
bool HasGoaway(absl::string_view frames) {
  while (frames.size() >= 9) {
    if (frames[3] == 7) return true;
    size_t size = 9;
    for (int i = 0; i < 3; ++i) {
      size += static_cast<size_t>(static_cast<uint8_t>(frames[i]))
              << (16 - 8 * i);
    }
    frames.remove_prefix(std::min(size, frames.size()));
  }
  return false;
}

}  // namespace
}  // namespace bergen::wsgi

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string input = absl::StrCat(
      bergen::wsgi::kHttp2Preface,
      absl::string_view(reinterpret_cast<const char*>(data) + 1, size - 1));
  const size_t cut = data[0] % (input.size() + 1);
  const std::string in_two = bergen::wsgi::Outcome(input, cut);
  const std::string whole = bergen::wsgi::Outcome(input, input.size());
  if (in_two != whole &&
      !bergen::wsgi::HasGoaway(absl::string_view(input).substr(
          bergen::wsgi::kHttp2Preface.size()))) {
    abort();
  }
  return 0;
}
