// SPDX-License-Identifier: Apache-2.0
//
// What all sources said, before anybody knows which options exist, and which of
// it counts for an option.
//
//   RawTable table;
//   table.Add(source.kind(), *source.ReadAll());
//   RawTable::Selection selection = table.Find("demo", {"workers"});
//   if (selection.found()) Parse(table.At(selection.position()).raw.text);
//
// Source: sections 2.7 and 3.4 of oslo.config's behaviour: the newest file
// wins; in one file the current name beats its aliases; of one name the last
// assignment counts. Of an option with several values all count, the oldest
// first, but a variable of the environment replaces what files say.

#ifndef CONFIG_RAW_TABLE_H_
#define CONFIG_RAW_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "config/source.h"

namespace bergen::config {

// Not thread-safe.
class RawTable {
 public:
  // All assignments have positions from 0 to `size()`, in ascending precedence.
  using Position = uint32_t;
  static constexpr Position kNone = UINT32_MAX;

  struct Part {
    SourceKind kind;
    Position begin;  // Of the first assignment.
    Document document;
  };

  // An assignment and where it was found. Good as long as the table.
  struct Value {
    RawValue raw;
    const Document* document = nullptr;
    SourceKind kind = SourceKind::kOther;
  };

  // Which assignments count for one option. Those it might take are considered
  // in ascending positions.
  class Selection {
   public:
    // `part` is where the table has it in `parts`. `rank` is 0 under the
    // option's current name, else that of the deprecated name from 1.
    void Consider(Position position, uint32_t part, uint32_t rank);

    bool found() const { return position_ != kNone; }
    Position position() const { return position_; }
    uint32_t part() const { return part_; }
    uint32_t rank() const { return rank_; }
    // An earlier assignment of the same name in the same place, now ignored.
    Position ignored() const { return ignored_; }

   private:
    Position position_ = kNone;
    uint32_t part_ = kNone;
    Position ignored_ = kNone;
    uint32_t rank_ = 0;
  };

  // The same for an option with several values.
  struct ManySelected {
    void Consider(const RawTable& table, Position position, SourceKind kind,
                  uint32_t rank);

    std::vector<Position> positions;
    // One for each value; a variable of the environment may hold several,
    // separated by newlines if it has any, else by commas.
    std::vector<absl::string_view> texts;
    // The first deprecated name used, from 1, and where.
    uint32_t rank = 0;
    Position rank_position = kNone;
  };

  // What an option is called: group and name.
  using NameInGroup = std::pair<absl::string_view, absl::string_view>;

  // Adds what one source has read. It beats everything added before.
  void Add(SourceKind kind, std::vector<Document> documents);

  // `names` are an option's current name and its deprecated ones. Takes
  // constant time, except for the first call.
  Selection Find(absl::Span<const NameInGroup> names) const;
  ManySelected FindMany(absl::Span<const NameInGroup> names) const;

  Position size() const { return size_; }
  Value At(Position position) const;
  absl::string_view TextAt(const Selection& selection) const {
    const Part& part = parts_[selection.part()];
    return part.document.values()[selection.position() - part.begin].text;
  }
  // In ascending precedence.
  const std::vector<Part>& parts() const { return parts_; }

 private:
  struct Candidate {
    Position position;
    uint32_t rank;
  };

  std::vector<Candidate> Candidates(absl::Span<const NameInGroup> names) const;
  uint32_t PartOf(Position position) const;

  std::vector<Part> parts_;
  Position size_ = 0;
  // Ascending positions by key; variables of the environment, whose names have
  // lost case, have keys of their own. Made when first needed.
  mutable absl::flat_hash_map<std::string, std::vector<Position>> by_key_;
  mutable bool has_keys_ = false;
};

}  // namespace bergen::config

#endif  // CONFIG_RAW_TABLE_H_
