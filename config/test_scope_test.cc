// SPDX-License-Identifier: Apache-2.0

#include "config/test_scope.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "config/handle.h"
#include "config/option.h"
#include "config/registry.h"
#include "config/source.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::config {
namespace {

using ::testing::Not;

class FakeFile : public Source {
 public:
  SourceKind kind() const override { return SourceKind::kFile; }
  absl::StatusOr<std::vector<Document>> ReadAll() override {
    std::vector<Document> documents;
    documents.emplace_back("demo.conf").AddCopy("demo", "workers", "3", 1);
    return documents;
  }
};

Option<int64_t> Workers() {
  return {.name = "workers", .default_value = 2, .min = 1};
}

TEST(TestScopeTest, PutsBackWhatWasThereBefore) {
  Registry registry;
  const Handle<int64_t> workers = registry.Register("demo", Workers()).value();
  ASSERT_THAT(registry.SetOverride("demo", "workers", 5), IsOk());
  {
    TestScope outer(registry);
    ASSERT_THAT(outer.SetOverride("demo", "workers", 6), IsOk());
    {
      TestScope inner(registry);
      ASSERT_THAT(inner.SetOverride("demo", "workers", 7), IsOk());
      EXPECT_THAT(inner.SetOverride("demo", "workers", 0), Not(IsOk()));
      ASSERT_THAT(inner.SetDefault("demo", "workers", 9), IsOk());
      EXPECT_EQ(workers.Get(), 7);
    }
    EXPECT_EQ(workers.Get(), 6);
  }
  EXPECT_EQ(workers.Get(), 5);
  ASSERT_THAT(registry.ClearOverride("demo", "workers"), IsOk());
  EXPECT_EQ(workers.Get(), 2);
}

TEST(TestScopeTest, RawTextsBeatFilesAndWaitForTheirOption) {
  Registry registry;
  std::vector<std::unique_ptr<Source>> sources;
  sources.push_back(std::make_unique<FakeFile>());
  ASSERT_THAT(registry.Load(std::move(sources)), IsOk());
  const Handle<int64_t> workers = registry.Register("demo", Workers()).value();
  {
    TestScope scope(registry);
    ASSERT_THAT(scope.SetRaw("demo", "workers", "4"), IsOk());
    ASSERT_THAT(scope.SetRaw("demo", "greeting", "hi"), IsOk());
    EXPECT_THAT(scope.SetRaw("demo", "workers", "0"), Not(IsOk()));
    EXPECT_EQ(workers.Get(), 4);
    EXPECT_EQ(registry.Where("demo", "workers")->place, "<memory>");
    const Handle<std::string> greeting =
        scope.Register("demo", Option<std::string>{.name = "greeting"}).value();
    EXPECT_EQ(greeting.Get(), "hi");
  }
  EXPECT_EQ(workers.Get(), 3);
  EXPECT_THAT(registry.Find<std::string>("demo", "greeting"),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST(TestScopeTest, WorksWithoutALoad) {
  Registry registry;
  const Handle<int64_t> workers = registry.Register("demo", Workers()).value();
  {
    TestScope scope(registry);
    ASSERT_THAT(scope.SetRaw("demo", "workers", "4"), IsOk());
    EXPECT_EQ(workers.Get(), 4);
  }
  EXPECT_EQ(workers.Get(), 2);
  EXPECT_THAT(registry.Reload().status,
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

}  // namespace
}  // namespace bergen::config
