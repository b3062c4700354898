// SPDX-License-Identifier: Apache-2.0

#include "backdoor/pprof.h"

#include <zlib.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "backdoor/pprof.pb.h"
#include "backdoor/utf8.h"

namespace bergen::backdoor {
namespace {

namespace pb = ::perftools::profiles;

class Encoder {
 public:
  Encoder(const Profile& profile, int worker)
      : profile_(profile), worker_(worker) {}

  std::string Encode() {
    encoded_.add_string_table("");
    SetType(encoded_.add_sample_type(), "samples", "count");
    SetType(encoded_.add_sample_type(), profile_.clock, "nanoseconds");
    SetType(encoded_.mutable_period_type(), profile_.clock, "nanoseconds");
    encoded_.set_period(absl::ToInt64Nanoseconds(profile_.period));
    encoded_.set_time_nanos(absl::ToUnixNanos(profile_.begin));
    encoded_.set_duration_nanos(absl::ToInt64Nanoseconds(profile_.duration));
    pb::Mapping* mapping = encoded_.add_mapping();
    mapping->set_id(kMapping);
    mapping->set_has_functions(true);
    mapping->set_has_filenames(true);
    mapping->set_has_line_numbers(true);
    mapping->set_has_inline_frames(true);
    for (size_t i = 0; i < profile_.functions.size(); ++i) AddFunction(i);
    for (const StackCount& stack : profile_.stacks) AddSample(stack);
    return encoded_.SerializeAsString();
  }

 private:
  static constexpr uint64_t kMapping = 1;

  int64_t Index(absl::string_view text) {
    const auto [found, is_new] =
        strings_.try_emplace(ToValidUtf8(text), encoded_.string_table_size());
    if (is_new) encoded_.add_string_table(found->first);
    return found->second;
  }

  void SetType(pb::ValueType* type, absl::string_view name,
               absl::string_view unit) {
    type->set_type(Index(name));
    type->set_unit(Index(unit));
  }

  void AddFunction(size_t place) {
    const Function& function = profile_.functions[place];
    pb::Function* added = encoded_.add_function();
    added->set_id(place + 1);
    added->set_name(Index(function.name));
    added->set_system_name(Index(function.name));
    added->set_filename(Index(function.file));
    added->set_start_line(function.line);
  }

  uint64_t LocationOf(size_t function, int line) {
    const auto [found, is_new] = locations_.try_emplace(
        {function, line}, static_cast<uint64_t>(encoded_.location_size()) + 1);
    if (is_new) {
      pb::Location* location = encoded_.add_location();
      location->set_id(found->second);
      location->set_mapping_id(kMapping);
      pb::Line* in = location->add_line();
      in->set_function_id(function + 1);
      in->set_line(line);
    }
    return found->second;
  }

  void AddSample(const StackCount& stack) {
    pb::Sample* sample = encoded_.add_sample();
    for (size_t i = 0; i < stack.functions.size(); ++i) {
      sample->add_location_id(LocationOf(
          stack.functions[i], stack.lines.empty() ? 0 : stack.lines[i]));
    }
    sample->add_value(stack.samples);
    sample->add_value(absl::ToInt64Nanoseconds(profile_.period) *
                      stack.samples);
    if (!stack.thread.empty()) {
      pb::Label* label = sample->add_label();
      label->set_key(Index("thread"));
      label->set_str(Index(stack.thread));
    }
    pb::Label* label = sample->add_label();
    label->set_key(Index("worker"));
    label->set_num(stack.worker.value_or(worker_));
  }

