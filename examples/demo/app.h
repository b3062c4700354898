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
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "config/registry.h"
#include "examples/demo/options.h"
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

// Thread-safe.
class App : public wsgi::Application {
 public:
  // All must outlive it. `metrics` answers /metrics.
  App(const config::Registry& registry, const DemoOptions& options,
      Counters& counters, wsgi::Application& metrics);

  absl::StatusOr<wsgi::Body> operator()(
      wsgi::Environ& environ, wsgi::StartResponse& start_response) override;

 private:
  using Handler = std::function<absl::StatusOr<wsgi::Body>(
      wsgi::Environ&, wsgi::StartResponse&)>;

  void Add(absl::string_view method, absl::string_view path, Handler handler);

  Counters* counters_;
  std::vector<std::unique_ptr<wsgi::Application>> routes_;
  wsgi::Router router_;
};

}  // namespace bergen::demo

#endif  // EXAMPLES_DEMO_APP_H_
