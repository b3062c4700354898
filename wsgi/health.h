// SPDX-License-Identifier: Apache-2.0
//
// Says whether this process lives, and whether it wants requests.
//
//   Health health;
//   HealthPage ready(health, HealthPage::Kind::kReady);
//   ... router.Add("GET", "/healthz", ready) ...
//   health.Set(Health::State::kReady);
//
// Source: Healthcheck of oslo.middleware, whose reasons are here the states of
// a service.

#ifndef WSGI_HEALTH_H_
#define WSGI_HEALTH_H_

#include <atomic>

#include "absl/status/statusor.h"
#include "wsgi/application.h"
#include "wsgi/environ.h"

namespace bergen::wsgi {

// Thread-safe.
class Health {
 public:
  enum class State {
    kStarting,
    kReady,
    // Requests are still answered, but no more should be sent here.
    kDraining,
  };

  void Set(State state) { state_.store(state); }
  State Get() const { return state_.load(); }

 private:
  std::atomic<State> state_{State::kStarting};
};

// Answers GET and HEAD, whatever the path, with one word: `live`, or
// `starting`, `ready` or `draining`. Thread-safe.
class HealthPage : public Application {
 public:
  enum class Kind {
    kLive,   // 200: it answers.
    kReady,  // 200 if it is ready, else 503.
  };

  // `health` must outlive it.
  HealthPage(const Health& health, Kind kind) : health_(&health), kind_(kind) {}

  absl::StatusOr<Body> operator()(Environ& environ,
                                  StartResponse& start_response) override;

 private:
  const Health* health_;
  Kind kind_;
};

}  // namespace bergen::wsgi

#endif  // WSGI_HEALTH_H_
