// SPDX-License-Identifier: Apache-2.0
//
// Options with every field, of an invented program. The same options are
// declared in Python by tests/differential/generator_test.py.

#ifndef CONFIG_TESTDATA_FIELD_OPTIONS_H_
#define CONFIG_TESTDATA_FIELD_OPTIONS_H_

#include "config/option.h"

namespace acme {

bergen::config::OptionList ListFieldOpts();

}  // namespace acme

#endif  // CONFIG_TESTDATA_FIELD_OPTIONS_H_
