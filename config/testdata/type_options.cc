// SPDX-License-Identifier: Apache-2.0

#include "config/testdata/type_options.h"

#include <cstdint>
#include <string>
#include <vector>

namespace acme {

using ::bergen::config::Dict;
using ::bergen::config::Multi;
using ::bergen::config::Option;
using ::bergen::config::OptionList;
using ::bergen::config::Port;
using ::bergen::config::Removal;

OptionList ListTypeOpts() {
  return {
      {.name = "types",
       .options = {
           Option<Multi<std::string>>{
               .name = "plugin",
               .default_value = Multi<std::string>{"gzip", " audit", ""},
               .help = "Plug-in to load; may repeat."},
           Option<Multi<std::string>>{.name = "extra",
                                      .help = "Extra argument."},
           Option<Dict<std::string>>{
               .name = "labels",
               .default_value =
                   Dict<std::string>{{"zone", "z1"}, {"app", "relay"}},
               .help = "Labels."},
           Option<std::vector<int64_t>>{
               .name = "bounded",
               .default_value = std::vector<int64_t>{1, 2},
               .help = "In brackets.",
               .type = {.bounds = true}},
           Option<std::vector<std::string>>{
               .name = "empty-list",
               .default_value = std::vector<std::string>{},
               .help = "Nothing."},
           Option<std::string>{.name = "with-hyphens",
                               .help = "yes",
                               .metavar = "WHAT",
                               .short_name = 'w',
                               .required = true},
           Option<std::string>{.name = "empty", .default_value = ""},
           Option<std::string>{.name = "odd",
                               .default_value = "a: b #c \\ 'd' \"e\"\tf",
                               .help = "Accents: \xc3\xa9 \xe2\x80\x94."},
           Option<int64_t>{
               .name = "zero", .default_value = 0, .min = 0, .max = 0},
           Option<int64_t>{.name = "million",
                           .default_value = 1000000,
                           .help = "One:\n\nTwo.",
                           .choices = {{1000000, "many"}, {2, ""}}},
           Option<double>{.name = "tiny", .default_value = 1e-07, .max = 1e16},
           Option<Port>{.name = "port", .min = Port{1}},
           Option<std::string>{
               .name = "old",
               .help = "DEPRECATED. Old.",
               .deprecated_names = {{.name = "older"},
                                    {.name = "old-est", .group = "gone"}},
               .removal = Removal{}},
       }}};
}

}  // namespace acme
