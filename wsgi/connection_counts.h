// SPDX-License-Identifier: Apache-2.0
//
// How many connections there are, in all and by address, and whether one more
// may come.
//
//   ConnectionCounts counts(16384, 100);
//   if (!counts.Admit(address)) return Refuse();
//   ...
//   counts.Remove(address);

#ifndef WSGI_CONNECTION_COUNTS_H_
#define WSGI_CONNECTION_COUNTS_H_

#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

namespace bergen::wsgi {

// Not thread-safe.
class ConnectionCounts {
 public:
  // The most connections, and the most from one address; 0: any number.
  ConnectionCounts(int most, int most_per_address)
      : most_(most), most_per_address_(most_per_address) {}

  // False if there are too many; otherwise counts it. Clients of UNIX sockets
  // have no address, which is empty here, and count only in all.
  bool Admit(absl::string_view address) {
    if (most_ != 0 && all_ >= most_) return false;
    if (most_per_address_ != 0 && !address.empty()) {
      int& count = by_address_[address];
      // It is positive, so nothing is left behind.
      if (count >= most_per_address_) return false;
      ++count;
    }
    ++all_;
    return true;
  }

  // Requires that `address` was admitted.
  void Remove(absl::string_view address) {
    --all_;
    if (most_per_address_ == 0 || address.empty()) return;
    const auto found = by_address_.find(address);
    if (--found->second == 0) by_address_.erase(found);
  }

  int all() const { return all_; }
  // That have a connection, if they are counted.
  size_t addresses() const { return by_address_.size(); }

 private:
  int most_;
  int most_per_address_;
  int all_ = 0;
  absl::flat_hash_map<std::string, int> by_address_;  // Positive.
};

}  // namespace bergen::wsgi

#endif  // WSGI_CONNECTION_COUNTS_H_
