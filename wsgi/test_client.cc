// SPDX-License-Identifier: Apache-2.0

#include "wsgi/test_client.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "spdlog/sinks/null_sink.h"
#include "spdlog/spdlog.h"
#include "wsgi/http1.h"
#include "wsgi/request.h"
#include "wsgi/response.h"

namespace bergen::wsgi {
namespace {

class StringInput : public Input {
 public:
  explicit StringInput(absl::string_view text) : rest_(text) {}

  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    size = std::min(size, rest_.size());
    memcpy(buffer, rest_.data(), size);
    rest_.remove_prefix(size);
    return size;
  }

 private:
  absl::string_view rest_;
};

// Has the server's checks, and keeps the headers apart.
class RecordingStart : public StartResponse {
 public:
  explicit RecordingStart(TestResponse& response) : response_(&response) {}

  absl::Status operator()(absl::string_view status,
                          absl::Span<const Header> headers) override {
    absl::Status valid = head_(status, headers);
    if (!valid.ok()) return valid;
    response_->status = std::string(status);
    response_->code = head_.status();
    response_->headers.clear();
    for (const Header& header : headers) {
      response_->headers.emplace_back(header.name, header.value);
    }
    return absl::OkStatus();
  }

 private:
  ResponseHead head_;
  TestResponse* response_;
};

absl::Status Pull(const Body& body, const TestResponse& response,
                  std::vector<std::string>& pieces) {
  if (body.source() == nullptr) {
    if (!body.complete().empty()) pieces.emplace_back(body.complete());
    return absl::OkStatus();
  }
  for (;;) {
    absl::StatusOr<std::optional<absl::string_view>> piece =
        body.source()->Next();
    if (!piece.ok()) return piece.status();
    if (!piece->has_value()) return absl::OkStatus();
    if ((*piece)->empty()) continue;
    if (response.code == 0) {
      return absl::FailedPreconditionError(
          "start_response was not called before the first piece");
    }
    pieces.emplace_back(**piece);
  }
}

absl::Status Run(Application& app, Environ& environ, RecordingStart& start,
                 TestResponse& response) {
  try {
    const absl::StatusOr<Body> body = app(environ, start);
    if (!body.ok()) return body.status();
    return Pull(*body, response, response.pieces);
  } catch (const std::exception& exception) {
    return absl::InternalError(exception.what());
  }
}

}  // namespace

std::optional<std::string> TestResponse::Header(absl::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (absl::EqualsIgnoreCase(key, name)) return value;
  }
  return std::nullopt;
}

std::string TestResponse::body() const { return absl::StrJoin(pieces, ""); }

absl::StatusOr<TestResponse> TestClient::Call(const TestRequest& request) {
  Request parsed;
  absl::StrAppend(&parsed.head, request.method, " ", request.target,
                  " HTTP/1.1\r\n");
  const bool has_host = std::any_of(
      request.headers.begin(), request.headers.end(), [](const auto& header) {
        return absl::EqualsIgnoreCase(header.first, "Host");
      });
  if (!has_host) parsed.head += "Host: localhost\r\n";
  for (const auto& [name, value] : request.headers) {
    absl::StrAppend(&parsed.head, name, ": ", value, "\r\n");
  }
  if (!request.body.empty()) {
    absl::StrAppend(&parsed.head, "Content-Length: ", request.body.size(),
                    "\r\n");
  }
  parsed.head += "\r\n";
  if (const std::optional<Refusal> refusal = ParseHead(parsed)) {
    return absl::InvalidArgumentError(
        absl::StrCat("request refused: ", refusal->status, " ", refusal->reason,
                     ": ", refusal->detail));
  }

  spdlog::logger log("test_client",
                     std::make_shared<spdlog::sinks::null_sink_mt>());
  StringInput input(request.body);
  Environ environ(parsed, connection_, input, log);
  TestResponse response;
  RecordingStart start(response);
  if (absl::Status run = Run(*app_, environ, start, response); !run.ok()) {
    return run;
  }
  if (response.code == 0) {
    return absl::FailedPreconditionError("start_response was not called");
  }
  return response;
}

}  // namespace bergen::wsgi
