// SPDX-License-Identifier: Apache-2.0
//
// Registers the options of a module and gathers their handles.
//
//   absl::StatusOr<DemoOptions> RegisterOpts(Registry& registry) {
//     Registrar add(registry, "demo");
//     const DemoOptions options = {.workers = add(Workers()),
//                                  .greeting = add(Greeting())};
//     if (!add.status().ok()) return add.status();
//     return options;
//   }

#ifndef CONFIG_REGISTRAR_H_
#define CONFIG_REGISTRAR_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "config/handle.h"
#include "config/option.h"
#include "config/registry.h"

namespace bergen::config {

// Not thread-safe; for the length of a function. `registry` outlives it.
class Registrar {
 public:
  // Errors about duplicates name `where`, by default the caller.
  Registrar(Registry& registry, absl::string_view group,
            CodeLocation where = CodeLocation::Current())
      : registry_(&registry), group_(group), where_(where) {}

  // Registers `option`. After an error, this or an earlier one, the handle is
  // unusable and nothing more is registered.
  template <typename T>
  Handle<T> operator()(const Option<T>& option) {
    if (!status_.ok()) return Handle<T>();
    absl::StatusOr<Handle<T>> handle =
        registry_->Register(group_, option, where_);
    status_ = handle.status();
    return handle.ok() ? *handle : Handle<T>();
  }

  // The first error; those of `Registry::Register`.
  const absl::Status& status() const { return status_; }

 private:
  Registry* registry_;
  std::string group_;
  CodeLocation where_;
  absl::Status status_;
};

}  // namespace bergen::config

#endif  // CONFIG_REGISTRAR_H_
