// SPDX-License-Identifier: Apache-2.0

#include "backdoor/pstats.h"

#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace bergen::backdoor {
namespace {

// The types of marshal that are used here.
constexpr char kDict = '{';
constexpr char kDictEnd = '0';
constexpr char kTuple = '(';
constexpr char kInt = 'i';
constexpr char kLong = 'l';
constexpr char kFloat = 'g';
constexpr char kText = 'u';

constexpr int kLongDigitBits = 15;

// Appends values to a stream of marshal bytes.
class MarshalWriter {
 public:
  void BeginDict() { bytes_.push_back(kDict); }
  void EndDict() { bytes_.push_back(kDictEnd); }

  // `size` values must follow.
  void BeginTuple(int32_t size) {
    bytes_.push_back(kTuple);
    AppendLittleEndian(static_cast<uint32_t>(size), 4);
  }

  // Not negative.
  void Int(int64_t value) {
    if (value <= std::numeric_limits<int32_t>::max()) {
      bytes_.push_back(kInt);
      AppendLittleEndian(static_cast<uint64_t>(value), 4);
      return;
    }
    std::vector<uint16_t> digits;
    for (uint64_t rest = static_cast<uint64_t>(value); rest != 0;
         rest >>= kLongDigitBits) {
      digits.push_back(rest & ((1u << kLongDigitBits) - 1));
    }
    bytes_.push_back(kLong);
    AppendLittleEndian(digits.size(), 4);
    for (uint16_t digit : digits) AppendLittleEndian(digit, 2);
  }

  void Float(double value) {
    uint64_t bits = 0;
    static_assert(sizeof(bits) == sizeof(value));
    std::memcpy(&bits, &value, sizeof(bits));
    bytes_.push_back(kFloat);
    AppendLittleEndian(bits, 8);
  }

  void Text(absl::string_view text) {
    bytes_.push_back(kText);
    AppendLittleEndian(text.size(), 4);
    for (char c : text) {
      bytes_.push_back(static_cast<unsigned char>(c) < 0x80 ? c : '?');
    }
  }

  std::string Take() { return std::move(bytes_); }

 private:
  void AppendLittleEndian(uint64_t value, int size) {
    for (int i = 0; i < size; ++i) {
      bytes_.push_back(static_cast<char>(value >> (8 * i)));
    }
  }

  std::string bytes_;
};

void WriteFunction(const Function& function, MarshalWriter& writer) {
  writer.BeginTuple(3);
  writer.Text(function.file);
  writer.Int(function.line);
  writer.Text(function.name);
}

void WriteTimes(const CallCounts& counts, MarshalWriter& writer) {
  writer.Float(absl::ToDoubleSeconds(counts.own_time));
  writer.Float(absl::ToDoubleSeconds(counts.total_time));
}

void WriteCallers(const std::map<Function, CallCounts>& callers,
                  MarshalWriter& writer) {
  writer.BeginDict();
  for (const auto& [caller, counts] : callers) {
    WriteFunction(caller, writer);
    // All calls come first here, and second in the entry of a function.
    writer.BeginTuple(4);
    writer.Int(counts.calls);
    writer.Int(counts.primitive_calls);
    WriteTimes(counts, writer);
  }
  writer.EndDict();
}

}  // namespace

std::string EncodePstats(const CallStats& stats) {
  if (stats.empty()) {
    return EncodePstats(
        {{{.file = "~", .line = 0, .name = "<no samples>"}, {}}});
  }
  MarshalWriter writer;
  writer.BeginDict();
  for (const auto& [function, entry] : stats) {
    WriteFunction(function, writer);
    writer.BeginTuple(5);
    writer.Int(entry.counts.primitive_calls);
    writer.Int(entry.counts.calls);
    WriteTimes(entry.counts, writer);
    WriteCallers(entry.callers, writer);
  }
  writer.EndDict();
  return writer.Take();
}

}  // namespace bergen::backdoor
