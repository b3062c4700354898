// SPDX-License-Identifier: Apache-2.0
//
// Chooses an application by method and path.
//
//   Router router;
//   absl::Status added = router.Add("GET", "/servers/{id}", show_server);
//   if (!added.ok()) return added;
//   ... in show_server: RouteVariable(environ, "id") ...
//
// Source: `wsgi.Router` in oslo.service with Routes. Not taken over are
// resources, formats and the `_method` of a posted form.

#ifndef WSGI_ROUTER_H_
#define WSGI_ROUTER_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "wsgi/application.h"
#include "wsgi/environ.h"

namespace bergen::wsgi {

// Immutable once it serves, and then thread-safe.
class Router : public Application {
 public:
  // `method` is one method, or empty for all; a route for GET serves HEAD too.
  // `pattern` is a path in which `{name}` stands for one segment that is not
  // empty, and, at the end, `{name:.*}` for all that is left. A variable
  // named `path_info` moves what was matched before it to SCRIPT_NAME. The
  // first route added that matches is taken. `app` must outlive the router.
  // InvalidArgument says what is wrong with the pattern.
  absl::Status Add(absl::string_view method, absl::string_view pattern,
                   Application& app);

  // 404 if no pattern matches; 405, with Allow, if one does for another method.
  // `_method=NAME` in the query string stands in for the method, here only.
  absl::StatusOr<Body> operator()(Environ& environ,
                                  StartResponse& start_response) override;

 private:
  struct Part {
    enum class Kind { kText, kSegment, kRest };
    Kind kind = Kind::kText;
    std::string text;  // Or the variable's name.
  };
  struct Route {
    std::string method;
    std::vector<Part> parts;
    Application* app;
  };
  // Names point into the route, values into the path.
  using Variables =
      std::vector<std::pair<absl::string_view, absl::string_view>>;

  static absl::StatusOr<std::vector<Part>> Parse(absl::string_view pattern);
  static bool Matches(const Route& route, absl::string_view path,
                      Variables& variables);

  std::vector<Route> routes_;
};

// The value of a variable of the pattern that matched.
std::optional<absl::string_view> RouteVariable(const Environ& environ,
                                               absl::string_view name);

}  // namespace bergen::wsgi

#endif  // WSGI_ROUTER_H_
