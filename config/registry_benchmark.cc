// SPDX-License-Identifier: Apache-2.0
//
//   ./bazelw run --config=opt //config:registry_benchmark

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"
#include "config/handle.h"
#include "config/option.h"
#include "config/registry.h"
#include "config/source.h"

namespace bergen::config {
namespace {

constexpr int kManyOptions = 10000;

template <typename T>
Handle<T> Must(const absl::StatusOr<Handle<T>>& handle) {
  if (!handle.ok()) std::abort();
  return *handle;
}

Option<std::string> ManyOption(int i) {
  return {.name = absl::StrCat("option", i), .default_value = "x"};
}

// A value for each of the many options.
class ManySource : public Source {
 public:
  SourceKind kind() const override { return SourceKind::kFile; }
  absl::StatusOr<std::vector<Document>> ReadAll() override {
    std::vector<Document> documents;
    Document& document = documents.emplace_back("demo.conf");
    document.Reserve(kManyOptions);
    for (int i = 0; i < kManyOptions; ++i) {
      document.Add({.group = "demo",
                    .name = document.Keep(absl::StrCat("option", i)),
                    .text = "y",
                    .line = i + 1});
    }
    return documents;
  }
};

void ReadInteger(benchmark::State& state) {
  Registry registry;
  const Handle<int64_t> handle = Must(registry.Register(
      "demo", Option<int64_t>{.name = "x", .default_value = 1}));
  for ([[maybe_unused]] const auto _ : state) {
    benchmark::DoNotOptimize(handle.Get());
  }
}
BENCHMARK(ReadInteger);

void ReadString(benchmark::State& state) {
  Registry registry;
  const Handle<std::string> handle =
      Must(registry.Register("demo", ManyOption(0)));
  for ([[maybe_unused]] const auto _ : state) {
    benchmark::DoNotOptimize(handle.Get().data());
  }
}
BENCHMARK(ReadString);

void ReadByName(benchmark::State& state) {
  Registry registry;
  Must(registry.Register(
      "demo", Option<int64_t>{.name = "workers", .default_value = 1}));
  for ([[maybe_unused]] const auto _ : state) {
    benchmark::DoNotOptimize(registry.Find<int64_t>("demo", "workers")->Get());
  }
}
BENCHMARK(ReadByName);

// In two threads at once.
void TakeSnapshots(benchmark::State& state) {
  static Registry registry;
  for ([[maybe_unused]] const auto _ : state) {
    benchmark::DoNotOptimize(registry.TakeSnapshot());
  }
}
BENCHMARK(TakeSnapshots)->Threads(1)->Threads(2);

void RegisterMany(benchmark::State& state) {
  for ([[maybe_unused]] const auto _ : state) {
    Registry registry;
    for (int i = 0; i < kManyOptions; ++i) {
      Must(registry.Register("demo", ManyOption(i)));
    }
  }
}
BENCHMARK(RegisterMany)->Unit(benchmark::kMillisecond);

void ReloadMany(benchmark::State& state) {
  Registry registry;
  for (int i = 0; i < kManyOptions; ++i) {
    Must(registry.Register("demo", ManyOption(i)));
  }
  std::vector<std::unique_ptr<Source>> sources;
  sources.push_back(std::make_unique<ManySource>());
  if (!registry.Load(std::move(sources)).ok()) std::abort();
  for ([[maybe_unused]] const auto _ : state) {
    benchmark::DoNotOptimize(registry.Reload().status.ok());
  }
}
BENCHMARK(ReloadMany)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace bergen::config
