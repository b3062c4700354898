// SPDX-License-Identifier: Apache-2.0
//
// Text for those who accept nothing but UTF-8.

#ifndef BACKDOOR_UTF8_H_
#define BACKDOOR_UTF8_H_

#include <string>

#include "absl/strings/string_view.h"

namespace bergen::backdoor {

// `text` with each byte that belongs to no character replaced by `?`.
std::string ToValidUtf8(absl::string_view text);

}  // namespace bergen::backdoor

#endif  // BACKDOOR_UTF8_H_
