// SPDX-License-Identifier: Apache-2.0

#include "wsgi/validator.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "wsgi/characters.h"

namespace bergen::wsgi {
namespace {

std::string Quoted(absl::string_view text) {
  return absl::StrCat("\"", absl::CEscape(text), "\"");
}

bool IsNumber(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c));
  });
}

bool IsToken(absl::string_view text) {
  return !text.empty() && ConsistsOf<IsTokenCharacter>(text);
}

bool IsOneOf(absl::string_view name,
             std::initializer_list<absl::string_view> names) {
  return std::any_of(names.begin(), names.end(),
                     [name](absl::string_view other) {
                       return absl::EqualsIgnoreCase(name, other);
                     });
}

// Says of each break once, and remembers the first.
class Breaks {
 public:
  explicit Breaks(const Validator::Report& report) : report_(&report) {}

  void Add(absl::string_view what) { Error(what).IgnoreError(); }

  // The same, as an error for whoever broke it.
  absl::Status Error(absl::string_view what) {
    if (*report_ != nullptr) (*report_)(what);
    absl::Status error =
        absl::InternalError(absl::StrCat("contract broken: ", what));
    const absl::MutexLock lock(&mutex_);
    if (first_.ok()) first_ = error;
    return error;
  }

  absl::Status first() const {
    const absl::MutexLock lock(&mutex_);
    return first_;
  }

 private:
  const Validator::Report* report_;
  mutable absl::Mutex mutex_;
  absl::Status first_ ABSL_GUARDED_BY(mutex_);
};

// Finds out whether two threads are in it at a time.
class OneAtATime {
 public:
  explicit OneAtATime(std::atomic<bool>& busy)
      : busy_(&busy), alone_(!busy.exchange(true)) {}
  OneAtATime(const OneAtATime&) = delete;
  OneAtATime& operator=(const OneAtATime&) = delete;
  ~OneAtATime() {
    if (alone_) busy_->store(false);
  }

  bool alone() const { return alone_; }

 private:
  std::atomic<bool>* busy_;
  bool alone_;
};

void CheckPaths(const Environ& environ, Breaks& breaks) {
  const absl::string_view script = environ.script_name();
  const absl::string_view path = environ.path_info();
  if (!script.empty() && script[0] != '/') {
    breaks.Add(absl::StrCat("environ: SCRIPT_NAME does not begin with /: ",
                            Quoted(script)));
  }
  if (absl::EndsWith(script, "/")) {
    breaks.Add(
        absl::StrCat("environ: SCRIPT_NAME ends with /: ", Quoted(script)));
  }
  const bool is_asterisk = path == "*" && environ.request_method() == "OPTIONS";
  if (!path.empty() && path[0] != '/' && !is_asterisk) {
    breaks.Add(absl::StrCat("environ: PATH_INFO does not begin with /: ",
                            Quoted(path)));
  }
  if (script.empty() && path.empty()) {
    breaks.Add("environ: SCRIPT_NAME and PATH_INFO are both empty");
  }
}

void CheckEnviron(const Environ& environ, Breaks& breaks) {
  if (!IsToken(environ.request_method())) {
    breaks.Add(absl::StrCat("environ: REQUEST_METHOD is no token: ",
                            Quoted(environ.request_method())));
  }
  CheckPaths(environ, breaks);
  if (environ.server_name().empty()) {
    breaks.Add("environ: SERVER_NAME is empty");
  }
  // A unix socket has none.
  if (!environ.server_port().empty() && !IsNumber(environ.server_port())) {
    breaks.Add(absl::StrCat("environ: SERVER_PORT is no number: ",
                            Quoted(environ.server_port())));
  }
  if (!absl::StartsWith(environ.server_protocol(), "HTTP/")) {
    breaks.Add(absl::StrCat("environ: SERVER_PROTOCOL is not HTTP: ",
                            Quoted(environ.server_protocol())));
  }
  if (environ.url_scheme() != "http" && environ.url_scheme() != "https") {
    breaks.Add(
        absl::StrCat("environ: wsgi.url_scheme is neither http nor https: ",
                     Quoted(environ.url_scheme())));
  }
  const std::optional<absl::string_view> length = environ.Get("CONTENT_LENGTH");
  if (length.has_value() && !IsNumber(*length)) {
    breaks.Add(absl::StrCat("environ: CONTENT_LENGTH is no number: ",
                            Quoted(*length)));
  }
  for (const absl::string_view key :
       {"HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"}) {
    if (environ.Get(key).has_value()) {
      breaks.Add(absl::StrCat("environ: there must be no ", key));
    }
  }
  for (const absl::string_view key :
       {"wsgi.multithread", "wsgi.multiprocess", "wsgi.run_once"}) {
    const absl::string_view flag = environ.Get(key).value_or("");
    if (flag != "true" && flag != "false") {
      breaks.Add(absl::StrCat("environ: ", key,
                              " is neither true nor false: ", Quoted(flag)));
    }
  }
}

