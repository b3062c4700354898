// SPDX-License-Identifier: Apache-2.0
//
// Writes a profile as folded stacks, which flame graph programs read: a line
// for each stack, the outermost function first, and how many samples it has.
//
//   std::string text = EncodeFolded(profile);
//   // "worker-1;main;demo::Work;demo::Fibonacci 42\n"
//
// Source: the input of Brendan Gregg's flamegraph.pl.

#ifndef BACKDOOR_FOLDED_H_
#define BACKDOOR_FOLDED_H_

#include <string>

#include "backdoor/profile.h"

namespace bergen::backdoor {

// Sorted, each stack once. The thread's name, if known, is the outermost
// frame. In names, `;` becomes `:`, and bytes that are no visible ASCII become
// `_`, except blanks. Empty without samples.
std::string EncodeFolded(const Profile& profile);

}  // namespace bergen::backdoor

#endif  // BACKDOOR_FOLDED_H_
