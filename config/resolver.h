// SPDX-License-Identifier: Apache-2.0
//
// Turns what is wanted of options into values, following references.
//
//   const auto wish_of = [&](const Entry& entry) { return InForce(entry); };
//   const auto is_fresh = [](const Entry&) { return true; };
//   Resolver resolver(state, wish_of, is_fresh);
//   const Resolver::Outcome& outcome = resolver.Resolve(entry);
//   if (!outcome.status.ok()) return outcome.status;

#ifndef CONFIG_RESOLVER_H_
#define CONFIG_RESOLVER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/container/node_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "config/entry.h"
#include "config/handle.h"

namespace bergen::config::internal {

struct RegistryState;

// What a wish leads to.
struct Resolved {
  AnyValue value;
  bool masked = false;  // Secret, or refers to a secret.
  // The names it refers to or would, had they been options; null for none.
  std::unique_ptr<std::vector<std::string>> references;
};

// Entries that are not fresh keep the value they have. Not thread-safe.
class Resolver {
 public:
  using WishOf = absl::FunctionRef<Wish(const Entry&)>;
  using IsFresh = absl::FunctionRef<bool(const Entry&)>;

  // The arguments must outlive the resolver.
  Resolver(const RegistryState& state, WishOf wish_of, IsFresh is_fresh)
      : state_(state), wish_of_(wish_of), is_fresh_(is_fresh) {}

  struct Outcome {
    absl::Status status;  // As `Evaluate`.
    Resolved resolved;
  };

  // What the option's own wish leads to. Good as long as the resolver.
  Outcome& Resolve(const Entry& entry);

  // The error names the option and the place of its setting: NotFound for a
  // reference to an unknown option, else InvalidArgument.
  absl::Status Evaluate(const Entry& entry, const Wish& wish,
                        Resolved& resolved);

 private:
  absl::StatusOr<AnyValue> ToValue(const Entry& entry, const Wish& wish,
                                   Resolved& resolved);
  std::string PlaceOfError(const Entry& entry, const Wish& wish,
                           const Resolved& resolved) const;
  absl::StatusOr<std::string> Lookup(const Entry& from, absl::string_view name,
                                     Resolved& resolved);
  const Entry* Target(const Entry& from, absl::string_view name,
                      std::vector<std::string>& references) const;

  const RegistryState& state_;
  WishOf wish_of_;
  IsFresh is_fresh_;
  absl::node_hash_map<const Entry*, Outcome> done_;
  std::vector<const Entry*> path_;  // Being resolved; each refers to the next.
};

}  // namespace bergen::config::internal

#endif  // CONFIG_RESOLVER_H_
