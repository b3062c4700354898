// SPDX-License-Identifier: Apache-2.0
//
// Reads JSON texts, one a line, and writes each as `WriteYaml` and as
// `WriteJson` do, a NUL byte after each.

#include <cstdint>
#include <iostream>
#include <string>

#include "config/native_text.h"
#include "config/value.h"
#include "nlohmann/json.hpp"

namespace bergen::config {
namespace {

NativeValue FromJson(const nlohmann::json& json) {
  if (json.is_boolean()) return {json.get<bool>()};
  if (json.is_number_integer()) return {json.get<int64_t>()};
  if (json.is_number_float()) return {json.get<double>()};
  if (json.is_string()) return {json.get<std::string>()};
  if (json.is_array()) {
    NativeValue::List list;
    for (const auto& item : json) list.push_back(FromJson(item));
    return {std::move(list)};
  }
  if (json.is_object()) {
    NativeValue::Dict dict;
    for (const auto& [key, item] : json.items()) {
      dict.emplace_back(key, FromJson(item));
    }
    return {std::move(dict)};
  }
  return {};
}

}  // namespace
}  // namespace bergen::config

// A bad line ends it.
// NOLINTNEXTLINE(bugprone-exception-escape)
int main() {
  for (std::string line; std::getline(std::cin, line);) {
    const auto value =
        bergen::config::FromJson(nlohmann::json::parse(line, nullptr));
    std::cout << bergen::config::WriteYaml(value) << '\0'
              << bergen::config::WriteJson(value) << '\0';
  }
}
