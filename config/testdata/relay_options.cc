// SPDX-License-Identifier: Apache-2.0

#include "config/testdata/relay_options.h"

#include <cstdint>
#include <string>
#include <vector>

namespace acme {

using ::bergen::config::Option;
using ::bergen::config::OptionList;
using ::bergen::config::Port;

OptionList ListBaseOpts() {
  return {
      {.name = "DEFAULT",
       .options = {Option<bool>{
           .name = "dry-run", .default_value = true, .help = "Do nothing."}}},
  };
}

OptionList ListRelayOpts() {
  return {
      {.name = "DEFAULT",
       .options =
           {
               Option<Port>{.name = "listen-port",
                            .default_value = Port{7070},
                            .help = "TCP port the relay binds to."},
               Option<int64_t>{.name = "spin_us",
                               .default_value = 50,
                               .help = "Busy-wait before sleeping.",
                               .advanced = true},
               Option<bool>{
                   .name = "trace",
                   .default_value = false,
                   .help = "Log every frame. Costs about a third of the "
                           "throughput, so keep it off unless you are chasing "
                           "a protocol problem.",
                   .is_mutable = true},
               Option<double>{
                   .name = "drop_ratio",
                   .default_value = 0.25,
                   .help = "Share of low-priority frames to drop under load.",
                   .min = 0.0,
                   .max = 1.0},
               Option<int64_t>{.name = "workers",
                               .help = "Worker count. Unset means one per CPU.",
                               .min = 1,
                               .deprecated_names = {{.name = "num-workers",
                                                     .group = "pool"}}},
               Option<std::string>{
                   .name = "mode",
                   .default_value = "fast",
                   .help = "Framing mode.",
                   .choices = {{"fast", "no checksum"},
                               {"safe",
                                "checksum every frame, which is slower but "
                                "finds broken network cards before your users "
                                "do"},
                               {"", ""}}},
               Option<std::vector<int64_t>>{
                   .name = "quotas",
                   .default_value = std::vector<int64_t>{1, 2},
                   .help = "Quota per class."},
               Option<std::string>{
                   .name = "token", .help = "Shared secret.", .secret = true},
               Option<std::string>{.name = "node_name",
                                   .help = "Name announced to peers.",
                                   .sample_default = "relay1.example.org"},
               Option<std::string>{.name = "banner",
                                   .default_value = "line one\nline two",
                                   .help = "Greeting."},
               Option<std::string>{.name = "sep",
                                   .default_value = " | ",
                                   .help = "Field separator."},
               Option<std::string>{
                   .name = "legacy",
                   .default_value = "x",
                   .help = "Old wire format.",
                   .removal = {{.reason = "Nobody uses the old wire format any "
                                          "more and keeping it blocks a "
                                          "cleanup.",
                                .since = "2.1"}}},
               Option<int64_t>{.name = "nohelp", .default_value = 1},
           }},
      {.name = "store",
       .help = "Where relayed messages are kept.\n\nTwo back ends exist:\n\n"
               "* memory - lost on restart\n* disk   - survives a restart",
       .options = {Option<std::string>{.name = "path", .help = "Directory."}}},
  };
}

}  // namespace acme
