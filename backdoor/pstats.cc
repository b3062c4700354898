// SPDX-License-Identifier: Apache-2.0

#include "backdoor/pstats.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
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

// Takes values from such a stream. After the first that is another, all are
// empty, and `status` is not OK.
class MarshalReader {
 public:
  explicit MarshalReader(absl::string_view bytes) : bytes_(bytes) {}

  void Expect(char type) {
    if (!Take(1) || last_[0] != type) Fail();
  }

  // Whether a dictionary ends here; takes the end.
  bool AtDictEnd() {
    if (!ok_ || place_ >= bytes_.size() || bytes_[place_] != kDictEnd) {
      return !ok_;
    }
    ++place_;
    return true;
  }

  void Tuple(uint64_t size) {
    Expect(kTuple);
    if (LittleEndian(4) != size) Fail();
  }

  int64_t Int() {
    if (!Take(1)) return 0;
    if (last_[0] == kInt) {
      const auto value = static_cast<int32_t>(LittleEndian(4));
      if (value < 0) Fail();
      return value;
    }
    if (last_[0] != kLong) Fail();
    const uint64_t digits = LittleEndian(4);
    constexpr uint64_t kMaxDigits = 4;  // 60 bits.
    if (digits > kMaxDigits) Fail();
    int64_t value = 0;
    for (uint64_t i = 0; ok_ && i < digits; ++i) {
      const uint64_t digit = LittleEndian(2);
      if (digit >> kLongDigitBits != 0) Fail();
      value |= static_cast<int64_t>(digit) << (kLongDigitBits * i);
    }
    return ok_ ? value : 0;
  }

  double Float() {
    Expect(kFloat);
    const uint64_t bits = LittleEndian(8);
    double value = 0;
    std::memcpy(&value, &bits, sizeof(value));
    if (!(value >= 0 && value <= kMaxSeconds)) Fail();
    return ok_ ? value : 0;
  }

  std::string Text() {
    Expect(kText);
    const uint64_t size = LittleEndian(4);
    return Take(size) ? std::string(last_) : "";
  }

  void ExpectEnd() {
    if (place_ != bytes_.size()) Fail();
  }

  absl::Status status() const {
    if (ok_) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(
        "pstats: not as this program writes it, at byte ", place_));
  }

 private:
  static constexpr double kMaxSeconds = 1e12;

  void Fail() { ok_ = false; }

  bool Take(uint64_t size) {
    if (!ok_ || size > bytes_.size() - place_) {
      Fail();
      return false;
    }
    last_ = bytes_.substr(place_, size);
    place_ += size;
    return true;
  }

  uint64_t LittleEndian(size_t size) {
    uint64_t value = 0;
    if (!Take(size)) return 0;
    for (size_t i = 0; i < size; ++i) {
      value |= uint64_t{static_cast<unsigned char>(last_[i])} << (8 * i);
    }
    return value;
  }

  const absl::string_view bytes_;
  size_t place_ = 0;
  absl::string_view last_;
  bool ok_ = true;
};

Function ReadFunction(MarshalReader& reader) {
  reader.Tuple(3);
  Function function;
  function.file = reader.Text();
  function.line = static_cast<int>(
      std::min<int64_t>(reader.Int(), std::numeric_limits<int>::max()));
  function.name = reader.Text();
  return function;
}

void ReadTimes(MarshalReader& reader, CallCounts& counts) {
  counts.own_time = absl::Seconds(reader.Float());
  counts.total_time = absl::Seconds(reader.Float());
}

std::map<Function, CallCounts> ReadCallers(MarshalReader& reader) {
  std::map<Function, CallCounts> callers;
  reader.Expect(kDict);
  while (!reader.AtDictEnd()) {
    CallCounts& counts = callers[ReadFunction(reader)];
    reader.Tuple(4);
    counts.calls = reader.Int();
    counts.primitive_calls = reader.Int();
    ReadTimes(reader, counts);
  }
  return callers;
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

absl::StatusOr<CallStats> DecodePstats(absl::string_view bytes) {
  MarshalReader reader(bytes);
  CallStats stats;
  reader.Expect(kDict);
  while (!reader.AtDictEnd()) {
    FunctionStats& entry = stats[ReadFunction(reader)];
    reader.Tuple(5);
    entry.counts.primitive_calls = reader.Int();
    entry.counts.calls = reader.Int();
    ReadTimes(reader, entry.counts);
    entry.callers = ReadCallers(reader);
  }
  reader.ExpectEnd();
  if (!reader.status().ok()) return reader.status();
  return stats;
}

}  // namespace bergen::backdoor
