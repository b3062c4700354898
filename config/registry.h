// SPDX-License-Identifier: Apache-2.0
//
// The options that one program knows, filled by hand. Registering an option
// returns a handle; loading gives all of them their values, or changes nothing.
//
//   Registry registry;
//   absl::StatusOr<Handle<int64_t>> workers = registry.Register("demo",
//   kWorkers); if (!workers.ok()) return workers.status();
//   absl::StatusOr<Report> report = registry.Load(std::move(sources));
//   if (!report.ok()) return report.status();  // "demo.conf:7: demo.workers:
//   ..." Fork(workers->Get());
//
// Source: oslo_config.cfg.ConfigOpts. Differences: there is no global one, all
// values are checked before any is visible, every error of a load is reported
// at once, and an unknown key is not silent.

#ifndef CONFIG_REGISTRY_H_
#define CONFIG_REGISTRY_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "config/handle.h"
#include "config/hook.h"
#include "config/name_index.h"
#include "config/option.h"
#include "config/report.h"
#include "config/snapshot.h"
#include "config/source.h"

namespace bergen::config {

namespace internal {
enum class Mode;
struct RegistryState;
struct Setting;
}  // namespace internal

struct ReloadOptions {
  // Reads and checks everything and gives its verdicts, but publishes nothing,
  // and calls no hook.
  bool dry_run = false;
};

// One option of a dump.
struct DumpEntry {
  std::string group;
  std::string name;
  // `<None>` when unset, `****` when secret, set or not.
  std::string value;
  Origin origin;
  bool is_set = false;
  bool secret = false;
  bool is_mutable = false;
};

// Thread-safe. Handles are valid as long as it lives. After fork() a child goes
// on with a copy of its own, provided that no other thread was inside a call.
//
// Reading never waits for a load: not by handle, not by name, not by snapshot,
// unless it is the first.
//
// A group's name is matched ignoring case, except `DEFAULT`; an option's name
// is exact, with `-` for `_`.
//
// Of several values the first of these counts: override, sources from the last
// to the first, set default, the option's default.
//
// A string, an item of a list of strings, and every text from a source may
// refer to other options (interpolation.h), unless the option is `literal`. A
// reference without group means the option's own group, then `DEFAULT`. A value
// that refers to a secret is as secret.
class Registry {
 public:
  Registry();
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // Makes an option known, at any time; after a load it takes its value from
  // what the sources said then. Registering an equal option again returns the
  // same handle. AlreadyExists if a different one has the name. InvalidArgument
  // for a name or a definition that makes no sense, for a value in a source
  // that the option does not allow, and for a required option that no source of
  // the last load sets. After an error nothing has changed. Takes constant
  // time, except for options whose values have references.
  template <typename T>
  absl::StatusOr<Handle<T>> Register(
      absl::string_view group, const Option<T>& option,
      CodeLocation where = CodeLocation::Current());
  template <typename T>
  absl::StatusOr<Handle<T>> Register(
      absl::string_view group, Option<T>&& option,
      CodeLocation where = CodeLocation::Current());

  // Registers all options or, after an error, none; `Find` gives the handles.
  // The error has one line for each problem.
  absl::Status RegisterAll(const OptionList& options,
                           CodeLocation where = CodeLocation::Current());

  // Forgets an option. Its handles keep the last value, and are good again if
  // an equal option is registered. NotFound if there is no such option,
  // FailedPrecondition if the value of another refers to it.
  //
  // Source: ConfigOpts.unregister_opt. Difference: works after a load too.
  absl::Status Unregister(absl::string_view group, absl::string_view name);

  // The option of that name, current or deprecated; one lookup, without a lock.
  // NotFound if there is no such option, InvalidArgument if it has another
  // type.
  template <typename T>
  absl::StatusOr<Handle<T>> Find(absl::string_view group,
                                 absl::string_view name) const;

  // Replaces an option's default, or what all sources say, in this registry, at
  // once. Any integer is taken as int64_t, any floating point number as double,
  // any string as std::string. NotFound as above; InvalidArgument if the type
  // is another or the value not allowed: then nothing has changed.
  template <typename T>
  absl::Status SetDefault(absl::string_view group, absl::string_view name,
                          const T& value,
                          CodeLocation where = CodeLocation::Current());
  template <typename T>
  absl::Status SetOverride(absl::string_view group, absl::string_view name,
                           const T& value,
                           CodeLocation where = CodeLocation::Current());

  // The same, to "unset", which every type may be.
  absl::Status SetDefault(absl::string_view group, absl::string_view name,
                          std::nullopt_t,
                          CodeLocation where = CodeLocation::Current());
  absl::Status SetOverride(absl::string_view group, absl::string_view name,
                           std::nullopt_t,
                           CodeLocation where = CodeLocation::Current());

