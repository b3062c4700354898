// SPDX-License-Identifier: Apache-2.0

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "wsgi/application.h"
#include "wsgi/environ.h"
#include "wsgi/paste_deploy.h"
#include "wsgi/paste_factories.h"

namespace bergen::wsgi {
namespace {

using AppOr = absl::StatusOr<std::unique_ptr<Application>>;

class Nothing : public Application {
 public:
  absl::StatusOr<Body> operator()(Environ&, StartResponse&) override {
    return absl::UnimplementedError("not called");
  }
};

AppOr NewApp(const PasteSettings&, const PasteSettings&) {
  return std::make_unique<Nothing>();
}

AppOr NewComposite(PasteLoader& loader, const PasteSettings& globals,
                   const PasteSettings& locals) {
  for (const auto& [key, value] : locals) {
    if (!absl::StartsWith(key, "/")) continue;
    if (AppOr app = loader.GetApp(value, globals); !app.ok()) return app;
  }
  return std::make_unique<Nothing>();
}

absl::StatusOr<Filter> NewFilter(const PasteSettings&, const PasteSettings&) {
  return Filter(
      [](std::unique_ptr<Application> next) -> AppOr { return next; });
}

AppOr NewFilterApp(std::unique_ptr<Application> next, const PasteSettings&,
                   const PasteSettings&) {
  return next;
}

}  // namespace
}  // namespace bergen::wsgi

using ::bergen::wsgi::Application;
using ::bergen::wsgi::LoadPasteApp;
using ::bergen::wsgi::PasteFactories;

// Every file ends in an application or in an error with text, in bounded time.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  PasteFactories factories;
  if (!factories.AddApp("t:a", bergen::wsgi::NewApp).ok() ||
      !factories.AddApp("egg:T#main", bergen::wsgi::NewApp).ok() ||
      !factories.AddComposite("t:c", bergen::wsgi::NewComposite).ok() ||
      !factories.AddFilter("t:f", bergen::wsgi::NewFilter).ok() ||
      !factories.AddFilterApp("t:g", bergen::wsgi::NewFilterApp).ok()) {
    std::abort();
  }
  bergen::wsgi::PasteLoadOptions options;
  options.globals = {{"g", "1%"}};
  // There is one file, under every name that ends like one.
  options.read_file =
      [&text](const std::string& path) -> absl::StatusOr<std::string> {
    if (absl::EndsWith(path, ".ini")) return text;
    return absl::NotFoundError(absl::StrCat(path, ": no such file"));
  };
  const absl::StatusOr<std::unique_ptr<Application>> app =
      LoadPasteApp(factories, "config:/f.ini", options);
  if (app.ok() ? *app == nullptr : app.status().message().empty()) {
    std::abort();
  }
  return 0;
}
