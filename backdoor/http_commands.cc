// SPDX-License-Identifier: Apache-2.0

#include "backdoor/http_commands.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backdoor/age_text.h"
#include "backdoor/command.h"
#include "backdoor/view_command.h"

namespace bergen::backdoor {
namespace {

using Connection = HttpControl::Connection;

bool IsOlder(const Connection& a, const Connection& b) { return a.age > b.age; }

absl::Status ShowConnections(const HttpControl& control, Output& output) {
  absl::StatusOr<std::vector<Connection>> all = control.connections();
  if (!all.ok()) return all.status();
  std::sort(all->begin(), all->end(), IsOlder);
  std::map<std::string, int> by_stage;
  for (const Connection& one : *all) ++by_stage[one.stage];
  std::string counts;
  for (const auto& [stage, count] : by_stage) {
    absl::StrAppend(&counts, ", ", count, " ", stage);
  }
  output.Write(absl::StrCat(all->size(), " connections", counts, "\n"));
  for (const Connection& one : *all) {
    const std::string line =
        absl::StrCat(one.peer, " ", one.stage, " ", AgeText(one.age),
                     one.request.empty() ? "" : " ", one.request, "\n");
    if (!output.Write(line)) break;
    for (const Connection::Stream& stream : one.streams) {
      output.Write(absl::StrCat("  stream ", stream.number, " ", stream.stage,
                                " ", AgeText(stream.age), " ", stream.request,
                                "\n"));
    }
  }
  return absl::OkStatus();
}

// Each stream as if it were a connection.
std::vector<Connection> Requests(const std::vector<Connection>& connections) {
  std::vector<Connection> requests;
  for (const Connection& one : connections) {
    if (!one.request.empty()) requests.push_back(one);
    for (const Connection::Stream& stream : one.streams) {
      requests.push_back({absl::StrCat(one.peer, " stream ", stream.number),
                          stream.stage, stream.age, stream.request});
    }
  }
  std::sort(requests.begin(), requests.end(), IsOlder);
  return requests;
}

absl::Status ShowRequests(const HttpControl& control, Output& output) {
  absl::StatusOr<std::vector<Connection>> all = control.connections();
  if (!all.ok()) return all.status();
  for (const Connection& one : Requests(*all)) {
    const std::string line = absl::StrCat(AgeText(one.age), " ", one.request,
                                          " from ", one.peer, "\n");
    if (!output.Write(line)) break;
  }
  return absl::OkStatus();
}

absl::Status ShowCertificates(const HttpControl& control, Output& output) {
  for (const HttpControl::Certificate& one : control.certificates()) {
    const absl::Duration left = one.expires - control.now();
    output.Write(absl::StrCat(
        one.name, ": ",
        left < absl::ZeroDuration() ? "expired at " : "expires at ",
        absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", one.expires,
                         absl::UTCTimeZone()),
        ", ", absl::ToInt64Hours(left) / 24, " days from now\n"));
  }
  return absl::OkStatus();
}

absl::Status ShowMetrics(const HttpControl& control, Output& output) {
  output.Write(control.metrics());
  return absl::OkStatus();
}

}  // namespace

absl::Status AddHttpCommands(HttpControl http, CommandTable& table) {
  const auto control = std::make_shared<const HttpControl>(std::move(http));
  const auto add = [&](const std::string& name, const std::string& help,
                       absl::Status (*show)(const HttpControl&, Output&)) {
    return table.Add(ViewCommand(name, help, show, control));
  };
  absl::Status added;
  if (control->connections) {
    added.Update(add("connections",
                     "Who is connected, and what each connection does.",
                     ShowConnections));
    added.Update(add("requests", "Requests being answered, and for how long.",
                     ShowRequests));
  }
  if (control->certificates) {
    added.Update(add("certs", "When certificates expire.", ShowCertificates));
  }
  if (control->metrics) {
    added.Update(add("metrics", "Counters, for Prometheus.", ShowMetrics));
  }
  return added;
}

}  // namespace bergen::backdoor