  // The same, with text as it would stand in a file.
  absl::Status SetDefaultFromText(absl::string_view group,
                                  absl::string_view name,
                                  absl::string_view text,
                                  CodeLocation where = CodeLocation::Current());
  absl::Status SetOverrideFromText(
      absl::string_view group, absl::string_view name, absl::string_view text,
      CodeLocation where = CodeLocation::Current());

  // Undoes the above; does nothing if it was not done.
  absl::Status ClearDefault(absl::string_view group, absl::string_view name);
  absl::Status ClearOverride(absl::string_view group, absl::string_view name);

  // Reads `sources`, of which the last counts most, checks every option, then
  // publishes all values, keeps the sources for `Reload`, and calls the hooks.
  // Fails as `Report::status`, without any effect.
  absl::StatusOr<Report> Load(std::vector<std::unique_ptr<Source>> sources,
                              const LoadOptions& options = {});

  // `Load` with the sources and options of the last successful one.
  Report Reload(const ReloadOptions& options = {});

  // As `Reload`, including all checks, but only mutable options take their new
  // values. A mistake anywhere means that none does.
  Report Mutate(const ReloadOptions& options = {});

  // Calls `hook(old_value, new_value)` after each load, reload or mutation that
  // has changed the option's value, when the new values are visible. The
  // arguments are `const T&`, `T{}` for "unset", and good for the call. `hook`
  // returns an absl::Status, which is reported if it is not OK, or nothing.
  //
  // Hooks are called one after the other, in the order of their registration,
  // by the thread that loads. They may use the registry, except that a load,
  // `Clear` or `Reset` from inside a hook fails with FailedPrecondition.
  template <typename T, typename F>
  Subscription OnChange(const Handle<T>& handle, F hook);

  // Calls `hook(report)` after each load, reload or mutation that has published
  // its values, even if there are no changes.
  template <typename F>
  Subscription OnReport(F hook);

  // Forgets what was loaded, and the sources; all options, defaults and
  // overrides set by code, and hooks stay. `Reset` drops these defaults and
  // overrides too. FailedPrecondition from inside a hook.
  absl::Status Clear();
  absl::Status Reset();

  // Frees the superseded values of strings, lists and so on. They are kept
  // because a reader may still hold a reference from `Handle::Get`: forbidding
  // that, or counting readers, would cost every read of every program
  // something, while what is kept grows only when somebody changes an option to
  // a value that it did not have lately. Only for programs whose options change
  // all the time: the caller promises that no thread uses a reference from
  // before. Snapshots are not affected.
  void ReleaseSuperseded();

  // Where the value in force comes from; NotFound if there is no such option.
  absl::StatusOr<Origin> Where(absl::string_view group,
                               absl::string_view name) const;

  // All options: `DEFAULT` first, then groups and names in byte order.
  std::vector<DumpEntry> Dump() const;

  // All options in the order of their registration; a group occurs again when
  // others came in between. What command_line.h makes flags of.
  OptionList Options() const;

  // The dump as lines for a log. Source: ConfigOpts.log_opt_values.
  // Differences: groups are sorted, and secrets are masked in the line of
  // arguments too.
  std::vector<std::string> DumpLines() const;

  // The sections of all files of the last load and of the last mutation, as
  // written, sorted, each once. Source: ConfigOpts.list_all_sections.
  std::vector<std::string> Sections() const;

  // The values of all options at this moment. Cheap: values that have not
  // changed are shared with other snapshots.
  Snapshot TakeSnapshot() const;

 private:
  friend class TestScope;
  using Layer = internal::Layer;
  struct Cached;

  absl::StatusOr<const internal::Cell*> RegisterOne(absl::string_view group,
                                                    const AnyOption& option,
                                                    CodeLocation where);
  const internal::Cell* FindCell(absl::string_view group,
                                 absl::string_view name) const;
  absl::Status NotFound(absl::string_view group, absl::string_view name,
                        absl::string_view type_name) const;
  absl::Status SetValue(Layer layer, absl::string_view group,
                        absl::string_view name, const std::type_info& type,
                        absl::string_view type_name, internal::AnyValue value,
                        CodeLocation where);
  absl::Status SetText(Layer layer, absl::string_view group,
                       absl::string_view name, absl::string_view text,
                       CodeLocation where);
  absl::Status Clear(Layer layer, absl::string_view group,
                     absl::string_view name);
  Subscription AddHook(std::shared_ptr<internal::Hook> hook);
  Report Adopt(const std::vector<std::unique_ptr<Source>>& sources,
               const LoadOptions& options, internal::Mode mode, bool dry_run)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(load_mutex_);
  Report Again(internal::Mode mode, const ReloadOptions& options);
  absl::Status Forget(bool settings_too);
  bool InsideHook() const;

