// SPDX-License-Identifier: Apache-2.0

#include "wsgi/health.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace bergen::wsgi {
namespace {

absl::string_view NameOf(Health::State state) {
  switch (state) {
    case Health::State::kStarting:
      return "starting";
    case Health::State::kReady:
      return "ready";
    case Health::State::kDraining:
      return "draining";
  }
  return "";
}

}  // namespace

absl::StatusOr<Body> HealthPage::operator()(Environ& environ,
                                            StartResponse& start_response) {
  if (environ.request_method() != "GET" && environ.request_method() != "HEAD") {
    absl::Status started = start_response(
        "405 Method Not Allowed",
        {{"Content-Type", "text/plain"}, {"Allow", "GET, HEAD"}});
    if (!started.ok()) return started;
    return Body("405 Method Not Allowed: try GET\n");
  }
  const Health::State state = health_->Get();
  const bool good = kind_ == Kind::kLive || state == Health::State::kReady;
  absl::Status started = start_response(
      good ? "200 OK" : "503 Service Unavailable",
      {{"Content-Type", "text/plain"}, {"Cache-Control", "no-store"}});
  if (!started.ok()) return started;
  return Body(
      absl::StrCat(kind_ == Kind::kLive ? "live" : NameOf(state), "\n"));
}

}  // namespace bergen::wsgi
