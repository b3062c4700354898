// SPDX-License-Identifier: Apache-2.0
//
// Options of an invented module, one for each type and field that
// relay_options.h lacks.

#ifndef CONFIG_TESTDATA_TYPE_OPTIONS_H_
#define CONFIG_TESTDATA_TYPE_OPTIONS_H_

#include "config/option.h"

namespace acme {

bergen::config::OptionList ListTypeOpts();

}  // namespace acme

#endif  // CONFIG_TESTDATA_TYPE_OPTIONS_H_
