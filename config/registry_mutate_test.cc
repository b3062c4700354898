// SPDX-License-Identifier: Apache-2.0
//
// Readers while options change all the time: meant for the thread sanitizer.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "config/handle.h"
#include "config/option.h"
#include "config/registry.h"
#include "config/snapshot.h"
#include "config/source.h"
#include "gtest/gtest.h"

namespace bergen::config {
namespace {

constexpr int kMutates = 10000;
constexpr int kReaders = 2;

template <typename T>
T Must(absl::StatusOr<T> result) {
  EXPECT_TRUE(result.ok()) << result.status();
  return *std::move(result);
}

// The n-th time it is read every value is made of n. Every seventh time one of
// them is not allowed, so that none may ever be seen.
class CountingSource : public Source {
 public:
  static bool IsBad(int64_t n) { return n % 7 == 3; }

  SourceKind kind() const override { return SourceKind::kOther; }

  absl::StatusOr<std::vector<Document>> ReadAll() override {
    std::vector<Document> documents;
    const auto add = [&](absl::string_view name, absl::string_view text) {
      documents.emplace_back("memory").AddCopy("demo", name, text);
    };
    ++count_;
    add("number", absl::StrCat(count_));
    add("negative", absl::StrCat(-count_));
    add("text", std::string(100, static_cast<char>('a' + count_ % 26)));
    add("list", absl::StrCat(count_, ",", count_, ",", count_));
    add("copy", "${number}");
    add("fixed", absl::StrCat(count_));
    add("bounded", IsBad(count_) ? "101" : "100");
    return documents;
  }

 private:
  int64_t count_ = 0;
};

class Demo {
 public:
  Demo()
      : number_(Add<int64_t>("number")),
        negative_(Add<int64_t>("negative")),
        text_(Add<std::string>("text")),
        list_(Add<std::vector<int64_t>>("list")),
        copy_(Add<int64_t>("copy")),
        fixed_(Must(
            registry_.Register("demo", Option<int64_t>{.name = "fixed"}))) {
    Must(registry_.Register(
        "demo",
        Option<int64_t>{.name = "bounded", .max = 100, .is_mutable = true}));
    std::vector<std::unique_ptr<Source>> sources;
    sources.push_back(std::make_unique<CountingSource>());
    Must(registry_.Load(std::move(sources)));
  }

  Registry& registry() { return registry_; }

  // Reads everything in all ways; empty, or what is wrong. `newest` is the
  // highest number that the caller has seen so far.
  std::string Read(int64_t& newest) const {
    const int64_t by_handle = number_.Get();
    if (by_handle < newest) return "a number by handle that is older";
    newest = by_handle;
    if (CountingSource::IsBad(newest)) return "a number that was rejected";

    const std::string& text = text_.Get();
    if (text.size() != 100 || text != std::string(100, text[0])) {
      return "half a text";
    }
    const std::vector<int64_t>& list = list_.Get();
    if (list.size() != 3 || list[0] != list[1] || list[1] != list[2]) {
      return "half a list";
    }
    const absl::StatusOr<Handle<int64_t>> found =
        registry_.Find<int64_t>("demo", "negative");
    if (!found.ok()) return "an option that is not found";
    if (-found->Get() < 1) return "a number by name that was never there";
    if (fixed_.Get() != 1) return "a change of what is not mutable";

    const Snapshot now = registry_.TakeSnapshot();
    const int64_t n = now.Get(number_);
    if (n < newest) return "a snapshot older than a number by handle";
    newest = n;
    if (CountingSource::IsBad(n)) return "a snapshot of what was rejected";
    if (now.Get(negative_) != -n || now.Get(copy_) != n ||
        now.Get(text_)[0] != static_cast<char>('a' + n % 26) ||
        now.Get(list_) != std::vector<int64_t>{n, n, n} ||
        now.Get(fixed_) != 1) {
      return "half a mutate in a snapshot";
    }
    return "";
  }

 private:
  template <typename T>
  Handle<T> Add(const char* name) {
    return Must(registry_.Register(
        "demo", Option<T>{.name = name, .is_mutable = true}));
  }

  Registry registry_;
  const Handle<int64_t> number_;
  const Handle<int64_t> negative_;
  const Handle<std::string> text_;
  const Handle<std::vector<int64_t>> list_;
  const Handle<int64_t> copy_;
  const Handle<int64_t> fixed_;
};

TEST(RegistryMutateTest, ReadersNeverSeeHalfOfTenThousandMutates) {
  Demo demo;
  std::atomic<bool> done = false;
  std::atomic<int> running = 0;
  std::vector<std::thread> readers;
  readers.reserve(kReaders);
  for (int i = 0; i < kReaders; ++i) {
    readers.emplace_back([&] {
      int64_t newest = 1;
      bool counted = false;
      while (!done) {
        const std::string wrong = demo.Read(newest);
        if (!wrong.empty()) {
          ADD_FAILURE() << wrong << ", after " << newest;
          done = true;
        }
        if (!std::exchange(counted, true)) ++running;
      }
      if (!counted) ++running;
    });
  }
  while (running < kReaders) std::this_thread::yield();

  int rejected = 0;
  for (int i = 0; i < kMutates && !done; ++i) {
    const Report report = demo.registry().Mutate();
    if (!report.status.ok()) ++rejected;
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  // Numbers 2 to 10,001.
  EXPECT_EQ(rejected, (kMutates + 1 - 3) / 7 + 1);
}

// An option that was just registered is found with its value, and every
// snapshot from then on knows it.
TEST(RegistryMutateTest, WhatIsFoundIsInTheNextSnapshot) {
  Demo demo;
  constexpr int kOptions = 2000;
  std::atomic<int> last = -1;
  std::thread registrar([&] {
    for (int i = 0; i < kOptions; ++i) {
      Must(demo.registry().Register(
          "late", Option<int64_t>{.name = absl::StrCat("option", i),
                                  .default_value = i}));
      last = i;
      if (i % 10 == 0) demo.registry().Mutate();
    }
  });
  while (last < kOptions - 1) {
    // Perhaps about to be registered.
    const int i = std::min(last + 1, kOptions - 1);
    const absl::StatusOr<Handle<int64_t>> found =
        demo.registry().Find<int64_t>("late", absl::StrCat("option", i));
    if (!found.ok()) continue;
    EXPECT_EQ(found->Get(), i);
    EXPECT_EQ(demo.registry().TakeSnapshot().Get(*found), i);
  }
  registrar.join();
}

}  // namespace
}  // namespace bergen::config
