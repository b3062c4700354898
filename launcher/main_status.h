// SPDX-License-Identifier: Apache-2.0
//
// How a program ends whose work is a function that may fail.
//
//   absl::StatusOr<int> Run(int argc, char** argv) {
//     ...
//     return (*launcher)->Wait();
//   }
//
//   int main(int argc, char** argv) {
//     return bergen::launcher::MainStatus("hello", Run(argc, argv));
//   }

#ifndef LAUNCHER_MAIN_STATUS_H_
#define LAUNCHER_MAIN_STATUS_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace bergen::launcher {

// `status` for `main` to return. An error is printed to the standard error, as
// `PROGRAM: what is wrong`, and is the `ExitStatusOf` it.
int MainStatus(absl::string_view program, const absl::StatusOr<int>& status);

}  // namespace bergen::launcher

#endif  // LAUNCHER_MAIN_STATUS_H_
