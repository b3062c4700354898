// SPDX-License-Identifier: Apache-2.0
//
// Writes plain data as JSON and as YAML, byte for byte as Python does.
//
//   const NativeValue data = {NativeValue::Dict{{"workers", {int64_t{2}}}}};
//   WriteYaml(data);  // "workers: 2\n"
//
// Source: json.dumps(data, sort_keys=True) and yaml.safe_dump(data,
// default_flow_style=False), which oslo-config-generator calls. Differences:
// none for text in UTF-8; a byte that is not part of any is replaced.

#ifndef CONFIG_NATIVE_TEXT_H_
#define CONFIG_NATIVE_TEXT_H_

#include <string>

#include "config/value.h"

namespace bergen::config {

// One line without newline; keys sorted by code points.
std::string WriteJson(const NativeValue& value);

// Block style, keys sorted, lines folded near column 80; ends with a newline.
// `value` is a dict or a list.
std::string WriteYaml(const NativeValue& value);

}  // namespace bergen::config

#endif  // CONFIG_NATIVE_TEXT_H_
