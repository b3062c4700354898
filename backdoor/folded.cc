// SPDX-License-Identifier: Apache-2.0

#include "backdoor/folded.h"

#include <cstdint>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace bergen::backdoor {
namespace {

void AppendFrame(absl::string_view name, std::string& stack) {
  if (!stack.empty()) stack += ';';
  for (const char c : name) {
    if (c == ';') {
      stack += ':';
    } else {
      stack += absl::ascii_isprint(static_cast<unsigned char>(c)) ? c : '_';
    }
  }
}

}  // namespace

std::string EncodeFolded(const Profile& profile) {
  std::map<std::string, int64_t> stacks;
  for (const StackCount& count : profile.stacks) {
    std::string stack;
    if (!count.thread.empty()) AppendFrame(count.thread, stack);
    for (auto function = count.functions.rbegin();
         function != count.functions.rend(); ++function) {
      AppendFrame(profile.functions[*function].name, stack);
    }
    stacks[stack] += count.samples;
  }
  std::string text;
  for (const auto& [stack, samples] : stacks) {
    absl::StrAppend(&text, stack, " ", samples, "\n");
  }
  return text;
}

}  // namespace bergen::backdoor