  const Profile& profile_;
  const int worker_;
  pb::Profile encoded_;
  absl::flat_hash_map<std::string, int64_t> strings_ = {{"", 0}};
  std::map<std::pair<size_t, int>, uint64_t> locations_;
};

constexpr int kGzipWindow = 15 + 16;

std::string Gzip(absl::string_view data) {
  constexpr int kMemoryLevel = 8;
  z_stream stream = {};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindow,
                   kMemoryLevel, Z_DEFAULT_STRATEGY) != Z_OK) {
    std::fprintf(stderr, "backdoor: no memory to compress a profile\n");
    std::abort();
  }
  std::string compressed(deflateBound(&stream, data.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = reinterpret_cast<Bytef*>(compressed.data());
  stream.avail_out = static_cast<uInt>(compressed.size());
  deflate(&stream, Z_FINISH);
  compressed.resize(stream.total_out);
  deflateEnd(&stream);
  return compressed;
}

absl::StatusOr<std::string> Gunzip(absl::string_view data) {
  z_stream stream = {};
  if (inflateInit2(&stream, kGzipWindow) != Z_OK) {
    return absl::ResourceExhaustedError("pprof: no memory to decompress");
  }
  const absl::Cleanup end = [&stream] { inflateEnd(&stream); };
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  std::string text;
  std::array<char, size_t{64} << 10> piece;
  int result = Z_OK;
  while (result == Z_OK) {
    stream.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream.avail_out = static_cast<uInt>(piece.size());
    result = inflate(&stream, Z_NO_FLUSH);
    text.append(piece.data(), piece.size() - stream.avail_out);
    if (text.size() > kMaxPprofSize) {
      return absl::InvalidArgumentError(
          absl::StrCat("pprof: larger than ", kMaxPprofSize, " bytes"));
    }
  }
  if (result != Z_STREAM_END) {
    return absl::InvalidArgumentError("pprof: not compressed as it should be");
  }
  return text;
}

class Decoder {
 public:
  explicit Decoder(const pb::Profile& encoded) : encoded_(encoded) {}

  absl::StatusOr<Profile> Decode() {
    Profile profile;
    profile.period = absl::Nanoseconds(encoded_.period());
    profile.begin = absl::FromUnixNanos(encoded_.time_nanos());
    profile.duration = absl::Nanoseconds(encoded_.duration_nanos());
    profile.clock = Text(encoded_.period_type().type());
    for (const pb::Function& function : encoded_.function()) {
      profile.functions.push_back(
          {.file = Text(function.filename()),
           .line = static_cast<int>(function.start_line()),
           .name = Text(function.name())});
    }
    for (const pb::Sample& sample : encoded_.sample()) {
      StackCount stack = Stack(sample);
      profile.samples += stack.samples;
      profile.stacks.push_back(std::move(stack));
    }
    if (!ok_ || encoded_.period() < 0) {
      return absl::InvalidArgumentError("pprof: not as this program writes it");
    }
    return profile;
  }

 private:
  static constexpr int64_t kMaxSamples = int64_t{1} << 40;

  std::string Text(int64_t index) {
    ok_ = ok_ && index >= 0 && index < encoded_.string_table_size();
    return ok_ ? encoded_.string_table(static_cast<int>(index)) : "";
  }

  StackCount Stack(const pb::Sample& sample) {
    StackCount stack;
    ok_ = ok_ && sample.value_size() == 2 && sample.location_id_size() > 0;
    if (!ok_) return stack;
    stack.samples = sample.value(0);
    ok_ = stack.samples >= 0 && stack.samples <= kMaxSamples;
    for (const uint64_t id : sample.location_id()) AddFrame(id, stack);
    for (const pb::Label& label : sample.label()) {
      const std::string key = Text(label.key());
      if (key == "thread") stack.thread = Text(label.str());
      if (key == "worker") stack.worker = static_cast<int>(label.num());
    }
    return stack;
  }

  // Numbers are places plus one, in what `Encoder` writes.
  void AddFrame(uint64_t id, StackCount& stack) {
    ok_ =
        ok_ && id >= 1 && id <= static_cast<uint64_t>(encoded_.location_size());
    if (!ok_) return;
    const pb::Location& location = encoded_.location(static_cast<int>(id) - 1);
    ok_ = location.line_size() == 1 && location.line(0).function_id() >= 1 &&
          location.line(0).function_id() <=
              static_cast<uint64_t>(encoded_.function_size());
    if (!ok_) return;
    stack.functions.push_back(location.line(0).function_id() - 1);
    stack.lines.push_back(static_cast<int>(location.line(0).line()));
  }

  const pb::Profile& encoded_;
  bool ok_ = true;
};

}  // namespace

absl::StatusOr<Profile> DecodePprof(absl::string_view bytes) {
  const absl::StatusOr<std::string> text = Gunzip(bytes);
  if (!text.ok()) return text.status();
  pb::Profile encoded;
  if (!encoded.ParseFromString(*text)) {
    return absl::InvalidArgumentError("pprof: not a profile.proto");
  }
  return Decoder(encoded).Decode();
}

std::string EncodePprof(const Profile& profile, int worker) {
  return Gzip(Encoder(profile, worker).Encode());
}

}  // namespace bergen::backdoor
