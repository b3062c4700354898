// SPDX-License-Identifier: Apache-2.0

#include "config/test_scope.h"

#include <utility>

#include "config/source.h"

namespace bergen::config {

// The texts that were set, all of one file.
class TestScope::MemoryFile : public Source {
 public:
  struct Assignment {
    std::string group;
    std::string name;
    std::string text;
  };

  SourceKind kind() const override { return SourceKind::kFile; }

  absl::StatusOr<std::vector<Document>> ReadAll() override {
    std::vector<Document> documents;
    Document& document = documents.emplace_back("<memory>");
    for (const Assignment& a : assignments) {
      document.AddCopy(a.group, a.name, a.text);
    }
    return documents;
  }

  std::vector<Assignment> assignments;
};

TestScope::~TestScope() {
  while (!undo_.empty()) {
    undo_.back()();
    undo_.pop_back();
  }
}

void TestScope::Remember(Registry::Layer layer, absl::string_view group,
                         absl::string_view name) {
  undo_.emplace_back([registry = registry_, layer, group = std::string(group),
                      name = std::string(name),
                      before = registry_->SettingOf(layer, group, name)] {
    registry->PutBack(layer, group, name, before).IgnoreError();
  });
}

absl::Status TestScope::SetRaw(absl::string_view group, absl::string_view name,
                               absl::string_view text) {
  MemoryFile::Assignment assignment = {std::string(group), std::string(name),
                                       std::string(text)};
  if (file_) {
    file_->assignments.push_back(std::move(assignment));
    absl::Status status = registry_->ReloadForTest();
    if (!status.ok()) file_->assignments.pop_back();
    return status;
  }
  auto file = std::make_unique<MemoryFile>();
  file->assignments.push_back(std::move(assignment));
  MemoryFile* const added = file.get();
  absl::Status status = registry_->AddFile(std::move(file));
  if (!status.ok()) return status;
  file_ = added;
  undo_.emplace_back(
      [registry = registry_, added] { registry->RemoveFile(added); });
  return status;
}

}  // namespace bergen::config
