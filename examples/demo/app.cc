// SPDX-License-Identifier: Apache-2.0

#include "examples/demo/app.h"

#include <unistd.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"
#include "spdlog/spdlog.h"

namespace bergen::demo {
namespace {

using wsgi::Body;
using wsgi::Environ;
using wsgi::StartResponse;

constexpr int kMaxFibonacci = 45;
constexpr int kMaxChunks = 1'000'000;
constexpr int kMaxChunkSize = 1 << 20;
constexpr double kMaxSleepSeconds = 3600;

absl::StatusOr<Body> Answer(StartResponse& start_response,
                            absl::string_view status,
                            absl::string_view content_type, std::string text) {
  const absl::Status started =
      start_response(status, {{"Content-Type", content_type}});
  if (!started.ok()) return started;
  return Body(std::move(text));
}

absl::StatusOr<Body> Text(StartResponse& start_response, std::string text) {
  return Answer(start_response, "200 OK", "text/plain; charset=utf-8",
                std::move(text));
}

absl::StatusOr<Body> BadRequest(StartResponse& start_response,
                                absl::string_view why) {
  return Answer(start_response, "400 Bad Request", "text/plain",
                absl::StrCat(why, "\n"));
}

absl::StatusOr<Body> Json(StartResponse& start_response,
                          const nlohmann::json& value) {
  // What is not UTF-8, in a header for example, must not be an exception.
  return Answer(start_response, "200 OK", "application/json",
                value.dump(2, ' ', /*ensure_ascii=*/false,
                           nlohmann::json::error_handler_t::replace) +
                    "\n");
}

std::optional<absl::string_view> QueryParameter(const Environ& environ,
                                                absl::string_view name) {
  for (const absl::string_view pair :
       absl::StrSplit(environ.query_string(), '&')) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(pair, absl::MaxSplits('=', 1));
    if (parts.first == name) return parts.second;
  }
  return std::nullopt;
}

// A whole number of the query, in [0, max].
absl::StatusOr<int> IntParameter(const Environ& environ, absl::string_view name,
                                 int max) {
  const std::optional<absl::string_view> text = QueryParameter(environ, name);
  int value = 0;
  if (!text || !absl::SimpleAtoi(*text, &value) || value < 0 || value > max) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": a whole number from 0 to ", max, " is needed"));
  }
  return value;
}

// Not inlined, so that a profile shows the recursion as it is written.
[[gnu::noinline]] uint64_t Fibonacci(int n) {
  if (n < 2) return static_cast<uint64_t>(n);
  return Fibonacci(n - 1) + Fibonacci(n - 2);
}

// The request's body, as it arrives.
class EchoBody : public Stream {
 public:
  EchoBody(wsgi::Input& input, LiveType<Stream>& type)
      : Stream("echo", type), input_(&input) {}

  absl::StatusOr<std::optional<absl::string_view>> Next() override {
    const absl::StatusOr<size_t> read =
        input_->Read(buffer_.data(), buffer_.size());
    if (!read.ok()) return read.status();
    if (*read == 0) return std::nullopt;
    return absl::string_view(buffer_.data(), *read);
  }

 private:
  wsgi::Input* input_;
  std::array<char, 64 * 1024> buffer_;
};

class RepeatedBody : public Stream {
 public:
  RepeatedBody(int chunks, int size, LiveType<Stream>& type)
      : Stream("repeated", type),
        left_(chunks),
        chunk_(static_cast<size_t>(size), 'x') {}

  absl::StatusOr<std::optional<absl::string_view>> Next() override {
    if (left_ == 0) return std::nullopt;
    --left_;
    return absl::string_view(chunk_);
  }

 private:
  int left_;
  std::string chunk_;
};

absl::StatusOr<Body> Sleep(Environ& environ, StartResponse& start_response) {
  const absl::string_view text =
      QueryParameter(environ, "seconds").value_or("");
  double seconds = 0;
  if (!absl::SimpleAtod(text, &seconds) ||
      !(seconds >= 0 && seconds <= kMaxSleepSeconds)) {
    return BadRequest(start_response,
                      absl::StrCat("seconds: a number from 0 to ",
                                   kMaxSleepSeconds, " is needed"));
  }
  environ.errors().info("sleeping {} s", seconds);
  absl::SleepFor(absl::Seconds(seconds));
  return Text(start_response, absl::StrCat("slept ", seconds, " s\n"));
}

absl::StatusOr<Body> Echo(LiveType<Stream>& type, Environ& environ,
                          StartResponse& start_response) {
  std::vector<wsgi::Header> headers = {
      {"Content-Type", environ.content_type()}};
  std::string length;
  if (environ.content_length()) {
    length = absl::StrCat(*environ.content_length());
    headers.push_back({"Content-Length", length});
  }
  const absl::Status started = start_response("200 OK", headers);
  if (!started.ok()) return started;
  return Body(std::make_unique<EchoBody>(environ.input(), type));
}

