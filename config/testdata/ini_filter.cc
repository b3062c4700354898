// SPDX-License-Identifier: Apache-2.0
//
// Reads files, one a line and in hexadecimal, and writes what `ParseIni` makes
// of each as a line of JSON: an array of [section, key, value, line], or a
// string, which is the message.

#include <iostream>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "config/ini.h"
#include "config/source.h"
#include "nlohmann/json.hpp"

namespace bergen::config {
namespace {

nlohmann::json Parse(std::string text) {
  const absl::StatusOr<Document> document = ParseIni(std::move(text), "ini");
  if (!document.ok()) return std::string(document.status().message());
  nlohmann::json values = nlohmann::json::array();
  for (const RawValue& value : document->values()) {
    values.push_back({std::string(value.group), std::string(value.name),
                      std::string(value.text), value.line});
  }
  return values;
}

}  // namespace
}  // namespace bergen::config

// A text that is not UTF-8 ends it.
// NOLINTNEXTLINE(bugprone-exception-escape)
int main() {
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << bergen::config::Parse(absl::HexStringToBytes(line)).dump()
              << '\n';
  }
}
