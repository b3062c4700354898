// SPDX-License-Identifier: Apache-2.0
//
// The options of a service outside Bergen's tree.

#ifndef OPTIONS_H_
#define OPTIONS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "config/handle.h"
#include "config/option.h"
#include "config/registry.h"

namespace ticker {

bergen::config::OptionList ListOpts();

absl::StatusOr<bergen::config::Handle<int64_t>> RegisterTicks(
    bergen::config::Registry& registry);

}  // namespace ticker

#endif  // OPTIONS_H_
