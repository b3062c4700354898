// SPDX-License-Identifier: Apache-2.0

#include "backdoor/console.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "backdoor/console_page.h"
#include "backdoor/dispatch.h"
#include "backdoor/saved_file.h"
#include "nlohmann/json.hpp"

namespace bergen::backdoor {
namespace {

using wsgi::Body;
using wsgi::Environ;
using wsgi::StartResponse;

constexpr char kPagePolicy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src "
    "'self'; frame-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'";
// Its script is inside of it, and is kept from everything else.
constexpr char kFlamePolicy[] =
    "default-src 'none'; script-src 'unsafe-inline'; style-src "
    "'unsafe-inline'; frame-ancestors 'self'; sandbox allow-scripts";

// An answer that is kept until the command has ended.
class KeptOutput : public Output {
 public:
  bool Write(absl::string_view text) override {
    if (cut_) return false;
    const size_t room = Console::kMaxAnswer - text_.size();
    text_.append(text.data(), std::min(room, text.size()));
    cut_ = text.size() > room;
    return !cut_;
  }
  bool cancelled() const override { return absl::Now() >= end_; }

  std::string Take() {
    if (cut_) text_ += "\n... the answer is longer\n";
    return std::move(text_);
  }

 private:
  const absl::Time end_ = absl::Now() + Console::kLongestCommand;
  std::string text_;
  bool cut_ = false;
};

absl::StatusOr<Body> Send(StartResponse& start_response,
                          absl::string_view status, absl::string_view type,
                          absl::string_view policy, std::string body) {
  const absl::Status started =
      start_response(status, {{"Content-Type", type},
                              {"Content-Security-Policy", policy},
                              {"X-Content-Type-Options", "nosniff"},
                              {"Referrer-Policy", "no-referrer"},
                              {"Cross-Origin-Resource-Policy", "same-origin"},
                              {"Cache-Control", "no-store"}});
  if (!started.ok()) return started;
  return Body(std::move(body));
}

absl::StatusOr<Body> Refuse(StartResponse& start_response,
                            absl::string_view status, absl::string_view why) {
  return Send(start_response, status, "text/plain; charset=utf-8", kPagePolicy,
              absl::StrCat(why, "\n"));
}

absl::string_view HttpStatus(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return "200 OK";
    case absl::StatusCode::kInvalidArgument:
      return "400 Bad Request";
    case absl::StatusCode::kPermissionDenied:
      return "403 Forbidden";
    case absl::StatusCode::kNotFound:
      return "404 Not Found";
    default:
      return "409 Conflict";
  }
}

absl::StatusOr<Body> SendAnswer(StartResponse& start_response,
                                const absl::Status& status, std::string text) {
  const nlohmann::json json = {{"ok", status.ok()},
                               {"text", std::move(text)},
                               {"error", std::string(status.message())}};
  return Send(start_response, HttpStatus(status), "application/json",
              kPagePolicy,
              json.dump(-1, ' ', /*ensure_ascii=*/false,
                        nlohmann::json::error_handler_t::replace));
}

// The host of `Host: host:port`, in lower case letters or not.
absl::string_view HostOf(absl::string_view header) {
  const size_t colon = header.rfind(':');
  const size_t bracket = header.rfind(']');
  if (colon == header.npos || (bracket != header.npos && colon < bracket)) {
    return header;
  }
  return header.substr(0, colon);
}

// Null: the request may be answered.
const char* WhyRefused(const Environ& environ) {
  if (!IsConsoleAddress(environ.server_name())) {
    return "the console answers on loopback addresses and unix sockets only";
  }
  const absl::string_view header = environ.Header("Host").value_or("");
  const absl::string_view host = HostOf(header);
  if (!absl::EqualsIgnoreCase(host, "localhost") && host != "127.0.0.1" &&
      host != "[::1]") {
    return "the host must be localhost, 127.0.0.1 or [::1]";
  }
  if (environ.request_method() != "POST") return nullptr;
  if (!environ.Header("X-Bergen-Console").has_value()) {
    return "the header X-Bergen-Console is missing";
  }
  const std::optional<absl::string_view> origin = environ.Header("Origin");
  if (origin.has_value() &&
      *origin != absl::StrCat(environ.url_scheme(), "://", header)) {
    return "the request comes from another site";
  }
  const absl::string_view site =
      environ.Header("Sec-Fetch-Site").value_or("same-origin");
  if (site != "same-origin") return "the request comes from another site";
  return nullptr;
}

struct Page {
  const char* path;
  const char* type;
  absl::string_view text;
};

// By path; null if there is none.
const Page* FindPage(absl::string_view path) {
  static constexpr Page kPages[] = {
      {"/", "text/html; charset=utf-8", kIndexHtml},
      {"/console.css", "text/css; charset=utf-8", kConsoleCss},
      {"/console.js", "text/javascript; charset=utf-8", kConsoleJs}};
  for (const Page& page : kPages) {
    if (path == page.path) return &page;
  }
  return nullptr;
}

// The command that `?seconds=5&clock=wall` asks for.
absl::StatusOr<std::string> ProfileLine(absl::string_view query, int worker) {
  const std::map<std::string, std::string> values =
      absl::StrSplit(query, absl::ByAnyChar("&="), absl::SkipEmpty());
  const auto seconds = values.find("seconds");
  const auto clock = values.find("clock");
  double time = 0;
  if (seconds == values.end() || !absl::SimpleAtod(seconds->second, &time) ||
      !(time > 0 && absl::Seconds(time) <= Console::kLongestProfile)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "seconds: a number above 0 and up to ",
        absl::ToInt64Seconds(Console::kLongestProfile), " is needed"));
  }
  if (clock == values.end() ||
      (clock->second != "cpu" && clock->second != "wall")) {
    return absl::InvalidArgumentError("clock: cpu or wall is needed");
  }
  return absl::StrCat("prof(console-", worker, ", seconds=", time,
                      ", clock=", clock->second, ", formats=svg)");
}

}  // namespace