absl::StatusOr<Body> Repeat(LiveType<Stream>& type, Environ& environ,
                            StartResponse& start_response) {
  const absl::StatusOr<int> chunks =
      IntParameter(environ, "chunks", kMaxChunks);
  if (!chunks.ok()) {
    return BadRequest(start_response, chunks.status().message());
  }
  const absl::StatusOr<int> size = IntParameter(environ, "size", kMaxChunkSize);
  if (!size.ok()) return BadRequest(start_response, size.status().message());
  const absl::Status started =
      start_response("200 OK", {{"Content-Type", "application/octet-stream"}});
  if (!started.ok()) return started;
  return Body(std::make_unique<RepeatedBody>(*chunks, *size, type));
}

absl::StatusOr<Body> ShowEnviron(Environ& environ,
                                 StartResponse& start_response) {
  nlohmann::json json;
  environ.ForEach([&json](absl::string_view key, absl::string_view value) {
    json[std::string(key)] = std::string(value);
  });
  return Json(start_response, json);
}

absl::StatusOr<Body> Fib(Environ& environ, StartResponse& start_response) {
  const absl::StatusOr<int> n = IntParameter(environ, "n", kMaxFibonacci);
  if (!n.ok()) return BadRequest(start_response, n.status().message());
  return Text(start_response, absl::StrCat(Fibonacci(*n), "\n"));
}

nlohmann::json ConfigJson(const config::Registry& registry) {
  nlohmann::json json = nlohmann::json::object();
  for (const config::DumpEntry& entry : registry.Dump()) {
    json[entry.group][entry.name] = {{"value", entry.value},
                                     {"origin", entry.origin.ToString()},
                                     {"mutable", entry.is_mutable}};
  }
  return json;
}

}  // namespace

Request::Request(const wsgi::Environ& environ, LiveType<Request>& type)
    : method_(environ.request_method()),
      path_(environ.path_info()),
      live_(&type, this) {}

std::string Request::ToString() const {
  return absl::StrCat(method_, " ", path_);
}

App::App(const config::Registry& registry, const DemoOptions& options,
         Counters& counters, LiveThings& live, wsgi::Application& metrics)
    : counters_(&counters), live_(&live) {
  Add("GET", "/", [options](Environ&, StartResponse& start_response) {
    return Text(start_response, absl::StrCat(options.greeting.Get(), "\n"));
  });
  Add("GET", "/pid", [](Environ&, StartResponse& start_response) {
    return Text(start_response, absl::StrCat(getpid(), "\n"));
  });
  Add("GET", "/sleep", &Sleep);
  Add("POST", "/echo", [&live](Environ& environ, StartResponse& start) {
    return Echo(live.streams, environ, start);
  });
  Add("GET", "/stream", [&live](Environ& environ, StartResponse& start) {
    return Repeat(live.streams, environ, start);
  });
  Add("GET", "/environ", &ShowEnviron);
  Add("GET", "/fib", &Fib);
  Add("GET", "/config", [&registry](Environ&, StartResponse& start_response) {
    return Json(start_response, ConfigJson(registry));
  });
  Add("GET", "/counters", [&counters](Environ&, StartResponse& start_response) {
    return Json(start_response, {{"worker", counters.worker},
                                 {"pid", getpid()},
                                 {"requests", counters.requests.load()},
                                 {"heartbeats", counters.heartbeats.load()}});
  });
  Add("GET", "/error", [](Environ&, StartResponse&) -> absl::StatusOr<Body> {
    throw std::runtime_error("this route always fails");
  });
  Add("GET", "/healthz", [&counters](Environ&, StartResponse& start_response) {
    return counters.ready ? Text(start_response, "ok\n")
                          : Answer(start_response, "503 Service Unavailable",
                                   "text/plain", "about to stop\n");
  });
  Add("GET", "/metrics",
      [&metrics](Environ& environ, StartResponse& start_response) {
        return metrics(environ, start_response);
      });
}

void App::Add(absl::string_view method, absl::string_view path,
              Handler handler) {
  routes_.push_back(
      std::make_unique<wsgi::FunctionApplication<Handler>>(std::move(handler)));
  const absl::Status added = router_.Add(method, path, *routes_.back());
  if (!added.ok()) {
    std::fprintf(stderr, "demo: %s\n", added.ToString().c_str());
    std::abort();
  }
}

absl::StatusOr<Body> App::operator()(Environ& environ,
                                     StartResponse& start_response) {
  counters_->requests.fetch_add(1, std::memory_order_relaxed);
  const Request request(environ, live_->requests);
  return router_(environ, start_response);
}

}  // namespace bergen::demo
