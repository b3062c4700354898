// SPDX-License-Identifier: Apache-2.0
//
// What a paste-deploy file may name: factories of applications, filters and
// composites, registered by hand.
//
//   PasteFactories factories;
//   absl::Status added = factories.AddApp(
//       "demo.api:Api.factory",
//       [](const PasteSettings& globals, const PasteSettings& locals)
//           -> absl::StatusOr<std::unique_ptr<Application>> {
//         return std::make_unique<Api>(locals.Get("greeting").value_or("Hi"));
//       });
//   if (!added.ok()) return added;
//
// Source: the factory protocols of paste.deploy. A name here stands for what a
// Python module or the entry points of a distribution are there.

#ifndef WSGI_PASTE_FACTORIES_H_
#define WSGI_PASTE_FACTORIES_H_

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "wsgi/application.h"

namespace bergen::wsgi {

// Names and values in the order in which they were set first. A value.
class PasteSettings {
 public:
  using Entry = std::pair<std::string, std::string>;

  PasteSettings() = default;
  PasteSettings(std::initializer_list<Entry> entries) : entries_(entries) {}

  std::optional<absl::string_view> Get(absl::string_view name) const;
  void Set(absl::string_view name, absl::string_view value);
  // Sets all of `others`.
  void Update(const PasteSettings& others);
  // Removes and returns it.
  std::optional<std::string> Take(absl::string_view name);

  bool empty() const { return entries_.empty(); }
  size_t size() const { return entries_.size(); }
  std::vector<Entry>::const_iterator begin() const { return entries_.begin(); }
  std::vector<Entry>::const_iterator end() const { return entries_.end(); }

  friend bool operator==(const PasteSettings&, const PasteSettings&) = default;

 private:
  std::vector<Entry> entries_;
};

// Wraps an application. Called once.
using Filter = absl::AnyInvocable<absl::StatusOr<std::unique_ptr<Application>>(
                                      std::unique_ptr<Application> next) &&>;

// Loads other parts of the file for a composite. Lives as long as the call of
// its factory.
class PasteLoader {
 public:
  virtual ~PasteLoader() = default;

  // `name` is a section's, or a URI such as `config:other.ini#v2`. Errors are
  // those of paste_deploy.h.
  virtual absl::StatusOr<std::unique_ptr<Application>> GetApp(
      absl::string_view name, const PasteSettings& globals) = 0;
  virtual absl::StatusOr<Filter> GetFilter(absl::string_view name,
                                           const PasteSettings& globals) = 0;
};

// `globals` are those of `[DEFAULT]`, of `set` and of whoever loads; `locals`
// those of the section. An error should say which setting is wrong; where it
// stands is added.
using AppFactory = std::function<absl::StatusOr<std::unique_ptr<Application>>(
    const PasteSettings& globals, const PasteSettings& locals)>;
using CompositeFactory =
    std::function<absl::StatusOr<std::unique_ptr<Application>>(
        PasteLoader& loader, const PasteSettings& globals,
        const PasteSettings& locals)>;
using FilterFactory = std::function<absl::StatusOr<Filter>(
    const PasteSettings& globals, const PasteSettings& locals)>;
using FilterAppFactory =
    std::function<absl::StatusOr<std::unique_ptr<Application>>(
        std::unique_ptr<Application> next, const PasteSettings& globals,
        const PasteSettings& locals)>;

// How a factory is called; the names of the file are beside them.
enum class PasteProtocol {
  kApp,        // paste.app_factory
  kComposite,  // paste.composite_factory, paste.composit_factory
  kFilter,     // paste.filter_factory
  kFilterApp,  // paste.filter_app_factory
};
absl::string_view PasteProtocolName(PasteProtocol protocol);

// Immutable while files are loaded, and then thread-safe.
class PasteFactories {
 public:
  // `name` is what files say: `MODULE:OBJECT` for `paste.x_factory = ` and
  // `call:`, or `egg:DISTRIBUTION#ENTRY`, in which the distribution's case does
  // not matter and `-`, `_` and `.` are alike. One name may be registered once
  // for each protocol. AlreadyExists; InvalidArgument if it is of neither form.
  absl::Status AddApp(absl::string_view name, AppFactory factory);
  absl::Status AddComposite(absl::string_view name, CompositeFactory factory);
  absl::Status AddFilter(absl::string_view name, FilterFactory factory);
  absl::Status AddFilterApp(absl::string_view name, FilterAppFactory factory);

  // The null pointer if there is none. Names are spelled as above.
  const AppFactory* FindApp(absl::string_view name) const;
  const CompositeFactory* FindComposite(absl::string_view name) const;
  const FilterFactory* FindFilter(absl::string_view name) const;
  const FilterAppFactory* FindFilterApp(absl::string_view name) const;

  // In the order of the enumeration.
  std::vector<PasteProtocol> ProtocolsOf(absl::string_view name) const;
  // Whether a name begins with `egg:DISTRIBUTION#`.
  bool HasDistribution(absl::string_view distribution) const;

 private:
  template <typename Factory>
  using Table = absl::flat_hash_map<std::string, Factory>;

  template <typename Factory>
  static absl::Status Add(absl::string_view name, Factory factory,
                          Table<Factory>& table);

  Table<AppFactory> apps_;
  Table<CompositeFactory> composites_;
  Table<FilterFactory> filters_;
  Table<FilterAppFactory> filter_apps_;
};

}  // namespace bergen::wsgi

#endif  // WSGI_PASTE_FACTORIES_H_
