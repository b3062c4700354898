// SPDX-License-Identifier: Apache-2.0
//
// What the demo serves: small routes that show, and let a test see, one thing
// each.

#ifndef EXAMPLES_DEMO_APP_H_
#define EXAMPLES_DEMO_APP_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "config/registry.h"
#include "examples/demo/options.h"
#include "service/live_objects.h"
#include "wsgi/application.h"
#include "wsgi/environ.h"
#include "wsgi/router.h"

namespace bergen::demo {

// What one worker has done, and whether it wants more to do.
struct Counters {
  int worker = 0;
  std::atomic<uint64_t> requests = 0;
  std::atomic<uint64_t> heartbeats = 0;
  // Cleared when a stop is announced.
  std::atomic<bool> ready = true;
};

// A request while the application is asked. Not thread-safe.
class Request {
 public:
  // `type` outlives it.
  Request(const wsgi::Environ& environ, LiveType<Request>& type);

  // For people, on any thread.
  std::string ToString() const;

 private:
  const absl::string_view method_;
  const absl::string_view path_;
  LiveObject<Request> live_;
};

// A body that is made piece by piece. Not thread-safe.
class Stream : public wsgi::BodySource {
 public:
  // `what` is a constant; `type` outlives it.
  Stream(const char* what, LiveType<Stream>& type)
      : what_(what), live_(&type, this) {}

  // For people, on any thread.
  const char* what() const { return what_; }

 private:
  const char* const what_;
  LiveObject<Stream> live_;
};

// What can be found with `fo`, of one process.
struct LiveThings {
  LiveObjects objects;
  LiveType<Request> requests{objects, "Request", &Request::ToString};
  LiveType<Stream> streams{objects, "Stream", &Stream::what};
};

// Thread-safe.
class App : public wsgi::Application {
 public:
  // All must outlive it. `metrics` answers /metrics.
  App(const config::Registry& registry, const DemoOptions& options,
      Counters& counters, LiveThings& live, wsgi::Application& metrics);

  absl::StatusOr<wsgi::Body> operator()(
      wsgi::Environ& environ, wsgi::StartResponse& start_response) override;

 private:
  using Handler = std::function<absl::StatusOr<wsgi::Body>(
      wsgi::Environ&, wsgi::StartResponse&)>;

  void Add(absl::string_view method, absl::string_view path, Handler handler);

  Counters* counters_;
  LiveThings* live_;
  std::vector<std::unique_ptr<wsgi::Application>> routes_;
  wsgi::Router router_;
};

}  // namespace bergen::demo

#endif  // EXAMPLES_DEMO_APP_H_
