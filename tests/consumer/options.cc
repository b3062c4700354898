// SPDX-License-Identifier: Apache-2.0

#include "options.h"

namespace ticker {
namespace {

bergen::config::Option<int64_t> Ticks() {
  return {.name = "ticks",
          .default_value = 3,
          .help = "How often to tick.",
          .min = 1};
}

}  // namespace

bergen::config::OptionList ListOpts() {
  return {{.name = "ticker", .options = {Ticks()}}};
}

absl::StatusOr<bergen::config::Handle<int64_t>> RegisterTicks(
    bergen::config::Registry& registry) {
  return registry.Register("ticker", Ticks());
}

}  // namespace ticker
