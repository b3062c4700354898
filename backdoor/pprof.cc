// SPDX-License-Identifier: Apache-2.0

#include "backdoor/pprof.h"

#include <zlib.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <utility>

#include "absl/container/flat_hash_map.h"
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
    label->set_num(worker_);
  }

  const Profile& profile_;
  const int worker_;
  pb::Profile encoded_;
  absl::flat_hash_map<std::string, int64_t> strings_ = {{"", 0}};
  std::map<std::pair<size_t, int>, uint64_t> locations_;
};

std::string Gzip(absl::string_view data) {
  constexpr int kGzipWindow = 15 + 16;
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

}  // namespace

std::string EncodePprof(const Profile& profile, int worker) {
  return Gzip(Encoder(profile, worker).Encode());
}

}  // namespace bergen::backdoor
