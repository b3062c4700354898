// SPDX-License-Identifier: Apache-2.0
//
// A length of time for people: `1h2m3.004s`.

#ifndef BACKDOOR_AGE_TEXT_H_
#define BACKDOOR_AGE_TEXT_H_

#include <string>

#include "absl/time/time.h"

namespace bergen::backdoor {

// To the millisecond.
inline std::string AgeText(absl::Duration age) {
  return absl::FormatDuration(absl::Trunc(age, absl::Milliseconds(1)));
}

}  // namespace bergen::backdoor

#endif  // BACKDOOR_AGE_TEXT_H_