class CheckedInput : public Input {
 public:
  CheckedInput(Input& input, Breaks& breaks)
      : input_(&input), breaks_(&breaks) {}

  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    const OneAtATime guard(busy_);
    if (!guard.alone()) {
      return breaks_->Error("input: two threads read at a time");
    }
    if (size == 0) return breaks_->Error("input: a read of 0 bytes");
    if (buffer == nullptr) return breaks_->Error("input: a read into nothing");
    return input_->Read(buffer, size);
  }

  Input& input() const { return *input_; }

 private:
  Input* input_;
  Breaks* breaks_;
  std::atomic<bool> busy_{false};
};

class CheckedStart : public StartResponse {
 public:
  CheckedStart(StartResponse& start_response, Breaks& breaks)
      : start_response_(&start_response), breaks_(&breaks) {}

  absl::Status operator()(absl::string_view status,
                          absl::Span<const Header> headers) override {
    if (sent_) {
      return breaks_->Error(
          "start_response: called when the first piece was given");
    }
    if (absl::Status valid = CheckStatus(status); !valid.ok()) return valid;
    absl::SimpleAtoi(status.substr(0, 3), &code_);
    length_.reset();
    has_type_ = false;
    if (absl::Status valid = CheckHeaders(headers); !valid.ok()) return valid;
    absl::Status started = (*start_response_)(status, headers);
    started_ = started.ok();
    return started;
  }

  bool started() const { return started_; }
  // There is a first piece of the body now.
  void set_sent() { sent_ = true; }
  bool has_type() const { return has_type_; }
  int code() const { return code_; }
  // What Content-Length says.
  std::optional<uint64_t> length() const { return length_; }
  bool allows_body() const { return code_ != 204 && code_ != 304; }

 private:
  absl::Status CheckStatus(absl::string_view status) {
    if (!ConsistsOf<IsValueCharacter>(status)) {
      return breaks_->Error(
          absl::StrCat("start_response: control characters in the status: ",
                       Quoted(status)));
    }
    if (status.size() < 5 || !IsNumber(status.substr(0, 3)) ||
        status[3] != ' ' || status[4] == ' ') {
      return breaks_->Error(
          absl::StrCat("start_response: the status is not like \"200 OK\": ",
                       Quoted(status)));
    }
    if (status[0] < '2' || status[0] > '5') {
      return breaks_->Error(
          absl::StrCat("start_response: the status is not from 200 to 599: ",
                       Quoted(status)));
    }
    return absl::OkStatus();
  }

  absl::Status CheckHeaders(absl::Span<const Header> headers) {
    std::vector<absl::string_view> seen;
    for (const Header& header : headers) {
      if (absl::Status valid = CheckHeader(header); !valid.ok()) return valid;
      if (!IsOneOf(header.name, {"content-type", "content-length", "date",
                                 "etag", "location", "server"})) {
        continue;
      }
      for (const absl::string_view name : seen) {
        if (absl::EqualsIgnoreCase(name, header.name)) {
          return Bad(header, "there must be no second one");
        }
      }
      seen.push_back(header.name);
    }
    return absl::OkStatus();
  }

  absl::Status CheckHeader(const Header& header) {
    if (!IsToken(header.name)) return Bad(header, "the name is no token");
    if (IsOneOf(header.name, {"status"})) {
      return Bad(header, "the status is no header");
    }
    if (absl::EndsWith(header.name, "-") || absl::EndsWith(header.name, "_")) {
      return Bad(header, "the name ends with - or _");
    }
    if (!ConsistsOf<IsValueCharacter>(header.value)) {
      return Bad(header, "control characters in the value");
    }
    const bool closes = IsOneOf(header.name, {"connection"}) &&
                        IsOneOf(header.value, {"close"});
    if (!closes &&
        IsOneOf(header.name, {"connection", "keep-alive", "proxy-authenticate",
                              "proxy-authorization", "proxy-connection", "te",
                              "trailer", "transfer-encoding", "upgrade"})) {
      return Bad(header, "it is the server's business");
    }
    if (IsOneOf(header.name, {"content-length"})) {
      uint64_t length;
      if (!IsNumber(header.value) || !absl::SimpleAtoi(header.value, &length)) {
        return Bad(header, "it is no number");
      }
      if (code_ == 204) return Bad(header, "a 204 has no body");
      length_ = length;
    }
    if (IsOneOf(header.name, {"content-type"})) {
      if (!allows_body()) {
        return Bad(header, absl::StrCat("a ", code_, " has no body"));
      }
      has_type_ = true;
    }
    return absl::OkStatus();
  }

