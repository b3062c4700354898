// SPDX-License-Identifier: Apache-2.0
//
// What the keys of etcd_source.h mean.
//
//   std::optional<EtcdKey> key = ParseEtcdKey("/demo", "/demo/ssl/ca_file");
//   Assign(key->group, key->name);  // "ssl", "ca_file"

#ifndef CONFIG_ETCD_KEY_H_
#define CONFIG_ETCD_KEY_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace bergen::config {

// A view of the key it was made of.
struct EtcdKey {
  absl::string_view group;
  absl::string_view name;  // As written: `-` stays `-`.
};

// The option that `PREFIX/GROUP/NAME` is about, or `PREFIX/GROUP/NAME/ANYTHING`
// for one of several values. Without name, or without group, these are empty:
// no option is called like that, so that the value is found to be unknown.
// Nothing if the key does not begin with the prefix and a slash.
std::optional<EtcdKey> ParseEtcdKey(absl::string_view prefix,
                                    absl::string_view key);

// All keys below a prefix are from `first` on, before `end`.
struct EtcdRange {
  std::string first;
  std::string end;
};
EtcdRange RangeOfPrefix(absl::string_view prefix);

}  // namespace bergen::config

#endif  // CONFIG_ETCD_KEY_H_
