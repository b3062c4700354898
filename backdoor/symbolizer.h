// SPDX-License-Identifier: Apache-2.0
//
// Addresses in this process to functions, by the debug information in the
// program and its libraries, else by their symbols.
//
//   Symbolizer symbolizer;
//   for (const SourceFrame& frame : symbolizer.Resolve(address)) {
//     Print(frame.function.name, frame.function.file, frame.line);
//   }
//
// Uses elfutils' libdw, on local files only.

#ifndef BACKDOOR_SYMBOLIZER_H_
#define BACKDOOR_SYMBOLIZER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "backdoor/profile.h"

namespace bergen::backdoor {

struct SourceFrame {
  Function function;
  // Line of `function.file` that the address belongs to; 0 if unknown.
  int line = 0;
};

// Sees the libraries that are loaded when it is created. Not thread-safe; holds
// the debug information it has read, so it is for a moment's use.
class Symbolizer {
 public:
  Symbolizer();
  ~Symbolizer();

  // The functions at `address`, an inlined one before the one that it was put
  // into. Never empty. The reference is good until the symbolizer goes.
  const std::vector<SourceFrame>& Resolve(uintptr_t address);

 private:
  class DebugInfo;

  std::vector<SourceFrame> ResolveUncached(uintptr_t address);

  std::unique_ptr<DebugInfo> debug_info_;
  std::map<uintptr_t, std::vector<SourceFrame>> cache_;
};

// A demangled name without parameters, return type and qualifiers:
// `demo::Fibonacci` from `int demo::Fibonacci<int>(int) const` keeps
// template arguments, so `demo::Fibonacci<int>`.
std::string StripParameters(absl::string_view demangled);

}  // namespace bergen::backdoor

#endif  // BACKDOOR_SYMBOLIZER_H_
