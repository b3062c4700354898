// SPDX-License-Identifier: Apache-2.0
//
// Chooses an application by the beginning of the path, and by host.
//
//   UrlMap map;
//   absl::Status added = map.Add("/v2", std::move(api));
//   if (!added.ok()) return added;
//   added = map.Add("http://old.example.org/v1", std::move(old_api));
//
// Source: paste.urlmap. Differences: hosts are compared without regard to case,
// an IPv6 address may be a host, and a 404 does not list the map.

#ifndef WSGI_URLMAP_H_
#define WSGI_URLMAP_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "wsgi/application.h"
#include "wsgi/environ.h"
#include "wsgi/paste_factories.h"

namespace bergen::wsgi {

// Immutable once it serves, and then thread-safe.
class UrlMap : public Application {
 public:
  // `url` is a path, `/` for all, or has a host before it, with or without a
  // port: `http://HOST:PORT/PATH`. It may also be written `domain HOST port
  // PORT PATH`. An application that was added for the same is replaced.
  // InvalidArgument if it is none of these.
  absl::Status Add(absl::string_view url, std::unique_ptr<Application> app);
  // What is called if nothing matches, instead of answering 404.
  void SetNotFound(std::unique_ptr<Application> app);

  // Those with the request's host come first, then the longer paths. `/a`
  // matches `/a` and what begins with `/a/`, and moves from PATH_INFO to
  // SCRIPT_NAME. Repeated slashes of the request's path are one.
  absl::StatusOr<Body> operator()(Environ& environ,
                                  StartResponse& start_response) override;

 private:
  struct Entry {
    std::string host;  // Lower case; empty: any.
    std::string path;  // Without a slash at the end.
    std::unique_ptr<Application> app;
  };

  std::vector<Entry> entries_;  // In the order in which they are tried.
  std::unique_ptr<Application> not_found_;
};

// `egg:Paste#urlmap`: each setting of the section is a URL of the map and the
// name of an application. The setting, or else the global, `not_found_app`
// names that of `SetNotFound`.
absl::StatusOr<std::unique_ptr<Application>> UrlMapFactory(
    PasteLoader& loader, const PasteSettings& globals,
    const PasteSettings& locals);

}  // namespace bergen::wsgi

#endif  // WSGI_URLMAP_H_
