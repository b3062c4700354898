// SPDX-License-Identifier: Apache-2.0

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "backdoor/command.h"
#include "backdoor/command_table.h"

namespace bergen::backdoor {
namespace {

absl::Status DoNothing(const Arguments&, const Caller&, Output&) {
  return absl::OkStatus();
}

// Reads each line once; what is accepted must be as it was declared.
void Check(absl::string_view line) {
  CommandTable table;
  absl::Status added =
      table.Add({.name = "prof",
                 .parameters = {{.name = "name"},
                                {.name = "hz",
                                 .type = ParameterType::kInt,
                                 .default_value = int64_t{99},
                                 .min = 1,
                                 .max = 1000},
                                {.name = "ratio",
                                 .type = ParameterType::kDouble,
                                 .default_value = 0.5,
                                 .min = 0,
                                 .max = 1},
                                {.name = "loud",
                                 .type = ParameterType::kBool,
                                 .default_value = false},
                                {.name = "clock",
                                 .default_value = std::string("cpu"),
                                 .choices = {"cpu", "wall"}}},
                 .handler = DoNothing});
  if (!added.ok()) std::abort();

  absl::StatusOr<Invocation> call = table.Parse(line, Role::kAdmin);
  if (!call.ok()) {
    if (call.status().message().size() > 400) std::abort();
    return;
  }
  if (call->command == nullptr) return;
  const int64_t hz = call->arguments.Int("hz");
  const double ratio = call->arguments.Double("ratio");
  const std::string& clock = call->arguments.String("clock");
  if (hz < 1 || hz > 1000 || !(ratio >= 0 && ratio <= 1) ||
      (clock != "cpu" && clock != "wall")) {
    std::abort();
  }
}

}  // namespace
}  // namespace bergen::backdoor

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bergen::backdoor::Check(
      absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