  absl::Status Bad(const Header& header, absl::string_view what) {
    return breaks_->Error(absl::StrCat("start_response: header ",
                                       Quoted(header.name), ": ", what, ": ",
                                       Quoted(header.value)));
  }

  StartResponse* start_response_;
  Breaks* breaks_;
  bool started_ = false;
  bool sent_ = false;
  bool has_type_ = false;
  int code_ = 0;
  std::optional<uint64_t> length_;
};

// One request. It lives as long as the body.
class Call {
 public:
  Call(const Validator::Report& report, Environ& environ,
       StartResponse& start_response)
      : breaks_(report),
        environ_(&environ),
        input_(environ.input(), breaks_),
        start_(start_response, breaks_),
        is_head_(environ.request_method() == "HEAD") {
    CheckEnviron(environ, breaks_);
    environ.set_input(input_);
  }

  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  ~Call() { environ_->set_input(input_.input()); }

  Breaks& breaks() { return breaks_; }
  StartResponse& start() { return start_; }

  void TakePiece(absl::string_view piece) {
    if (piece.empty()) return;
    if (!start_.started()) {
      breaks_.Add("body: a piece, but start_response has not been called");
      return;
    }
    start_.set_sent();
    size_ += piece.size();
    if (!start_.allows_body()) {
      breaks_.Add(absl::StrCat("body: a ", start_.code(), " has none"));
    } else if (!start_.has_type()) {
      breaks_.Add("body: there is no Content-Type");
    }
    if (!is_head_ && start_.length().has_value() && size_ > *start_.length()) {
      breaks_.Add(absl::StrCat("body: longer than Content-Length says: ",
                               *start_.length()));
    }
  }

  void TakeEnd() {
    if (!breaks_.first().ok()) return;
    if (!start_.started()) {
      breaks_.Add("start_response has not been called");
      return;
    }
    start_.set_sent();
    if (!is_head_ && start_.allows_body() && start_.length().has_value() &&
        size_ < *start_.length()) {
      breaks_.Add(absl::StrCat("body: ", size_,
                               " bytes, but Content-Length says ",
                               *start_.length()));
    }
  }

 private:
  Breaks breaks_;
  Environ* environ_;
  CheckedInput input_;
  CheckedStart start_;
  bool is_head_;
  uint64_t size_ = 0;  // Of the body, so far.
};

class CheckedBody : public BodySource {
 public:
  CheckedBody(std::unique_ptr<Call> call, Body body)
      : call_(std::move(call)), body_(std::move(body)) {}

  absl::StatusOr<std::optional<absl::string_view>> Next() override {
    const OneAtATime guard(busy_);
    if (!guard.alone()) {
      return call_->breaks().Error(
          "body: two threads ask for pieces at a time");
    }
    if (ended_) {
      return call_->breaks().Error("body: asked for a piece after the end");
    }
    absl::StatusOr<std::optional<absl::string_view>> piece =
        body_.source()->Next();
    ended_ = !piece.ok() || !piece->has_value();
    if (!piece.ok()) return piece;
    if (piece->has_value()) {
      call_->TakePiece(**piece);
    } else {
      call_->TakeEnd();
    }
    if (absl::Status first = call_->breaks().first(); !first.ok()) {
      ended_ = true;
      return first;
    }
    return piece;
  }
  // `File` is not passed on, or the server would send what nobody checked.
  absl::Span<const Header> Trailers() override {
    return body_.source()->Trailers();
  }

 private:
  std::unique_ptr<Call> call_;
  Body body_;  // Destroyed before what it uses.
  std::atomic<bool> busy_{false};
  bool ended_ = false;
};

}  // namespace

absl::StatusOr<Body> Validator::operator()(Environ& environ,
                                           StartResponse& start_response) {
  auto call = std::make_unique<Call>(report_, environ, start_response);
  absl::StatusOr<Body> body = (*app_)(environ, call->start());
  if (body.ok() && body->source() == nullptr) {
    call->TakePiece(body->complete());
    call->TakeEnd();
  }
  if (absl::Status first = call->breaks().first(); !first.ok()) {
    // The body may use the call.
    body = first;
    return body;
  }
  if (!body.ok() || body->source() == nullptr) return body;
  return Body(std::make_unique<CheckedBody>(std::move(call), *std::move(body)));
}

}  // namespace bergen::wsgi
