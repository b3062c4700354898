// SPDX-License-Identifier: Apache-2.0
//
// Loads applications from the file that the option `api_paste_config` names.
//
//   absl::StatusOr<Loader> loader =
//       Loader::Create(log, registry, factories,
//                      {.config_paths = command_line.config_paths,
//                       .directories = config::StandardDirectories(
//                           "demo", config::ConfigSearch::FromProcess())});
//   if (!loader.ok()) return loader.status();
//   absl::StatusOr<std::unique_ptr<Application>> app = loader->LoadApp("main");
//
// Source: `wsgi.Loader` in oslo.service. Difference: an error of an
// application's factory is itself and not that the application was not found.

#ifndef WSGI_LOADER_H_
#define WSGI_LOADER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "config/registry.h"
#include "config/sources.h"
#include "spdlog/fwd.h"
#include "wsgi/application.h"
#include "wsgi/paste_factories.h"

namespace bergen::wsgi {

// Where a file with a relative name is looked for, in this order: in the
// directories of `config_paths`, beside their files, the last first, and in
// `directories`.
struct LoaderSearch {
  std::vector<config::ConfigPath> config_paths;
  std::vector<std::string> directories;
};

// Immutable, so it may be shared by threads.
class Loader {
 public:
  // The option is read now. `log` and `factories` must outlive it and what it
  // loads. NotFound with the configured name if there is no such file.
  static absl::StatusOr<Loader> Create(spdlog::logger& log,
                                       config::Registry& registry,
                                       const PasteFactories& factories,
                                       const LoaderSearch& search);

  // Absolute.
  const std::string& config_path() const { return config_path_; }

  // Builds the application `name`, or `main` if it is empty, anew. NotFound,
  // with name, path and the place in the file, if the file does not define it
  // or something that it needs; other errors as of `LoadPasteApp`.
  absl::StatusOr<std::unique_ptr<Application>> LoadApp(
      absl::string_view name) const;

 private:
  Loader(spdlog::logger& log, const PasteFactories& factories,
         std::string config_path);

  spdlog::logger* log_;
  const PasteFactories* factories_;
  std::string config_path_;
};

}  // namespace bergen::wsgi

#endif  // WSGI_LOADER_H_
