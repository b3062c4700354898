// SPDX-License-Identifier: Apache-2.0

#include "backdoor/object_commands.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "backdoor/age_text.h"
#include "backdoor/command.h"

namespace bergen::backdoor {
namespace {

constexpr int64_t kDefaultSample = 10;
// Each shard of a type is locked while so many are described.
constexpr int64_t kMaxSample = 1000;

std::string Summary(const LiveTypeInfo& type) {
  std::string text =
      absl::StrCat(type.name, ": ", type.count, " live, ", type.made, " made");
  if (type.count > 0) {
    absl::StrAppend(&text, ", the oldest ", AgeText(type.oldest_age), " old");
  }
  return absl::StrCat(text, "\n");
}

absl::Status FindObjects(const LiveObjects& objects, const Arguments& arguments,
                         Output& output) {
  const std::vector<LiveTypeInfo> types = objects.List();
  if (!arguments.Has("type")) {
    for (const LiveTypeInfo& type : types) output.Write(Summary(type));
    return absl::OkStatus();
  }
  const std::string& name = arguments.String("type");
  const absl::StatusOr<std::vector<LiveObjectInfo>> found =
      objects.Find(name, static_cast<size_t>(arguments.Int("sample")));
  if (!found.ok()) return found.status();
  const auto type = std::find_if(
      types.begin(), types.end(),
      [&name](const LiveTypeInfo& one) { return one.name == name; });
  if (type != types.end()) output.Write(Summary(*type));
  for (const LiveObjectInfo& object : *found) {
    const std::string line = absl::StrFormat("%p %s old: %s\n", object.address,
                                             AgeText(object.age), object.text);
    if (!output.Write(line)) break;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status AddObjectCommands(const LiveObjects& objects,
                               CommandTable& table) {
  return table.Add({.name = "fo",
                    .parameters = {{.name = "type",
                                    .help = "of which some are shown; left "
                                            "out, the types are"},
                                   {.name = "sample",
                                    .type = ParameterType::kInt,
                                    .help = "how many, the oldest first",
                                    .default_value = kDefaultSample,
                                    .min = 1,
                                    .max = kMaxSample}},
                    .help = "Finds live objects of types that opt in.",
                    .handler = [&objects](const Arguments& arguments,
                                          const Caller&, Output& output) {
                      return FindObjects(objects, arguments, output);
                    }});
}

}  // namespace bergen::backdoor
