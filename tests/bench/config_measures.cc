// SPDX-License-Identifier: Apache-2.0
//
// What config.py measures: reading, loading and mutating options, ours and
// those of the peers that are libraries. The arguments are files with 10,000
// and 100,000 assignments, and two of 10,000 that differ a little, all of which
// config.py writes.

#include <atomic>
#include <boost/property_tree/ini_parser.hpp>
#include <boost/property_tree/ptree.hpp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "config/command_line.h"
#include "config/handle.h"
#include "config/option.h"
#include "config/registry.h"
#include "config/snapshot.h"
#include "config/source.h"
#include "config/sources.h"
#include "gflags/gflags.h"
#include "tests/bench/measures.h"

DEFINE_int32(bench_workers, 4, "A number.");
ABSL_FLAG(int, bench_threads, 4, "A number.");
ABSL_FLAG(std::string, bench_greeting, "Hello, dear and patient world!",
          "A text.");

namespace bergen::bench {
namespace {

using config::Handle;
using config::OptionList;
using config::Registry;

void Check(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

template <typename T>
T Must(absl::StatusOr<T> result) {
  Check(result.status());
  return *std::move(result);
}

// ---------------------------------------------------------------------------
// Reading.

// One value of each type, which every call gives anew.
class ChangingSource : public config::Source {
 public:
  config::SourceKind kind() const override {
    return config::SourceKind::kOther;
  }
  absl::StatusOr<std::vector<config::Document>> ReadAll() override {
    std::vector<config::Document> documents;
    ++count_;
    documents.emplace_back("changing")
        .AddCopy("bench", "workers", absl::StrCat(count_ % 16));
    documents.emplace_back("changing")
        .AddCopy("bench", "greeting",
                 absl::StrCat("Hello, dear and patient world ", count_ % 16));
    return documents;
  }

 private:
  int64_t count_ = 0;
};

// As a service has them: handles are members of some object.
struct Settings {
  Settings() {
    workers = Must(registry.Register(
        "bench",
        config::Option<int64_t>{
            .name = "workers", .default_value = 4, .is_mutable = true}));
    greeting = Must(registry.Register(
        "bench", config::Option<std::string>{
                     .name = "greeting",
                     .default_value = "Hello, dear and patient world!",
                     .is_mutable = true}));
    std::vector<std::unique_ptr<config::Source>> sources;
    sources.push_back(std::make_unique<ChangingSource>());
    Check(registry.Load(std::move(sources)).status());
  }

  Registry registry;
  Handle<int64_t> workers;
  Handle<std::string> greeting;
};

// Runs `work` over and over in another thread.
// NOLINTNEXTLINE(*-optin.performance.Padding): two cache lines.
class Meanwhile {
 public:
  explicit Meanwhile(std::function<void()> work)
      : thread_([this, work = std::move(work)] {
          while (!stop_.load(std::memory_order_relaxed)) {
            work();
            runs_.fetch_add(1, std::memory_order_release);
          }
        }) {
    while (runs_.load(std::memory_order_acquire) == 0) {
      std::this_thread::yield();
    }
  }
  ~Meanwhile() {
    stop_.store(true, std::memory_order_relaxed);
    thread_.join();
  }
  int64_t runs() const { return runs_.load(); }

 private:
  std::atomic<bool> stop_ = false;
  alignas(64) std::atomic<int64_t> runs_ = 0;
  std::thread thread_;
};

// Measures `call` while another thread does `work`, which it must get done.
template <typename Call>
double Beside(std::function<void()> work, Call call) {
  const Meanwhile other(std::move(work));
  const int64_t before = other.runs();
  double result = NanosecondsPerCall(call);
  while (other.runs() == before) result = NanosecondsPerCall(call);
  return result;
}

// `call` while another thread does the same.
template <typename Call>
double TwoReaders(Call call) {
  return Beside(
      [&] {
        for (int i = 0; i < 1024; ++i) call();
      },
      call);
}

// What other programs share their options by.
struct Shared {
  int64_t workers = 4;
};
struct AtomicShared {
  std::atomic<std::shared_ptr<const Shared>> value =
      std::make_shared<const Shared>();
};
struct LockedShared {
  std::mutex mutex;
  std::shared_ptr<const Shared> value = std::make_shared<const Shared>();

  std::shared_ptr<const Shared> Get() {
    const std::lock_guard<std::mutex> lock(mutex);
    return value;
  }
};

using Measurements = std::map<std::string, std::function<double()>>;

void AddReads(Measurements& known) {
  // They live until the end of the program.
  auto* const settings = new Settings;
  auto* const snapshot =
      new config::Snapshot(settings->registry.TakeSnapshot());
  auto* const shared = new AtomicShared;
  auto* const locked = new LockedShared;

  const auto workers = [=] { Use(settings->workers.Get()); };
  const auto greeting = [=] {
    const absl::string_view text = settings->greeting.Get();
    Use(text.data());
    Use(text.size());
  };
  const auto take = [=] {
    const config::Snapshot now = settings->registry.TakeSnapshot();
    Use(now.Get(settings->workers));
  };
  const auto load = [=] { Use(shared->value.load()->workers); };
  const auto lock = [=] { Use(locked->Get()->workers); };
  const auto mutate = [=] { Check(settings->registry.Mutate().status); };

  known["handle_integer"] = [=] { return NanosecondsPerCall(workers); };
  known["handle_string"] = [=] { return NanosecondsPerCall(greeting); };
  known["gflags_variable"] = [] {
    return NanosecondsPerCall([] { Use(FLAGS_bench_workers); });
  };
  known["absl_integer"] = [] {
    return NanosecondsPerCall([] { Use(absl::GetFlag(FLAGS_bench_threads)); });
  };
  known["absl_string"] = [] {
    return NanosecondsPerCall([] {
      const std::string text = absl::GetFlag(FLAGS_bench_greeting);
      Use(text.data());
      Use(text.size());
    });
  };
  known["find_integer"] = [=] {
    return NanosecondsPerCall([=] {
      Use(settings->registry.Find<int64_t>("bench", "workers")->Get());
    });
  };
  known["gflags_find"] = [] {
    return NanosecondsPerCall([] {
      std::string text;
      Use(gflags::GetCommandLineOption("bench_workers", &text));
      Use(text.data());
    });
  };
  known["snapshot_integer"] = [=] {
    return NanosecondsPerCall([=] { Use(snapshot->Get(settings->workers)); });
  };
  known["take_snapshot"] = [=] { return NanosecondsPerCall(take); };
  known["atomic_shared_ptr"] = [=] { return NanosecondsPerCall(load); };
  known["mutex"] = [=] { return NanosecondsPerCall(lock); };

  known["handle_integer_two"] = [=] { return TwoReaders(workers); };
  known["handle_string_two"] = [=] { return TwoReaders(greeting); };
  known["take_snapshot_two"] = [=] { return TwoReaders(take); };
  known["atomic_shared_ptr_two"] = [=] { return TwoReaders(load); };
  known["mutex_two"] = [=] { return TwoReaders(lock); };

  known["handle_integer_mutating"] = [=] { return Beside(mutate, workers); };
  known["handle_string_mutating"] = [=] {
    const double result = Beside(mutate, greeting);
    settings->registry.ReleaseSuperseded();
    return result;
  };
}

// ---------------------------------------------------------------------------
// Loading.

constexpr int kGroupSize = 100;

// Calls `add(group, option)` for each option that the files set: five types,
// with bounds.
template <typename Add>
void ForEachOption(int count, Add add) {
  std::string group;
  for (int i = 0; i < count; ++i) {
    if (i % kGroupSize == 0) group = absl::StrCat("group_", i / kGroupSize);
    const std::string name = absl::StrCat("option_", i);
    switch (i % 5) {
      case 0:
        add(group, config::Option<std::string>{.name = name,
                                               .default_value = "nothing",
                                               .help = "A text.",
                                               .is_mutable = true});
        break;
      case 1:
        add(group, config::Option<int64_t>{.name = name,
                                           .default_value = 1,
                                           .help = "A number.",
                                           .min = 0,
                                           .max = 1000000,
                                           .is_mutable = true});
        break;
      case 2:
        add(group, config::Option<bool>{.name = name,
                                        .default_value = false,
                                        .help = "Yes or no.",
                                        .is_mutable = true});
        break;
      case 3:
        add(group, config::Option<double>{.name = name,
                                          .default_value = 1.5,
                                          .help = "A ratio.",
                                          .min = 0.0,
                                          .is_mutable = true});
        break;
      default:
        add(group,
            config::Option<std::vector<std::string>>{
                .name = name, .help = "Some texts.", .is_mutable = true});
    }
  }
}

OptionList ListOptions(int count) {
  OptionList options;
  ForEachOption(count, [&](const std::string& group, config::AnyOption option) {
    if (options.empty() || options.back().name != group) {
      options.push_back({.name = group});
    }
    options.back().options.push_back(std::move(option));
  });
  return options;
}

std::vector<std::unique_ptr<config::Source>> FileOnly(const std::string& path) {
  std::vector<std::unique_ptr<config::Source>> sources;
  sources.push_back(std::make_unique<config::FileSource>(path));
  return sources;
}

void LoadFile(Registry& registry, const std::string& path) {
  const config::Report report = Must(registry.Load(FileOnly(path)));
  if (report.warnings.empty()) return;
  std::fprintf(stderr, "%s\n", report.warnings[0].c_str());
  std::exit(1);
}

// Options that a module lists, registered, and a file read, understood, checked
// and published.
double LoadListed(int count, const std::string& path) {
  const OptionList options = ListOptions(count);
  auto registry = std::make_unique<Registry>();
  return Milliseconds([&] {
    Check(registry->RegisterAll(options));
    LoadFile(*registry, path);
  });
}

// The same with options made and registered one by one.
double LoadOneByOne(int count, const std::string& path) {
  auto registry = std::make_unique<Registry>();
  return Milliseconds([&] {
    ForEachOption(count, [&](const std::string& group, const auto& option) {
      Check(registry->Register(group, option).status());
    });
    LoadFile(*registry, path);
  });
}

double ReadIni(const std::string& path) {
  boost::property_tree::ptree tree;
  return Milliseconds(
      [&] { boost::property_tree::ini_parser::read_ini(path, tree); });
}

// A file that is one and then the other.
class Mutating {
 public:
  Mutating(const OptionList& options, std::string one, std::string other)
      : one_(std::move(one)), other_(std::move(other)), path_(one_ + ".now") {
    Check(registry_.RegisterAll(options));
    std::filesystem::copy_file(
        one_, path_, std::filesystem::copy_options::overwrite_existing);
    LoadFile(registry_, path_);
  }

  double Mutate() {
    std::swap(one_, other_);
    std::filesystem::copy_file(
        one_, path_, std::filesystem::copy_options::overwrite_existing);
    config::Report report;
    const double result = Milliseconds([&] { report = registry_.Mutate(); });
    Check(report.status);
    if (report.changes.empty()) {
      std::fprintf(stderr, "nothing has changed\n");
      std::exit(1);
    }
    return result;
  }

 private:
  std::string one_;
  std::string other_;
  std::string path_;
  Registry registry_;
};

// Flags for so many options.
double RegisterFlags(int count) {
  OptionList options = {{.name = "bench"}};
  for (int i = 0; i < count; ++i) {
    options[0].options.push_back(config::Option<int64_t>{
        .name = absl::StrCat("option_", i), .cli = true});
  }
  return Milliseconds([&] {
    Registry registry;
    Check(registry.RegisterAll(options));
    Check(
        config::CommandLineParser::Create(registry.Options(), {.name = "bench"})
            .status());
  });
}

void AddLoads(Measurements& known, char** files) {
  constexpr int kSome = 10000;
  constexpr int kMany = 100000;
  const std::string some = files[0];
  const std::string many = files[1];
  const std::string one = files[2];
  const std::string other = files[3];

  known["load_10000"] = [=] { return LoadListed(kSome, some); };
  known["load_100000"] = [=] { return LoadListed(kMany, many); };
  known["load_one_by_one_10000"] = [=] { return LoadOneByOne(kSome, some); };
  known["read_ini_10000"] = [=] { return ReadIni(some); };
  known["read_ini_100000"] = [=] { return ReadIni(many); };
  known["mutate_10000"] = [=,
                           mutating = std::shared_ptr<Mutating>()]() mutable {
    if (!mutating) {
      mutating = std::make_shared<Mutating>(ListOptions(kSome), one, other);
    }
    return mutating->Mutate();
  };
  known["flags_1000"] = [] { return RegisterFlags(1000); };
  known["flags_4000"] = [] { return RegisterFlags(4000); };
}

}  // namespace
}  // namespace bergen::bench

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  bergen::bench::Measurements known;
  bergen::bench::AddReads(known);
  bergen::bench::AddLoads(known, argv + 1);
  return bergen::bench::Serve(known);
}
