// SPDX-License-Identifier: Apache-2.0

#include "wsgi/paste_factories.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace bergen::wsgi {
namespace {

constexpr absl::string_view kEgg = "egg:";

// As PEP 503 compares names of distributions.
std::string NormalDistribution(absl::string_view name) {
  std::string normal;
  for (const char c : name) {
    if (c != '-' && c != '_' && c != '.') {
      normal += absl::ascii_tolower(static_cast<unsigned char>(c));
    } else if (!absl::EndsWith(normal, "-")) {
      normal += '-';
    }
  }
  return normal;
}

std::string NormalName(absl::string_view name) {
  absl::string_view rest = name;
  if (!absl::ConsumePrefix(&rest, kEgg)) return std::string(name);
  const size_t hash = std::min(rest.find('#'), rest.size());
  return absl::StrCat(kEgg, NormalDistribution(rest.substr(0, hash)),
                      rest.substr(hash));
}

bool IsWellFormed(absl::string_view name) {
  const char separator = absl::ConsumePrefix(&name, kEgg) ? '#' : ':';
  const size_t at = name.find(separator);
  return at != name.npos && at > 0 && at + 1 < name.size();
}

template <typename Table>
auto* Find(const Table& table, absl::string_view name) {
  const auto found = table.find(NormalName(name));
  return found == table.end() ? nullptr : &found->second;
}

}  // namespace

std::optional<absl::string_view> PasteSettings::Get(
    absl::string_view name) const {
  for (const Entry& entry : entries_) {
    if (entry.first == name) return entry.second;
  }
  return std::nullopt;
}

void PasteSettings::Set(absl::string_view name, absl::string_view value) {
  const auto found =
      std::find_if(entries_.begin(), entries_.end(),
                   [name](const Entry& entry) { return entry.first == name; });
  if (found == entries_.end()) {
    entries_.emplace_back(name, value);
  } else {
    found->second = std::string(value);
  }
}

void PasteSettings::Update(const PasteSettings& others) {
  for (const Entry& entry : others) Set(entry.first, entry.second);
}

std::optional<std::string> PasteSettings::Take(absl::string_view name) {
  const auto found =
      std::find_if(entries_.begin(), entries_.end(),
                   [name](const Entry& entry) { return entry.first == name; });
  if (found == entries_.end()) return std::nullopt;
  std::string value = std::move(found->second);
  entries_.erase(found);
  return value;
}

absl::string_view PasteProtocolName(PasteProtocol protocol) {
  switch (protocol) {
    case PasteProtocol::kApp:
      return "paste.app_factory";
    case PasteProtocol::kComposite:
      return "paste.composite_factory";
    case PasteProtocol::kFilter:
      return "paste.filter_factory";
    case PasteProtocol::kFilterApp:
      return "paste.filter_app_factory";
  }
  return "";
}

template <typename Factory>
absl::Status PasteFactories::Add(absl::string_view name, Factory factory,
                                 Table<Factory>& table) {
  if (!IsWellFormed(name)) {
    return absl::InvalidArgumentError(
        absl::StrCat("paste factory \"", name,
                     "\": neither MODULE:OBJECT nor egg:DISTRIBUTION#ENTRY"));
  }
  if (!table.emplace(NormalName(name), std::move(factory)).second) {
    return absl::AlreadyExistsError(
        absl::StrCat("paste factory \"", name, "\": registered twice"));
  }
  return absl::OkStatus();
}

absl::Status PasteFactories::AddApp(absl::string_view name,
                                    AppFactory factory) {
  return Add(name, std::move(factory), apps_);
}

absl::Status PasteFactories::AddComposite(absl::string_view name,
                                          CompositeFactory factory) {
  return Add(name, std::move(factory), composites_);
}

absl::Status PasteFactories::AddFilter(absl::string_view name,
                                       FilterFactory factory) {
  return Add(name, std::move(factory), filters_);
}

absl::Status PasteFactories::AddFilterApp(absl::string_view name,
                                          FilterAppFactory factory) {
  return Add(name, std::move(factory), filter_apps_);
}

const AppFactory* PasteFactories::FindApp(absl::string_view name) const {
  return Find(apps_, name);
}

const CompositeFactory* PasteFactories::FindComposite(
    absl::string_view name) const {
  return Find(composites_, name);
}

const FilterFactory* PasteFactories::FindFilter(absl::string_view name) const {
  return Find(filters_, name);
}

const FilterAppFactory* PasteFactories::FindFilterApp(
    absl::string_view name) const {
  return Find(filter_apps_, name);
}

std::vector<PasteProtocol> PasteFactories::ProtocolsOf(
    absl::string_view name) const {
  std::vector<PasteProtocol> protocols;
  if (FindApp(name) != nullptr) protocols.push_back(PasteProtocol::kApp);
  if (FindComposite(name) != nullptr) {
    protocols.push_back(PasteProtocol::kComposite);
  }
  if (FindFilter(name) != nullptr) protocols.push_back(PasteProtocol::kFilter);
  if (FindFilterApp(name) != nullptr) {
    protocols.push_back(PasteProtocol::kFilterApp);
  }
  return protocols;
}

bool PasteFactories::HasDistribution(absl::string_view distribution) const {
  const std::string prefix = NormalName(absl::StrCat(kEgg, distribution, "#"));
  const auto has = [&prefix](const auto& table) {
    return std::any_of(table.begin(), table.end(), [&](const auto& entry) {
      return absl::StartsWith(entry.first, prefix);
    });
  };
  return has(apps_) || has(composites_) || has(filters_) || has(filter_apps_);
}

}  // namespace bergen::wsgi
