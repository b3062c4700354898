// SPDX-License-Identifier: Apache-2.0
//
// The main of a fuzz target when it is built as a test: runs the empty input,
// each file named on the command line, and variations of both from a fixed
// seed.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

constexpr int kVariations = 20'000;
constexpr int kMaxEdits = 8;

void Run(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()),
                         input.size());
}

std::string Vary(std::string input, std::mt19937& random) {
  const auto below = [&random](size_t bound) {
    return std::uniform_int_distribution<size_t>(0, bound - 1)(random);
  };
  for (size_t edits = 1 + below(kMaxEdits); edits > 0; --edits) {
    const size_t at = below(input.size() + 1);
    switch (below(4)) {
      case 0:
        input.insert(at, 1, static_cast<char>(below(256)));
        break;
      case 1:
        if (at < input.size()) input.erase(at, 1 + below(4));
        break;
      case 2:
        if (at < input.size()) input[at] ^= static_cast<char>(1 << below(8));
        break;
      default:
        if (!input.empty()) {
          const std::string part = input.substr(below(input.size()), below(16));
          input.insert(at, part);
        }
    }
  }
  return input;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> corpus = {""};
  for (int i = 1; i < argc; ++i) {
    std::ifstream file(argv[i], std::ios::binary);
    if (!file) {
      std::fprintf(stderr, "fuzz_replay: cannot read %s\n", argv[i]);
      return 1;
    }
    corpus.emplace_back(std::istreambuf_iterator<char>(file),
                        std::istreambuf_iterator<char>());
  }
  for (const std::string& input : corpus) Run(input);

  std::mt19937 random(20261124);  // NOLINT: the same inputs each time.
  for (int i = 0; i < kVariations; ++i) {
    Run(Vary(corpus[static_cast<size_t>(i) % corpus.size()], random));
  }
  return 0;
}
