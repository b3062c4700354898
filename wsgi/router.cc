// SPDX-License-Identifier: Apache-2.0

#include "wsgi/router.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace bergen::wsgi {
namespace {

constexpr absl::string_view kVariablePrefix = "wsgiorg.routing_args.";

bool IsName(absl::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_';
  });
}

// The method to match: the request's, or `_method` of the query string.
std::string MethodOf(const Environ& environ) {
  for (absl::string_view pair :
       absl::StrSplit(environ.query_string(), '&', absl::SkipEmpty())) {
    if (absl::ConsumePrefix(&pair, "_method=")) {
      return absl::AsciiStrToUpper(pair);
    }
  }
  return std::string(environ.request_method());
}

bool Serves(absl::string_view route, absl::string_view method) {
  return route.empty() || route == method ||
         (route == "GET" && method == "HEAD");
}

}  // namespace

absl::StatusOr<std::vector<Router::Part>> Router::Parse(
    absl::string_view pattern) {
  const auto error = [whole = pattern](absl::string_view what) {
    return absl::InvalidArgumentError(
        absl::StrCat("route \"", whole, "\": ", what));
  };
  if (!absl::StartsWith(pattern, "/")) return error("must begin with /");
  std::vector<Part> parts;
  while (!pattern.empty()) {
    const size_t open = pattern.find('{');
    if (open != 0) {
      parts.push_back(
          {Part::Kind::kText, std::string(pattern.substr(0, open))});
      pattern.remove_prefix(parts.back().text.size());
      continue;
    }
    const size_t close = pattern.find('}');
    if (close == pattern.npos) return error("{ without }");
    absl::string_view name = pattern.substr(1, close - 1);
    pattern.remove_prefix(close + 1);
    const bool rest = absl::ConsumeSuffix(&name, ":.*");
    if (!IsName(name)) return error("a variable is not {name} or {name:.*}");
    if (rest && !pattern.empty()) return error("{name:.*} must be at the end");
    if (!rest && !pattern.empty() && pattern[0] != '/') {
      return error("{name} must stand for a whole segment");
    }
    if (!absl::EndsWith(parts.back().text, "/")) {
      return error("a variable must follow a /");
    }
    parts.push_back(
        {rest ? Part::Kind::kRest : Part::Kind::kSegment, std::string(name)});
  }
  return parts;
}

absl::Status Router::Add(absl::string_view method, absl::string_view pattern,
                         Application& app) {
  absl::StatusOr<std::vector<Part>> parts = Parse(pattern);
  if (!parts.ok()) return parts.status();
  routes_.push_back({std::string(method), *std::move(parts), &app});
  return absl::OkStatus();
}

bool Router::Matches(const Route& route, absl::string_view path,
                     Variables& variables) {
  variables.clear();
  for (const Part& part : route.parts) {
    switch (part.kind) {
      case Part::Kind::kText:
        if (!absl::ConsumePrefix(&path, part.text)) return false;
        break;
      case Part::Kind::kSegment: {
        const absl::string_view segment = path.substr(0, path.find('/'));
        if (segment.empty()) return false;
        variables.emplace_back(part.text, segment);
        path.remove_prefix(segment.size());
        break;
      }
      case Part::Kind::kRest:
        variables.emplace_back(part.text, path);
        path = "";
        break;
    }
  }
  return path.empty();
}

absl::StatusOr<Body> Router::operator()(Environ& environ,
                                        StartResponse& start_response) {
  const std::string method = MethodOf(environ);
  const std::string path(environ.path_info());
  Variables variables;
  std::vector<std::string> allowed;
  for (const Route& route : routes_) {
    if (!Matches(route, path, variables)) continue;
    if (!Serves(route.method, method)) {
      allowed.push_back(route.method);
      continue;
    }
    for (const auto& [name, value] : variables) {
      environ.Set(absl::StrCat(kVariablePrefix, name), value);
      if (name == "path_info") {
        // The slash before it begins the new PATH_INFO.
        environ.ShiftPath(value.data() - path.data() - 1);
      }
    }
    return (*route.app)(environ, start_response);
  }
  if (allowed.empty()) {
    absl::Status started =
        start_response("404 Not Found", {{"Content-Type", "text/plain"}});
    if (!started.ok()) return started;
    return Body("404 Not Found: no such resource\n");
  }
  const std::string allow = absl::StrJoin(allowed, ", ");
  absl::Status started =
      start_response("405 Method Not Allowed",
                     {{"Content-Type", "text/plain"}, {"Allow", allow}});
  if (!started.ok()) return started;
  return Body(absl::StrCat("405 Method Not Allowed: try ", allow, "\n"));
}

std::optional<absl::string_view> RouteVariable(const Environ& environ,
                                               absl::string_view name) {
  return environ.Get(absl::StrCat(kVariablePrefix, name));
}

}  // namespace bergen::wsgi
