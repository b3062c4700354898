// SPDX-License-Identifier: Apache-2.0
//
// Changes a registry for one test, and undoes it at the end.
//
//   TestScope scope(registry);
//   ASSERT_THAT(scope.SetOverride("demo", "workers", 1), IsOk());
//   ASSERT_THAT(scope.SetRaw("demo", "greeting", "hi"), IsOk());
//
// Source: oslo_config.fixture.Config. Differences: only what was changed
// through it is undone, so scopes may be nested, and an override that was there
// before comes back.

#ifndef CONFIG_TEST_SCOPE_H_
#define CONFIG_TEST_SCOPE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "config/handle.h"
#include "config/option.h"
#include "config/registry.h"

namespace bergen::config {

// Not thread-safe. The registry outlives it; of nested ones the inner must end
// first.
class TestScope {
 public:
  explicit TestScope(Registry& registry) : registry_(&registry) {}
  TestScope(const TestScope&) = delete;
  TestScope& operator=(const TestScope&) = delete;
  ~TestScope();

  // As those of the registry, which tell the errors.
  template <typename T>
  absl::StatusOr<Handle<T>> Register(
      absl::string_view group, const Option<T>& option,
      CodeLocation where = CodeLocation::Current());
  template <typename T>
  absl::Status SetDefault(absl::string_view group, absl::string_view name,
                          const T& value,
                          CodeLocation where = CodeLocation::Current());
  template <typename T>
  absl::Status SetOverride(absl::string_view group, absl::string_view name,
                           const T& value,
                           CodeLocation where = CodeLocation::Current());

  // Reloads, with `text` as if it stood in a file newer than all others, called
  // `<memory>`. The option need not exist yet. If nothing was loaded before,
  // this loads nothing else. The errors of `Registry::Reload`.
  absl::Status SetRaw(absl::string_view group, absl::string_view name,
                      absl::string_view text);

 private:
  class MemoryFile;

  // Remembers what a layer says now.
  void Remember(Registry::Layer layer, absl::string_view group,
                absl::string_view name);

  Registry* registry_;
  // In the order of the changes; undone from the last.
  std::vector<std::function<void()>> undo_;
  MemoryFile* file_ = nullptr;  // In the registry, once there is one.
};

// ---------------------------------------------------------------------------
// Implementation.

template <typename T>
absl::StatusOr<Handle<T>> TestScope::Register(absl::string_view group,
                                              const Option<T>& option,
                                              CodeLocation where) {
  const bool known = registry_->Where(group, option.name).ok();
  absl::StatusOr<Handle<T>> handle = registry_->Register(group, option, where);
  if (handle.ok() && !known) {
    undo_.emplace_back(
        [registry = registry_, group = std::string(group), name = option.name] {
          registry->Unregister(group, name).IgnoreError();
        });
  }
  return handle;
}

template <typename T>
absl::Status TestScope::SetDefault(absl::string_view group,
                                   absl::string_view name, const T& value,
                                   CodeLocation where) {
  Remember(Registry::Layer::kDefault, group, name);
  return registry_->SetDefault(group, name, value, where);
}

template <typename T>
absl::Status TestScope::SetOverride(absl::string_view group,
                                    absl::string_view name, const T& value,
                                    CodeLocation where) {
  Remember(Registry::Layer::kOverride, group, name);
  return registry_->SetOverride(group, name, value, where);
}

}  // namespace bergen::config

#endif  // CONFIG_TEST_SCOPE_H_
