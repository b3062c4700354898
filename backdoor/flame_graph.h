// SPDX-License-Identifier: Apache-2.0
//
// Draws a profile as a flame graph: one SVG file that a browser shows without
// anything else. A click enlarges a frame, `Search` marks functions.
//
//   std::string svg = EncodeFlameGraph(profile, "neutron, worker 1");
//
// Source: Brendan Gregg's flame graphs.

#ifndef BACKDOOR_FLAME_GRAPH_H_
#define BACKDOOR_FLAME_GRAPH_H_

#include <string>

#include "absl/strings/string_view.h"
#include "backdoor/profile.h"

namespace bergen::backdoor {

// The outermost functions are at the bottom, under them the thread's name if it
// is known; siblings have a fixed order, and widths are samples. Frames that
// are too narrow to be seen or enlarged usefully (a 5000th of all samples) are
// left out, so that the size is bounded by the depth of the stacks.
// Reproducible: equal profiles give equal bytes.
std::string EncodeFlameGraph(const Profile& profile, absl::string_view title);

}  // namespace bergen::backdoor

#endif  // BACKDOOR_FLAME_GRAPH_H_
