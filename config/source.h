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
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <forward_list>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "config/prefault.h"

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
 private:
  // A `RawValue` in half the memory.
  struct Stored {
    const char* name;
    const char* text;
    uint32_t name_size;
    uint32_t text_size;
    uint32_t group;  // In `groups_`.
    int line;
  };

 public:
  // No text may be longer: the program ends.
  static constexpr size_t kMaxText = UINT32_MAX;

  // The assignments in the order in which they were added. Valid until the
  // document changes.
  class Values {
   public:
    class Iterator {
     public:
      using iterator_category = std::input_iterator_tag;
      using value_type = RawValue;
      using difference_type = ptrdiff_t;
      using pointer = const RawValue*;
      using reference = RawValue;

      Iterator(const Document& document, size_t index)
          : document_(&document), index_(index) {}
      RawValue operator*() const { return document_->At(index_); }
      Iterator& operator++() {
        ++index_;
        return *this;
      }
      friend bool operator==(const Iterator& a, const Iterator& b) {
        return a.index_ == b.index_;
      }

     private:
      const Document* document_;
      size_t index_;
    };

    explicit Values(const Document& document) : document_(document) {}
    size_t size() const { return document_.values_.size(); }
    bool empty() const { return document_.values_.empty(); }
    RawValue operator[](size_t index) const { return document_.At(index); }
    Iterator begin() const { return {document_, 0}; }
    Iterator end() const { return {document_, size()}; }

   private:
    const Document& document_;
  };

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
  void Reserve(size_t count) {
    const size_t used = values_.size();
    values_.reserve(used + count);
    Prefault(values_.data() + used, count * sizeof(Stored));
  }

  // Adds an assignment, in the order in which it was written, whose texts are
  // kept (`Keep`) or constant.
  void Add(const RawValue& value) {
    if (value.name.size() > kMaxText || value.text.size() > kMaxText) {
      std::fputs("config::Document: a text of 4 GiB or more\n", stderr);
      std::abort();
    }
    // Mostly the same text, not just equal.
    if (groups_.empty() || groups_.back().data() != value.group.data() ||
        groups_.back().size() != value.group.size()) {
      groups_.push_back(value.group);
    }
    values_.push_back({.name = value.name.data(),
                       .text = value.text.data(),
                       .name_size = static_cast<uint32_t>(value.name.size()),
                       .text_size = static_cast<uint32_t>(value.text.size()),
                       .group = static_cast<uint32_t>(groups_.size() - 1),
                       .line = value.line});
  }

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
  Values values() const { return Values(*this); }

  // `demo.conf:7`, or only the place if there are no lines.
  std::string PlaceOf(const RawValue& value) const {
    return value.line > 0 ? absl::StrCat(where_, ":", value.line) : where_;
  }

 private:
  RawValue At(size_t index) const {
    const Stored& stored = values_[index];
    return {.group = groups_[stored.group],
            .name = {stored.name, stored.name_size},
            .text = {stored.text, stored.text_size},
            .line = stored.line};
  }

  std::string where_;
  bool holds_value_;
  std::vector<Stored> values_;
  // Of runs of values.
  std::vector<absl::string_view> groups_;
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