bool IsConsoleAddress(absl::string_view address) {
  return address == "unix" || address == "::1" ||
         absl::StartsWith(address, "127.");
}

Console::Answer Console::Run(absl::string_view line, const Environ& environ) {
  const Caller caller = {.name = absl::StrCat("console ", environ.remote_addr(),
                                              ":", environ.remote_port()),
                         .role = options_.role};
  KeptOutput output;
  Answer answer;
  answer.status = Dispatch(*table_, line, caller, output, *log_);
  answer.text = output.Take();
  return answer;
}

absl::StatusOr<Body> Console::Command(Environ& environ,
                                      StartResponse& start_response) {
  const absl::StatusOr<std::string> line =
      wsgi::ReadAll(environ.input(), CommandTable::kMaxLineLength);
  if (absl::IsResourceExhausted(line.status())) {
    return Refuse(start_response, "413 Content Too Large",
                  absl::StrCat("a command has at most ",
                               CommandTable::kMaxLineLength, " bytes"));
  }
  if (!line.ok()) return line.status();
  Answer answer = Run(*line, environ);
  return SendAnswer(start_response, answer.status, std::move(answer.text));
}

absl::StatusOr<Body> Console::Profile(Environ& environ,
                                      StartResponse& start_response) {
  const absl::StatusOr<std::string> line =
      ProfileLine(environ.query_string(), options_.worker);
  if (!line.ok()) return SendAnswer(start_response, line.status(), "");
  Answer answer = Run(*line, environ);
  if (!answer.status.ok()) {
    return SendAnswer(start_response, answer.status, std::move(answer.text));
  }
  const std::string path = SavedPath(answer.text);
  if (path.empty()) {  // Somebody else records, as the answer says.
    return SendAnswer(start_response,
                      absl::FailedPreconditionError(answer.text), "");
  }
  absl::StatusOr<std::string> graph = ReadSavedFile(path);
  if (!graph.ok()) return SendAnswer(start_response, graph.status(), "");
  {
    const absl::MutexLock lock(&mutex_);
    flame_graph_ = *std::move(graph);
  }
  return SendAnswer(start_response, absl::OkStatus(), std::move(answer.text));
}

absl::StatusOr<Body> Console::operator()(Environ& environ,
                                         StartResponse& start_response) {
  if (const char* const why = WhyRefused(environ); why != nullptr) {
    return Refuse(start_response, "403 Forbidden", why);
  }
  const absl::string_view method = environ.request_method();
  const absl::string_view path = environ.path_info();
  if (method == "POST") {
    if (path == "/run") return Command(environ, start_response);
    if (path == "/profile") return Profile(environ, start_response);
  } else if (method == "GET" || method == "HEAD") {
    if (const Page* const page = FindPage(path); page != nullptr) {
      return Send(start_response, "200 OK", page->type, kPagePolicy,
                  std::string(page->text));
    }
    if (path == "/flame.svg") {
      const absl::MutexLock lock(&mutex_);
      if (!flame_graph_.empty()) {
        return Send(start_response, "200 OK", "image/svg+xml", kFlamePolicy,
                    flame_graph_);
      }
    }
  } else {
    return Refuse(start_response, "405 Method Not Allowed",
                  "GET, HEAD and POST are served");
  }
  return Refuse(start_response, "404 Not Found", "there is no such page");
}

}  // namespace bergen::backdoor
