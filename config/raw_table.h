// SPDX-License-Identifier: Apache-2.0
//
// What all sources said, before anybody knows which options exist: finds the
// text that counts for an option, and what no option wanted.
//
//   RawTable table;
//   table.Add(source.kind(), *source.ReadAll());
//   std::optional<RawTable::Found> found = table.Find("demo", description);
//
// Source: sections 2.7 and 3.4 of oslo.config's behaviour: the newest file
// wins; in one file the current name beats its aliases; of one name the last
// assignment counts.

#ifndef CONFIG_RAW_TABLE_H_
#define CONFIG_RAW_TABLE_H_

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "config/option.h"
#include "config/source.h"

namespace bergen::config {

// Groups are matched ignoring case, `DEFAULT` exactly: equal for equal groups.
std::string GroupKey(absl::string_view group);

// Not thread-safe.
class RawTable {
 public:
  // An assignment and where it was found. Good as long as the table.
  struct Value {
    const RawValue* raw = nullptr;
    const Document* document = nullptr;
    SourceKind kind = SourceKind::kOther;
  };

  struct Found {
    Value value;
    size_t position = 0;  // Of `value`.
    // The name under which it was found, if that is not the current one.
    const DeprecatedName* alias = nullptr;
    // An earlier assignment of the same name in the same file, now ignored.
    const RawValue* ignored = nullptr;
  };

  // Adds what one source has read. It beats everything added before.
  void Add(SourceKind kind, std::vector<Document> documents);

  std::optional<Found> Find(absl::string_view group,
                            const OptionDescription& option) const;

  // All assignments have positions from 0 to `size()`, in ascending precedence.
  size_t size() const { return size_; }
  Value At(size_t position) const;

 private:
  struct Part {
    SourceKind kind;
    size_t begin;  // Position of the first assignment.
    Document document;
  };

  const std::vector<size_t>* Positions(SourceKind kind, absl::string_view group,
                                       absl::string_view name) const;
  void Consider(SourceKind kind, absl::string_view group,
                const OptionDescription& option,
                std::optional<Found>& best) const;

  std::deque<Part> parts_;
  size_t size_ = 0;
  // Ascending positions by key; variables of the environment, whose names have
  // lost case, have keys of their own.
  absl::flat_hash_map<std::string, std::vector<size_t>> by_key_;
};

}  // namespace bergen::config

#endif  // CONFIG_RAW_TABLE_H_
