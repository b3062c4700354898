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

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
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
#include "config/option.h"
#include "config/snapshot.h"
#include "config/source.h"

namespace bergen::config {

// A line of C++, by default the caller's.
struct CodeLocation {
  const char* file = "";
  int line = 0;

  // The builtins, because clang 14 lacks those of std::source_location.
  static constexpr CodeLocation Current(const char* file = __builtin_FILE(),
                                        int line = __builtin_LINE()) {
    return {file, line};
  }
};

// Where the value in force comes from.
struct Origin {
  enum class Kind {
    kDefault,     // The option's own default, or none.
    kSetDefault,  // `SetDefault`.
    kFile,
    kEnvironment,
    kCommandLine,
    kOther,     // A source of another kind.
    kOverride,  // `SetOverride`.
  };

  Kind kind = Kind::kDefault;
  // `demo.conf:7`, `--set demo.workers=3`, a variable's name, or the place in
  // the code that registered or set the value.
  std::string place;

  // For people: the place, preceded by what it is when it is code.
  std::string ToString() const;
};

// An option whose value in force is, or should be, another than before.
struct Change {
  std::string group;
  std::string name;
  // As printed by a dump.
  std::string old_text;
  std::string new_text;
  Origin origin;  // Of the new value.
  // False: the option is not mutable, so the new value needs a restart or
  // `Registry::Reload`.
  bool applied = true;
};

// What a load that succeeded has to tell. Meant to be logged.
struct Report {
  // Unknown sections and keys, deprecated names, options that will go away,
  // repeated assignments; each begins with its place.
  std::vector<std::string> warnings;
  // In the order of `Registry::Dump`.
  std::vector<Change> changes;
};

struct LoadOptions {
  // Unknown sections and keys are errors. Wants every option to be registered
  // before the load. Variables of the environment are never unknown.
  bool strict = false;
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

  // Registers all options or, after an error, none; `Find` gives the handles.
  // The error has one line for each problem.
  absl::Status RegisterAll(const OptionList& options,
                           CodeLocation where = CodeLocation::Current());

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
  // publishes all values and keeps the sources for `Reload`. Fails with one
  // line for each problem, and without any effect: NotFound, PermissionDenied
  // and so on if all that is wrong is that sources cannot be read, otherwise
  // InvalidArgument.
  absl::StatusOr<Report> Load(std::vector<std::unique_ptr<Source>> sources,
                              const LoadOptions& options = {});

  // `Load` with the sources and options of the last successful one;
  // FailedPrecondition if there was none.
  absl::StatusOr<Report> Reload();

  // As `Reload`, including all checks, but only mutable options take their new
  // values. The others that differ are reported with `applied` false.
  absl::StatusOr<Report> Mutate();

  // Where the value in force comes from; NotFound if there is no such option.
  absl::StatusOr<Origin> Where(absl::string_view group,
                               absl::string_view name) const;

  // All options: `DEFAULT` first, then groups and names in byte order.
  std::vector<DumpEntry> Dump() const;

  // The dump as lines for a log. Source: ConfigOpts.log_opt_values.
  // Differences: groups are sorted, and secrets are masked in the line of
  // arguments too.
  std::vector<std::string> DumpLines() const;

  // The values of all options at this moment. Waits for a load that is checking
  // values; takes linear time if anything has changed since the last call.
  Snapshot TakeSnapshot() const;

 private:
  enum class Mode { kAll, kMutableOnly };
  enum class Layer { kDefault, kOverride };
  struct State;

  absl::StatusOr<const internal::Cell*> RegisterOne(absl::string_view group,
                                                    const AnyOption& option,
                                                    CodeLocation where);
  absl::StatusOr<const internal::Cell*> FindCell(
      absl::string_view group, absl::string_view name,
      const std::type_info& type, absl::string_view type_name) const;
  absl::Status SetValue(Layer layer, absl::string_view group,
                        absl::string_view name, const std::type_info& type,
                        absl::string_view type_name, internal::AnyValue value,
                        CodeLocation where);
  absl::Status SetText(Layer layer, absl::string_view group,
                       absl::string_view name, absl::string_view text,
                       CodeLocation where);
  absl::Status Clear(Layer layer, absl::string_view group,
                     absl::string_view name);
  absl::StatusOr<Report> Adopt(
      const std::vector<std::unique_ptr<Source>>& sources,
      const LoadOptions& options, Mode mode)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(load_mutex_);

  // Held while sources are read, which may take time, so that loads do not
  // overlap. Taken before `mutex_`.
  mutable absl::Mutex load_mutex_;
  std::vector<std::unique_ptr<Source>> sources_ ABSL_GUARDED_BY(load_mutex_);
  LoadOptions load_options_ ABSL_GUARDED_BY(load_mutex_);
  bool has_sources_ ABSL_GUARDED_BY(load_mutex_) = false;

  mutable absl::Mutex mutex_;
  const std::unique_ptr<State> state_ ABSL_PT_GUARDED_BY(mutex_);
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
absl::StatusOr<Handle<T>> Registry::Find(absl::string_view group,
                                         absl::string_view name) const {
  const absl::StatusOr<const internal::Cell*> cell =
      FindCell(group, name, typeid(T), ValueType<T>::kName);
  if (!cell.ok()) return cell.status();
  return Handle<T>(*cell);
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
