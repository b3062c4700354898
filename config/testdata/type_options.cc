// SPDX-License-Identifier: Apache-2.0

#include "config/testdata/type_options.h"

#include <cstdint>
#include <string>
#include <vector>

#include "config/enum_value.h"
#include "config/host.h"
#include "config/range.h"
#include "config/uri.h"

namespace acme {
namespace {

enum class Mode { kFast, kSafe };

}  // namespace
}  // namespace acme

template <>
struct bergen::config::EnumNames<acme::Mode> {
  static constexpr EnumName<acme::Mode> kNames[] = {
      {acme::Mode::kFast, "fast", "no checksum"},
      {acme::Mode::kSafe, "safe", ""}};
};

namespace acme {

using ::bergen::config::Dict;
using ::bergen::config::HostAddress;
using ::bergen::config::HostDomain;
using ::bergen::config::Hostname;
using ::bergen::config::IpAddress;
using ::bergen::config::IpVersion;
using ::bergen::config::Multi;
using ::bergen::config::Option;
using ::bergen::config::OptionList;
using ::bergen::config::Port;
using ::bergen::config::Range;
using ::bergen::config::Removal;
using ::bergen::config::Uri;

OptionList ListTypeOpts() {
  return {
      {.name = "types",
       .options =
           {
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
               Option<double>{
                   .name = "tiny", .default_value = 1e-07, .max = 1e16},
               Option<Port>{.name = "port", .min = Port{1}},
               Option<std::string>{
                   .name = "old",
                   .help = "DEPRECATED. Old.",
                   .deprecated_names = {{.name = "older"},
                                        {.name = "old-est", .group = "gone"}},
                   .removal = Removal{}},
           }},
      {.name = "more_types",
       .options = {
           Option<IpAddress>{.name = "ip",
                             .default_value = IpAddress{"::1"},
                             .help = "Address.",
                             .type = {.version = IpVersion::k6}},
           Option<IpAddress>{.name = "no_ip"},
           Option<Hostname>{.name = "hostname",
                            .default_value = Hostname{"a.example"},
                            .help = "Name.",
                            .sample_default = "<your_hostname>"},
           Option<HostAddress>{.name = "host_address",
                               .default_value = HostAddress{"10.0.0.1"},
                               .help = "Host."},
           Option<HostDomain>{.name = "host_domain",
                              .default_value = HostDomain{"_a.example"},
                              .help = "Domain."},
           Option<Uri>{.name = "uri",
                       .default_value = Uri{"http://a:80/b?c#d"},
                       .help = "Where.",
                       .type = {.max_length = 99, .schemes = {"http"}}},
           Option<Range>{.name = "range",
                         .default_value = Range{1, 5},
                         .help = "Some.",
                         .min = 0,
                         .max = 9},
           Option<Range>{.name = "one",
                         .default_value = Range{-3, -3, false},
                         .type = {.inclusive = false}},
           Option<std::vector<IpAddress>>{
               .name = "ips",
               .default_value = std::vector<IpAddress>{{"1.2.3.4"}, {"::1"}},
               .help = "Addresses."},
           Option<Mode>{
               .name = "mode", .default_value = Mode::kSafe, .help = "How."},
       }}};
}

}  // namespace acme
