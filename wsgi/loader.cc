// SPDX-License-Identifier: Apache-2.0

#include "wsgi/loader.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "spdlog/spdlog.h"
#include "wsgi/options.h"
#include "wsgi/paste_deploy.h"

namespace bergen::wsgi {
namespace {

// Empty if it is not there.
std::string Find(const std::string& name, const LoaderSearch& search) {
  std::error_code error;
  if (!absl::StartsWith(name, "/")) {
    const std::string found =
        config::FindFile(name, search.config_paths, search.directories);
    if (found.empty()) return found;
    const std::filesystem::path path = std::filesystem::absolute(found, error);
    return error ? found : path.string();
  }
  return std::filesystem::exists(name, error) ? name : "";
}

}  // namespace

Loader::Loader(spdlog::logger& log, const PasteFactories& factories,
               std::string config_path)
    : log_(&log),
      factories_(&factories),
      config_path_(std::move(config_path)) {}

absl::StatusOr<Loader> Loader::Create(spdlog::logger& log,
                                      config::Registry& registry,
                                      const PasteFactories& factories,
                                      const LoaderSearch& search) {
  const absl::StatusOr<std::string> name = PasteConfig(registry);
  if (!name.ok()) return name.status();
  std::string path = name->empty() ? "" : Find(*name, search);
  if (path.empty()) {
    return absl::NotFoundError(
        absl::StrCat("Could not find config at ", *name));
  }
  return Loader(log, factories, std::move(path));
}

absl::StatusOr<std::unique_ptr<Application>> Loader::LoadApp(
    absl::string_view name) const {
  if (name.empty()) name = "main";
  log_->debug("Loading app {} from {}", std::string(name), config_path_);
  PasteLoadOptions options;
  options.name = std::string(name);
  const std::string uri = absl::StrCat(
      "config:",
      absl::StrReplaceAll(config_path_,
                          {{"%", "%25"}, {"#", "%23"}, {"\\", "%5C"}}));
  absl::StatusOr<std::unique_ptr<Application>> app =
      LoadPasteApp(*factories_, uri, options);
  if (app.ok() || !IsPasteLookupError(app.status())) return app;
  log_->error("{}", std::string(app.status().message()));
  return absl::NotFoundError(absl::StrCat("Could not load paste app '", name,
                                          "' from ", config_path_, ": ",
                                          app.status().message()));
}

}  // namespace bergen::wsgi