  // For `TestScope`: what one layer of an option says, to be put back, and one
  // more file.
  std::shared_ptr<const internal::Setting> SettingOf(
      Layer layer, absl::string_view group, absl::string_view name) const;
  absl::Status PutBack(Layer layer, absl::string_view group,
                       absl::string_view name,
                       const std::shared_ptr<const internal::Setting>& setting);
  absl::Status AddFile(std::unique_ptr<Source> file);
  void RemoveFile(const Source* file);
  absl::Status ReloadForTest();  // Also if nothing else was loaded.

  // Held while sources are read and hooks are called, which may take time, so
  // that loads do not overlap. Taken before `mutex_`.
  mutable absl::Mutex load_mutex_;
  std::vector<std::unique_ptr<Source>> sources_ ABSL_GUARDED_BY(load_mutex_);
  LoadOptions load_options_ ABSL_GUARDED_BY(load_mutex_);
  bool has_sources_ ABSL_GUARDED_BY(load_mutex_) = false;
  std::atomic<std::thread::id> hook_thread_;  // That calls hooks now.

  NameIndex names_;  // Changed under `mutex_`, read without.
  // Counts what changes values.
  std::atomic<uint64_t> version_ = 1;
  const std::unique_ptr<internal::NewestValues> frozen_;

  mutable absl::Mutex mutex_;
  const std::unique_ptr<internal::RegistryState> state_
      ABSL_PT_GUARDED_BY(mutex_);

  // What `TakeSnapshot` made last, once for each of several groups of threads,
  // which thereby do not wait for each other.
  static constexpr size_t kCaches = 16;
  const std::unique_ptr<Cached[]> cached_;
};

// ---------------------------------------------------------------------------
// Implementation.

namespace internal {

// The type of option that a value of type `T` is meant for.
template <typename T>
auto ToOptionValue(const T& value) {
  if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
    return static_cast<int64_t>(value);
  } else if constexpr (std::is_floating_point_v<T>) {
    return static_cast<double>(value);
  } else if constexpr (std::is_convertible_v<const T&, absl::string_view>) {
    return std::string(absl::string_view(value));
  } else {
    return value;
  }
}

// `call`'s result, or OK if it has none.
template <typename F, typename... Args>
absl::Status StatusOf(F& call, const Args&... args) {
  if constexpr (std::is_void_v<decltype(call(args...))>) {
    call(args...);
    return absl::OkStatus();
  } else {
    return call(args...);
  }
}

}  // namespace internal

template <typename T>
absl::StatusOr<Handle<T>> Registry::Register(absl::string_view group,
                                             const Option<T>& option,
                                             CodeLocation where) {
  const absl::StatusOr<const internal::Cell*> cell =
      RegisterOne(group, option, where);
  if (!cell.ok()) return cell.status();
  return Handle<T>(*cell);
}

template <typename T>
absl::StatusOr<Handle<T>> Registry::Register(absl::string_view group,
                                             Option<T>&& option,
                                             CodeLocation where) {
  const absl::StatusOr<const internal::Cell*> cell =
      RegisterOne(group, std::move(option), where);
  if (!cell.ok()) return cell.status();
  return Handle<T>(*cell);
}

template <typename T>
absl::StatusOr<Handle<T>> Registry::Find(absl::string_view group,
                                         absl::string_view name) const {
  const internal::Cell* const cell = FindCell(group, name);
  if (cell && cell->type() == typeid(T)) return Handle<T>(cell);
  return NotFound(group, name, ValueType<T>::kName);
}

template <typename T, typename F>
Subscription Registry::OnChange(const Handle<T>& handle, F hook) {
  return AddHook(std::make_shared<internal::Hook>(
      *handle.cell_,
      [hook = std::move(hook)](const internal::AnyValue& from,
                               const internal::AnyValue& to) mutable {
        return internal::StatusOf(hook, internal::FromWord<T>(from.word()),
                                  internal::FromWord<T>(to.word()));
      }));
}

template <typename F>
Subscription Registry::OnReport(F hook) {
  return AddHook(std::make_shared<internal::Hook>(
      [hook = std::move(hook)](const Report& report) mutable {
        return internal::StatusOf(hook, report);
      }));
}

template <typename T>
absl::Status Registry::SetDefault(absl::string_view group,
                                  absl::string_view name, const T& value,
                                  CodeLocation where) {
  auto typed = internal::ToOptionValue(value);
  using Typed = decltype(typed);
  return SetValue(Layer::kDefault, group, name, typeid(Typed),
                  ValueType<Typed>::kName,
                  internal::AnyValue::Of<Typed>(std::move(typed)), where);
}

template <typename T>
absl::Status Registry::SetOverride(absl::string_view group,
                                   absl::string_view name, const T& value,
                                   CodeLocation where) {
  auto typed = internal::ToOptionValue(value);
  using Typed = decltype(typed);
  return SetValue(Layer::kOverride, group, name, typeid(Typed),
                  ValueType<Typed>::kName,
                  internal::AnyValue::Of<Typed>(std::move(typed)), where);
}

}  // namespace bergen::config

#endif  // CONFIG_REGISTRY_H_
