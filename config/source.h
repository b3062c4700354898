// SPDX-License-Identifier: Apache-2.0
//
// Where values come from, before anybody knows their types.
//
//   class TableSource : public Source {
//     SourceKind kind() const override { return SourceKind::kOther; }
//     absl::StatusOr<std::vector<Document>> ReadAll() override {
//       std::vector<Document> documents;
//       for (const auto& [key, text] : FetchAll()) {
//         documents.emplace_back(absl::StrCat("table ", key))
//             .AddCopy("demo", key, text);
//       }
//       return documents;
//     }
//   };

#ifndef CONFIG_SOURCE_H_
#define CONFIG_SOURCE_H_

#include <cstddef>
#include <forward_list>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace bergen::config {

enum class SourceKind {
  kFile,
  kEnvironment,
  kCommandLine,
  kOther,
};

// One assignment as it was found. A view of texts that its document keeps.
struct RawValue {
  absl::string_view group;
  absl::string_view name;
  absl::string_view text;
  // Counted from 1; 0 if there are no lines.
  int line = 0;
};

// What stands in one place: all assignments of a file, or the one of a variable
// of the environment or of an argument. Within a document an option's current
// name beats its deprecated ones; of two documents the later beats the earlier.
//
// Move-only, and moving does not invalidate the texts it keeps. Not
// thread-safe.
class Document {
 public:
  // `where` is how messages call the place: a path, `--set demo.workers`, the
  // name of a variable. With `holds_value` messages add `=VALUE` to it, unless
  // the option is a secret.
  explicit Document(std::string where, bool holds_value = false)
      : where_(std::move(where)), holds_value_(holds_value) {}

  Document(Document&&) = default;
  Document& operator=(Document&&) = default;
  Document(const Document&) = delete;
  Document& operator=(const Document&) = delete;

  // Keeps `text` as long as the document, and returns where it is now.
  absl::string_view Keep(std::string text) {
    return kept_.emplace_front(std::move(text));
  }

  // Makes room for `count` assignments.
  void Reserve(size_t count) { values_.reserve(count); }

  // Adds an assignment, in the order in which it was written, whose texts are
  // kept (`Keep`) or constant.
  void Add(const RawValue& value) { values_.push_back(value); }

  // The same with copies of the texts; for the few.
  void AddCopy(absl::string_view group, absl::string_view name,
               absl::string_view text, int line = 0) {
    Add({.group = Keep(std::string(group)),
         .name = Keep(std::string(name)),
         .text = Keep(std::string(text)),
         .line = line});
  }

  const std::string& where() const { return where_; }
  bool holds_value() const { return holds_value_; }
  const std::vector<RawValue>& values() const { return values_; }

  // `demo.conf:7`, or only the place if there are no lines.
  std::string PlaceOf(const RawValue& value) const {
    return value.line > 0 ? absl::StrCat(where_, ":", value.line) : where_;
  }

 private:
  std::string where_;
  bool holds_value_;
  std::vector<RawValue> values_;
  std::forward_list<std::string> kept_;
};

// Calls are made one at a time, by the thread that loads or reloads.
class Source {
 public:
  virtual ~Source() = default;

  virtual SourceKind kind() const = 0;

  // Reads everything afresh, in ascending precedence. Called again by every
  // reload. An error's text has one line per problem, each beginning with its
  // place: NotFound if something is missing, InvalidArgument if it cannot be
  // understood.
  virtual absl::StatusOr<std::vector<Document>> ReadAll() = 0;
};

}  // namespace bergen::config

#endif  // CONFIG_SOURCE_H_
