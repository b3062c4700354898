// SPDX-License-Identifier: Apache-2.0

#include "config/testdata/field_options.h"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "config/host.h"
#include "config/value.h"

namespace acme {
namespace {

using ::bergen::config::Dict;
using ::bergen::config::HostAddress;
using ::bergen::config::IpVersion;
using ::bergen::config::Multi;
using ::bergen::config::Option;
using ::bergen::config::OptionGroup;
using ::bergen::config::Port;
using ::bergen::config::Removal;

OptionGroup Numbers() {
  return {
      .name = "numbers",
      .help = "Of all kinds.\n\n\n  Even\tbig ones.",
      .options = {
          Option<int64_t>{.name = "workers-min",
                          .default_value = -3,
                          .help = "Any.",
                          .min = -10,
                          .metavar = "N"},
          Option<int64_t>{.name = "big",
                          .default_value = std::numeric_limits<int64_t>::max(),
                          .help = "The most."},
          Option<int64_t>{
              .name = "reference", .default_text = "$big", .help = "$x?"},
          Option<int64_t>{.name = "sampled",
                          .help = "Depends on the machine.",
                          .sample_default = int64_t{7}},
          Option<double>{.name = "ratio",
                         .default_value = 2.5,
                         .help = "",
                         .min = -1.5,
                         .max = 1e22},
          Option<double>{.name = "small", .default_value = -1e-300},
          Option<Port>{.name = "web",
                       .default_value = Port{80},
                       .help = "One of two.",
                       .choices = {{Port{80}, "plain"}, {Port{443}, ""}}},
          Option<bool>{
              .name = "unset-flag", .help = "Maybe:", .is_mutable = true},
          Option<bool>{.name = "on",
                       .default_value = true,
                       .help = "Yes.",
                       .is_mutable = true,
                       .advanced = true},
      }};
}

OptionGroup Lists() {
  return {
      .name = "lists",
      .options = {
          Option<std::vector<std::string>>{
              .name = "names",
              .default_value = std::vector<std::string>{"a b", "c"},
              .help = "Names."},
          Option<std::vector<double>>{
              .name = "factors",
              .default_value = std::vector<double>{1.5, 2.0},
              .help = "Factors."},
          Option<Dict<int64_t>>{
              .name = "counts",
              .default_value = Dict<int64_t>{{"b", 2}, {"a", 1}},
              .help = "Counts."},
          Option<Multi<std::string>>{
              .name = "driver",
              .help = "One of many.",
              .sample_default = Multi<std::string>{"x", "y"}},
          Option<Multi<std::string>>{.name = "none",
                                     .default_value = Multi<std::string>{},
                                     .help = "None.",
                                     .deprecated_names = {{.name = "nothing"}}},
      }};
}

OptionGroup Texts() {
  return {
      .name = "texts",
      .options = {
          Option<std::string>{.name = "limited",
                              .default_value = "abc",
                              .help = "Short.",
                              .type = {.max_length = 8}},
          Option<std::string>{.name = "matched",
                              .default_value = "aa",
                              .help = "All of one letter.",
                              .type = {.regex = "^a+$"}},
          Option<std::string>{.name = "quoted",
                              .default_value = "x",
                              .help = "With or without.",
                              .type = {.quotes = true}},
          Option<std::string>{.name = "any-case",
                              .default_value = "a",
                              .help = "Loud or not.",
                              .type = {.ignore_case = true},
                              .choices = {{"a", ""}, {"B", "the other"}}},
          Option<std::string>{.name = "empty-sample",
                              .default_value = "x",
                              .help = "A sample that says nothing.",
                              .sample_default = ""},
          Option<std::string>{.name = "password",
                              .help = "Said to nobody.",
                              .short_name = 'p',
                              .required = true,
                              .secret = true},
          Option<std::string>{.name = "lines",
                              .default_value = " one\n\ttwo\n",
                              .help = "Lines."},
          Option<std::string>{
              .name = "foreign",
              .default_value =
                  "\xc5\xbc\xc3\xb3\xc5\x82\xc4\x87 \xf0\x9f\x98\x80",
              .help = "Beyond ASCII: \xf0\x9f\x98\x80."},
          Option<std::string>{.name = "file",
                              .help = "By position.",
                              .metavar = "FILE",
                              .positional = true},
          Option<std::string>{
              .name = "explained",
              .default_value = "x",
              .help = "Over-\nridden  options,\twell-known state-of-the-art "
                      "--flags -- and dashes---between: "
                      "https://example.org/a/very/long/path/that/does/not/fit/"
                      "into/any/line/of/a/sample/at/all\n* bullets\n"
                      "   - indented ones that are long enough to be wrapped "
                      "at any of the widths that are tried\n\n\nEnd.\n"},
          Option<std::string>{.name = "gone",
                              .help = "Was good once.\n\nNot now.",
                              .removal = Removal{.since = "T"}},
          Option<std::string>{
              .name = "going",
              .default_value = "x",
              .help = "Will go.",
              .advanced = true,
              .removal =
                  Removal{.reason =
                              "Because it is\n\nnot needed any more by "
                              "anybody who is known to those who asked."}},
          Option<std::string>{
              .name = "renamed",
              .help = "Three times.",
              .deprecated_names = {{.name = "a_b"},
                                   {.name = "c", .group = "old_group"},
                                   {.name = "d", .group = "old_group"}}},
          Option<HostAddress>{.name = "address4",
                              .default_value = HostAddress{"10.0.0.1"},
                              .help = "Of version 4.",
                              .type = {.version = IpVersion::k4}},
      }};
}

}  // namespace

bergen::config::OptionList ListFieldOpts() {
  return {
      Numbers(),
      Lists(),
      Texts(),
      // A group that other modules have too.
      {.name = "DEFAULT",
       .options = {Option<bool>{
           .name = "verbose", .default_value = false, .help = "Say more."}}}};
}

}  // namespace acme
