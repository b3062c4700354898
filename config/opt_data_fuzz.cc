// SPDX-License-Identifier: Apache-2.0
//
// Options that were read are options that can be listed, unless they clash.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "config/docs.h"
#include "config/listing.h"
#include "config/opt_data.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace config = bergen::config;
  const absl::StatusOr<std::vector<config::ModuleOptions>> modules =
      config::ParseOptData(
          absl::string_view(reinterpret_cast<const char*>(data), size));
  if (!modules.ok()) return 0;
  const absl::StatusOr<config::Listing> listing =
      config::Listing::Create(*modules);
  if (listing.ok() && config::WriteIni(*listing, {}).empty()) std::abort();
  return 0;
}
