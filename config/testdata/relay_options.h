// SPDX-License-Identifier: Apache-2.0
//
// Options of invented modules, one for each thing that documentation has to
// show.
//
// Source: the worked example of oslo.config's sample files.

#ifndef CONFIG_TESTDATA_RELAY_OPTIONS_H_
#define CONFIG_TESTDATA_RELAY_OPTIONS_H_

#include "config/option.h"

namespace acme {

bergen::config::OptionList ListBaseOpts();
bergen::config::OptionList ListRelayOpts();

}  // namespace acme

#endif  // CONFIG_TESTDATA_RELAY_OPTIONS_H_
