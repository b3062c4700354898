// SPDX-License-Identifier: Apache-2.0
//
// Loads applications and says what they are made of:
//
//   paste_describe TABLE URI...
//
// TABLE is a file with lines `KIND NAME`, where KIND is app, composite, filter
// or filter_app and NAME that of a factory. Writes one line of JSON for each
// URI: what was built, or {"error": TEXT, "lookup": BOOL}.

#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"
#include "wsgi/application.h"
#include "wsgi/environ.h"
#include "wsgi/paste_deploy.h"
#include "wsgi/paste_factories.h"

namespace bergen::wsgi {
namespace {

using Json = nlohmann::ordered_json;
using AppOr = absl::StatusOr<std::unique_ptr<Application>>;

class Described : public Application {
 public:
  explicit Described(Json json) : json_(std::move(json)) {}

  absl::StatusOr<Body> operator()(Environ&, StartResponse&) override {
    return absl::UnimplementedError("only described");
  }

  const Json& json() const { return json_; }

 private:
  Json json_;
};

const Json& JsonOf(const Application& app) {
  return dynamic_cast<const Described&>(app).json();
}

Json JsonOf(const PasteSettings& settings) {
  Json json = Json::array();
  for (const auto& [name, value] : settings) json.push_back({name, value});
  return json;
}

Json Factory(const std::string& kind, const std::string& name,
             const PasteSettings& globals, const PasteSettings& locals) {
  return {{"kind", kind},
          {"name", name},
          {"globals", JsonOf(globals)},
          {"locals", JsonOf(locals)}};
}

AppOr Wrap(Json json, const Application& next) {
  json["next"] = JsonOf(next);
  return std::make_unique<Described>(std::move(json));
}

// A setting that begins with `/` names an application, and one that begins with
// `auth_` a pipeline; the rest are settings.
absl::StatusOr<Json> Children(PasteLoader& loader, const PasteSettings& globals,
                              const PasteSettings& locals) {
  Json children = Json::array();
  for (const auto& [key, value] : locals) {
    if (!absl::StartsWith(key, "/") && !absl::StartsWith(key, "auth_")) {
      continue;
    }
    std::vector<std::string> names =
        absl::StrSplit(value, absl::ByAnyChar(" \n"), absl::SkipEmpty());
    AppOr app = loader.GetApp(names.back(), globals);
    if (!app.ok()) return app.status();
    names.pop_back();
    for (auto name = names.rbegin(); name != names.rend(); ++name) {
      absl::StatusOr<Filter> filter = loader.GetFilter(*name, globals);
      if (!filter.ok()) return filter.status();
      app = std::move(*filter)(*std::move(app));
      if (!app.ok()) return app.status();
    }
    children.push_back({key, JsonOf(**app)});
  }
  return children;
}

absl::Status Register(PasteFactories& factories, const std::string& kind,
                      const std::string& name) {
  if (kind == "app") {
    return factories.AddApp(
        name, [name](const auto& globals, const auto& locals) -> AppOr {
          return std::make_unique<Described>(
              Factory("app", name, globals, locals));
        });
  }
  if (kind == "composite") {
    return factories.AddComposite(
        name,
        [name](PasteLoader& loader, const auto& globals,
               const auto& locals) -> AppOr {
          Json json = Factory("composite", name, globals, locals);
          absl::StatusOr<Json> children = Children(loader, globals, locals);
          if (!children.ok()) return children.status();
          json["children"] = *std::move(children);
          return std::make_unique<Described>(std::move(json));
        });
  }
  if (kind == "filter") {
    return factories.AddFilter(
        name,
        [name](const auto& globals,
               const auto& locals) -> absl::StatusOr<Filter> {
          return Filter([json = Factory("filter", name, globals, locals)](
                            std::unique_ptr<Application> next) -> AppOr {
            return Wrap(json, *next);
          });
        });
  }
  return factories.AddFilterApp(
      name,
      [name](std::unique_ptr<Application> next, const auto& globals,
             const auto& locals) -> AppOr {
        return Wrap(Factory("filter_app", name, globals, locals), *next);
      });
}

int Main(int argc, char** argv) {
  PasteFactories factories;
  std::ifstream table(argv[1]);
  for (std::string kind, name; table >> kind >> name;) {
    if (absl::Status added = Register(factories, kind, name); !added.ok()) {
      std::cerr << added << "\n";
      return 1;
    }
  }
  for (int i = 2; i < argc; ++i) {
    const AppOr app = LoadPasteApp(factories, argv[i], {});
    const Json json = app.ok()
                          ? JsonOf(**app)
                          : Json{{"error", std::string(app.status().message())},
                                 {"lookup", IsPasteLookupError(app.status())}};
    std::cout << json << "\n";
  }
  return 0;
}

}  // namespace
}  // namespace bergen::wsgi

int main(int argc, char** argv) { return bergen::wsgi::Main(argc, argv); }
