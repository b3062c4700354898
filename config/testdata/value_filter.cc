// SPDX-License-Identifier: Apache-2.0
//
// Reads JSON lists of a type's key and a text, one a line, and writes what the
// text is as a value of the type, one JSON object a line: {"value": VALUE}, or
// {"error": MESSAGE}. The keys are those of `Types`.

#include <cstdint>
#include <iostream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "config/handle.h"
#include "config/host.h"
#include "config/native_text.h"
#include "config/option.h"
#include "config/range.h"
#include "config/uri.h"
#include "config/value.h"
#include "nlohmann/json.hpp"

namespace bergen::config {
namespace {

template <typename T>
Option<T> Typed(TypeRules<T> rules = {}) {
  return {.name = "x", .type = std::move(rules)};
}

// tests/differential/types_test.py has the same.
std::map<std::string, AnyOption> Types() {
  using Texts = std::vector<std::string>;
  using Numbers = std::vector<int64_t>;
  return {
      {"string", Typed<std::string>()},
      {"string_length", Typed<std::string>({.max_length = 5})},
      {"string_regex", Typed<std::string>({.regex = "a.c|^b"})},
      {"string_quotes", Typed<std::string>({.max_length = 4, .quotes = true})},
      {"string_choices",
       Option<std::string>{.name = "x",
                           .choices = {{"one", ""}, {"Two", ""}, {"", ""}}}},
      {"string_any_case",
       Option<std::string>{.name = "x",
                           .type = {.ignore_case = true},
                           .choices = {{"one", ""}, {"Two", ""}}}},
      {"boolean", Typed<bool>()},
      {"integer", Typed<int64_t>()},
      {"integer_bounds", Option<int64_t>{.name = "x", .min = -5, .max = 1000}},
      {"integer_choices",
       Option<int64_t>{.name = "x", .choices = {{0, ""}, {7, ""}, {-12, ""}}}},
      {"float", Typed<double>()},
      {"float_bounds", Option<double>{.name = "x", .min = 0, .max = 1.5}},
      {"port", Typed<Port>()},
      {"port_bounds", Option<Port>{.name = "x", .min = Port{8}}},
      {"list", Typed<Texts>()},
      {"list_quotes", Typed<Texts>({.item = {.quotes = true}})},
      {"list_integer", Typed<Numbers>()},
      {"list_bounds", Typed<Numbers>({.bounds = true})},
      {"list_nested", Typed<std::vector<Texts>>({.item = {.bounds = true}})},
      {"dict", Typed<Dict<std::string>>()},
      {"dict_quotes", Typed<Dict<std::string>>({.item = {.quotes = true}})},
      {"dict_integer", Typed<Dict<int64_t>>()},
      {"dict_nested", Typed<Dict<Dict<std::string>>>(
                          {.item = {.bounds = true}, .bounds = true})},
      {"range", Typed<Range>()},
      {"range_bounds", Option<Range>{.name = "x", .min = -2, .max = 20}},
      {"range_exclusive", Typed<Range>({.inclusive = false})},
      {"ip", Typed<IpAddress>()},
      {"ip4", Typed<IpAddress>({.version = IpVersion::k4})},
      {"ip6", Typed<IpAddress>({.version = IpVersion::k6})},
      {"hostname", Typed<Hostname>()},
      {"host_address", Typed<HostAddress>()},
      {"host_address4", Typed<HostAddress>({.version = IpVersion::k4})},
      {"host_domain", Typed<HostDomain>()},
      {"host_domain6", Typed<HostDomain>({.version = IpVersion::k6})},
      {"uri", Typed<Uri>()},
      {"uri_length", Typed<Uri>({.max_length = 12})},
      {"uri_schemes", Typed<Uri>({.schemes = {"http", "https"}})},
  };
}

NativeValue Answer(const AnyOption& option, const std::string& text) {
  const absl::StatusOr<internal::AnyValue> value =
      option.erased().Parse({text}, /*hide=*/false);
  if (!value.ok()) {
    return {
        NativeValue::Dict{{"error", {std::string(value.status().message())}}}};
  }
  return {NativeValue::Dict{
      {"value", *value ? option.erased().ToNative(*value) : NativeValue()}}};
}

}  // namespace
}  // namespace bergen::config

// A bad line ends it.
// NOLINTNEXTLINE(bugprone-exception-escape)
int main() {
  const auto types = bergen::config::Types();
  for (std::string line; std::getline(std::cin, line);) {
    const auto question = nlohmann::json::parse(line, nullptr);
    const auto& type = types.at(question.at(0).get<std::string>());
    std::cout << bergen::config::WriteJson(bergen::config::Answer(
                     type, question.at(1).get<std::string>()))
              << '\n';
  }
}
