// SPDX-License-Identifier: Apache-2.0

#include "wsgi/urlmap.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace bergen::wsgi {
namespace {

constexpr absl::string_view kNotFoundApp = "not_found_app";

struct Address {
  std::string host;
  std::string path;
};

std::string WithSingleSlashes(absl::string_view path) {
  std::string out;
  for (const char c : path) {
    if (c != '/' || !absl::EndsWith(out, "/")) out += c;
  }
  return out;
}

// `domain HOST port PORT PATH` in any order, as a URL.
absl::StatusOr<std::string> UrlOf(absl::string_view expression) {
  std::optional<absl::string_view> domain, port, path;
  const auto error = [expression](absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat(
        "urlmap: ", what, ": \"", absl::Utf8SafeCEscape(expression), "\""));
  };
  const std::vector<absl::string_view> words = absl::StrSplit(
      expression, absl::ByAnyChar(" \t\r\n\f\v"), absl::SkipEmpty());
  for (size_t i = 0; i < words.size(); ++i) {
    const bool is_domain = words[i] == "domain";
    if (!is_domain && words[i] != "port") {
      if (path.has_value()) return error("more than one path");
      path = words[i];
      continue;
    }
    std::optional<absl::string_view>& part = is_domain ? domain : port;
    if (part.has_value()) return error(absl::StrCat(words[i], " twice"));
    if (i + 1 == words.size()) {
      return error(absl::StrCat("nothing follows ", words[i]));
    }
    part = words[++i];
  }
  if (port.has_value() && !domain.has_value()) {
    return error("a port without a domain");
  }
  if (!domain.has_value()) return std::string(path.value_or(""));
  return absl::StrCat("http://", *domain, port.has_value() ? ":" : "",
                      port.value_or(""), "/", path.value_or(""));
}

absl::StatusOr<Address> Parse(absl::string_view expression) {
  const absl::StatusOr<std::string> text = UrlOf(expression);
  if (!text.ok()) return text.status();
  absl::string_view url = *text;
  Address address;
  if (absl::ConsumePrefix(&url, "http://") ||
      absl::ConsumePrefix(&url, "https://")) {
    const size_t slash = std::min(url.find('/'), url.size());
    address.host = absl::AsciiStrToLower(url.substr(0, slash));
    url.remove_prefix(slash);
    if (address.host.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "urlmap: no host: \"", absl::Utf8SafeCEscape(expression), "\""));
    }
  } else if (!url.empty() && url[0] != '/') {
    return absl::InvalidArgumentError(
        absl::StrCat("urlmap: begins neither with / nor with http://: \"",
                     absl::Utf8SafeCEscape(expression), "\""));
  }
  address.path = WithSingleSlashes(url);
  if (absl::EndsWith(address.path, "/")) address.path.pop_back();
  return address;
}

// The host of a request, in lower case, and the port that it is at.
std::pair<std::string, std::string> HostOf(const Environ& environ) {
  const std::string host = absl::AsciiStrToLower(
      environ.Get("HTTP_HOST").value_or(environ.server_name()));
  const size_t colon = host.rfind(':');
  // Not one of those inside an IPv6 address.
  if (colon != host.npos && host.find(']', colon) == host.npos) {
    return {host.substr(0, colon), host.substr(colon + 1)};
  }
  return {host, environ.url_scheme() == "https" ? "443" : "80"};
}

}  // namespace

absl::Status UrlMap::Add(absl::string_view url,
                         std::unique_ptr<Application> app) {
  absl::StatusOr<Address> address = Parse(url);
  if (!address.ok()) return address.status();
  const auto same = std::find_if(
      entries_.begin(), entries_.end(), [&address](const Entry& entry) {
        return entry.host == address->host && entry.path == address->path;
      });
  if (same != entries_.end()) {
    same->app = std::move(app);
    return absl::OkStatus();
  }
  entries_.push_back(
      {std::move(address->host), std::move(address->path), std::move(app)});
  std::stable_sort(entries_.begin(), entries_.end(),
                   [](const Entry& a, const Entry& b) {
                     if (a.host.empty() != b.host.empty()) {
                       return b.host.empty();
                     }
                     return a.path.size() > b.path.size();
                   });
  return absl::OkStatus();
}

void UrlMap::SetNotFound(std::unique_ptr<Application> app) {
  not_found_ = std::move(app);
}

absl::StatusOr<Body> UrlMap::operator()(Environ& environ,
                                        StartResponse& start_response) {
  const auto [host, port] = HostOf(environ);
  const std::string host_and_port = absl::StrCat(host, ":", port);
  const std::string path = WithSingleSlashes(environ.path_info());
  for (const Entry& entry : entries_) {
    if (!entry.host.empty() && entry.host != host &&
        entry.host != host_and_port) {
      continue;
    }
    absl::string_view rest = path;
    if (!absl::ConsumePrefix(&rest, entry.path) ||
        (!rest.empty() && rest[0] != '/')) {
      continue;
    }
    if (path != environ.path_info()) environ.Set("PATH_INFO", path);
    environ.ShiftPath(entry.path.size());
    return (*entry.app)(environ, start_response);
  }
  if (not_found_ != nullptr) return (*not_found_)(environ, start_response);
  absl::Status started =
      start_response("404 Not Found", {{"Content-Type", "text/plain"}});
  if (!started.ok()) return started;
  return Body("404 Not Found: no such resource\n");
}

absl::StatusOr<std::unique_ptr<Application>> UrlMapFactory(
    PasteLoader& loader, const PasteSettings& globals,
    const PasteSettings& locals) {
  auto map = std::make_unique<UrlMap>();
  std::optional<absl::string_view> not_found = locals.Get(kNotFoundApp);
  if (!not_found.has_value()) not_found = globals.Get(kNotFoundApp);
  if (not_found.has_value() && !not_found->empty()) {
    absl::StatusOr<std::unique_ptr<Application>> app =
        loader.GetApp(*not_found, globals);
    if (!app.ok()) return app;
    map->SetNotFound(*std::move(app));
  }
  for (const auto& [url, name] : locals) {
    if (url == kNotFoundApp) continue;
    absl::StatusOr<std::unique_ptr<Application>> app =
        loader.GetApp(name, globals);
    if (!app.ok()) return app;
    if (absl::Status added = map->Add(url, *std::move(app)); !added.ok()) {
      return added;
    }
  }
  return map;
}

}  // namespace bergen::wsgi
