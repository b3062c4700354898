// SPDX-License-Identifier: Apache-2.0

#include "config/etcd_source.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "config/handle.h"
#include "config/option.h"
#include "config/registry.h"
#include "config/source.h"
#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "tests/support/etcd_server.h"
#include "tests/support/status_matchers.h"

namespace bergen::config {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// What ends a test that would wait for ever.
constexpr absl::Duration kPatience = absl::Seconds(30);

// Things that were told, to be waited for. Thread-safe.
template <typename T>
class Mailbox {
 public:
  void Put(T item) {
    absl::MutexLock lock(&mutex_);
    items_.push_back(std::move(item));
  }

  // Waits until something that was put here meets `wanted`.
  bool Await(std::function<bool(const T&)> wanted) {
    absl::MutexLock lock(&mutex_);
    const auto found = [&] {
      mutex_.AssertHeld();
      for (const T& item : items_) {
        if (wanted(item)) return true;
      }
      return false;
    };
    return mutex_.AwaitWithTimeout(absl::Condition(&found), kPatience);
  }

  bool AwaitCount(size_t count) {
    absl::MutexLock lock(&mutex_);
    const auto enough = [&] {
      mutex_.AssertHeld();
      return items_.size() >= count;
    };
    return mutex_.AwaitWithTimeout(absl::Condition(&enough), kPatience);
  }

  void Clear() {
    absl::MutexLock lock(&mutex_);
    items_.clear();
  }

  size_t size() {
    absl::MutexLock lock(&mutex_);
    return items_.size();
  }

 private:
  absl::Mutex mutex_;
  std::vector<T> items_ ABSL_GUARDED_BY(mutex_);
};

EtcdOptions Quick(absl::string_view target) {
  return {.target = std::string(target),
          .prefix = "/demo",
          .timeout = absl::Seconds(10),
          .min_retry = absl::Milliseconds(5),
          .max_retry = absl::Milliseconds(50)};
}

bool IsOpen(const absl::Status& status) { return status.ok(); }
bool IsBroken(const absl::Status& status) { return !status.ok(); }
bool IsApplied(const Report& report) { return report.status.ok(); }
bool IsRefused(const Report& report) {
  return absl::IsInvalidArgument(report.status) &&
         absl::StrContains(report.status.message(), " /demo: relay.workers: ");
}

// A registry with options in etcd, as a program has it.
class EtcdSourceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<std::unique_ptr<EtcdServer>> etcd = EtcdServer::Start();
    ASSERT_THAT(etcd, IsOk());
    etcd_ = *std::move(etcd);
    Put("/demo/relay/workers", "3");
    Put("/demo/DEFAULT/greeting", "hello");
    Put("/demolition/relay/workers", "666");

    auto workers =
        registry_.Register("relay", Option<int64_t>{.name = "workers",
                                                    .default_value = 1,
                                                    .min = 1,
                                                    .max = 64,
                                                    .is_mutable = true});
    ASSERT_THAT(workers, IsOk());
    workers_ = *workers;
    auto greeting = registry_.Register(
        "DEFAULT",
        Option<std::string>{
            .name = "greeting", .default_value = "none", .is_mutable = true});
    ASSERT_THAT(greeting, IsOk());
    greeting_ = *greeting;
  }

  void Put(absl::string_view key, absl::string_view value) {
    ASSERT_THAT(etcd_->Put(key, value), IsOk());
  }

  std::unique_ptr<EtcdSource> NewSource(const EtcdOptions& options) {
    absl::StatusOr<std::unique_ptr<EtcdSource>> source =
        EtcdSource::Create(etcd_->NewChannel(), options);
    EXPECT_THAT(source, IsOk());
    return source.ok() ? *std::move(source) : nullptr;
  }
  std::unique_ptr<EtcdSource> NewSource() {
    return NewSource(Quick(etcd_->target()));
  }

  absl::StatusOr<Report> Load(std::unique_ptr<Source> source) {
    std::vector<std::unique_ptr<Source>> sources;
    sources.push_back(std::move(source));
    return registry_.Load(std::move(sources));
  }

  // Loads `source` and starts a watch that mutates.
  void LoadAndWatch(std::unique_ptr<EtcdSource> source) {
    MakeWatch(*source);
    ASSERT_THAT(Load(std::move(source)), IsOk());
    ASSERT_THAT(watch_->Start(), IsOk());
  }
  void MakeWatch(const EtcdSource& source) {
    watch_ = std::make_unique<EtcdWatch>(
        source, [this] { reports_.Put(registry_.Mutate()); },
        [this](const absl::Status& status) { statuses_.Put(status); });
  }

  std::unique_ptr<EtcdServer> etcd_;
  Registry registry_;
  Handle<int64_t> workers_;
  Handle<std::string> greeting_;
  Mailbox<Report> reports_;  // Of what the watch has begun.
  Mailbox<absl::Status> statuses_;
  std::unique_ptr<EtcdWatch> watch_;  // Ends before what it uses.
};

TEST_F(EtcdSourceTest, ReadsTheKeysBelowItsPrefix) {
  Put("/demo/relay/blanks", " a \n");
  const auto documents = NewSource()->ReadAll();
  ASSERT_THAT(documents, IsOk());
  ASSERT_THAT(*documents, SizeIs(1));
  std::vector<std::string> texts;
  for (const RawValue& value : documents->front().values()) {
    texts.push_back(absl::StrCat(value.group, ".", value.name, "=", value.text,
                                 " at ", documents->front().PlaceOf(value)));
  }
  const std::string at = absl::StrCat(" at etcd ", etcd_->target(), " /demo");
  EXPECT_THAT(texts,
              ElementsAre("DEFAULT.greeting=hello" + at,
                          "relay.blanks= a \n" + at, "relay.workers=3" + at));
}

TEST_F(EtcdSourceTest, GivesTheRegistryItsValuesAndSaysWhereTheyAre) {
  const absl::StatusOr<Report> report = Load(NewSource());
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(workers_.Get(), 3);
  EXPECT_EQ(greeting_.Get(), "hello");
  const auto origin = registry_.Where("relay", "workers");
  ASSERT_THAT(origin, IsOk());
  EXPECT_EQ(origin->kind, Origin::Kind::kOther);
  EXPECT_EQ(origin->place, absl::StrCat("etcd ", etcd_->target(), " /demo"));
}

TEST_F(EtcdSourceTest, SeveralValuesOfAnOptionHaveKeysOfTheirOwn) {
  const auto plugins = registry_.Register(
      "DEFAULT", Option<Multi<std::string>>{.name = "plugin"});
  ASSERT_THAT(plugins, IsOk());
  Put("/demo/DEFAULT/plugin/2", "audit");
  Put("/demo/DEFAULT/plugin/1", "gzip");
  ASSERT_THAT(Load(NewSource()), IsOk());
  EXPECT_THAT(plugins->Get(), ElementsAre("gzip", "audit"));
}

TEST_F(EtcdSourceTest, KeysThatAreNoOptionsAreReported) {
  Put("/demo/relay/worker", "3");
  Put("/demo/nowhere", "3");
  const absl::StatusOr<Report> report = Load(NewSource());
  ASSERT_THAT(report, IsOk());
  const std::string at = absl::StrCat("etcd ", etcd_->target(), " /demo: ");
  EXPECT_THAT(
      report->warnings,
      AllOf(SizeIs(2), Contains(at + "[nowhere]: unknown section"),
            Contains(at +
                     "relay.worker: unknown option; did you mean workers?")));
}

TEST_F(EtcdSourceTest, AChangeReachesTheRegistry) {
  LoadAndWatch(NewSource());
  Put("/demo/relay/workers", "7");
  ASSERT_TRUE(reports_.Await(IsApplied));
  EXPECT_EQ(workers_.Get(), 7);
  EXPECT_EQ(greeting_.Get(), "hello");
}

TEST_F(EtcdSourceTest, ChangesBetweenTheReadAndTheWatchAreNotMissed) {
  std::unique_ptr<EtcdSource> source = NewSource();
  MakeWatch(*source);
  ASSERT_THAT(Load(std::move(source)), IsOk());
  Put("/demo/relay/workers", "7");
  ASSERT_THAT(watch_->Start(), IsOk());
  ASSERT_TRUE(reports_.Await(IsApplied));
  EXPECT_EQ(workers_.Get(), 7);
}

TEST_F(EtcdSourceTest, ABadValueKeepsTheOldOnesUntilItIsMended) {
  LoadAndWatch(NewSource());
  Put("/demo/relay/workers", "65");
  ASSERT_TRUE(reports_.Await(IsRefused));
  Put("/demo/DEFAULT/greeting", "good evening");
  ASSERT_TRUE(reports_.AwaitCount(2));
  EXPECT_EQ(workers_.Get(), 3);
  EXPECT_EQ(greeting_.Get(), "hello");
  Put("/demo/relay/workers", "64");
  ASSERT_TRUE(reports_.Await(IsApplied));
  EXPECT_EQ(workers_.Get(), 64);
  EXPECT_EQ(greeting_.Get(), "good evening");
}

TEST_F(EtcdSourceTest, ADeletedKeyFallsBackToTheDefault) {
  LoadAndWatch(NewSource());
  ASSERT_THAT(etcd_->Delete("/demo/relay/workers"), IsOk());
  ASSERT_TRUE(reports_.Await(IsApplied));
  EXPECT_EQ(workers_.Get(), 1);
}

TEST_F(EtcdSourceTest, ChangesElsewhereAreNoChanges) {
  LoadAndWatch(NewSource());
  ASSERT_TRUE(statuses_.Await(IsOpen));
  Put("/demolition/relay/workers", "5");
  Put("/demo/relay/workers", "7");
  ASSERT_TRUE(reports_.AwaitCount(1));
  watch_->Stop();
  EXPECT_EQ(reports_.size(), 1);
}

TEST_F(EtcdSourceTest, ChangesThatWereReadTogetherAreToldOnce) {
  std::unique_ptr<EtcdSource> source = NewSource();
  absl::Mutex hold;
  Mailbox<int> begun;
  EtcdWatch watch(*source, [&] {
    begun.Put(0);
    absl::MutexLock wait(&hold);
    reports_.Put(registry_.Mutate());
  });
  ASSERT_THAT(Load(std::move(source)), IsOk());
  ASSERT_THAT(watch.Start(), IsOk());
  {
    absl::MutexLock lock(&hold);
    Put("/demo/relay/workers", "10");
    ASSERT_TRUE(begun.AwaitCount(1));
    for (int i = 11; i < 20; ++i) {
      Put("/demo/relay/workers", absl::StrCat(i));
    }
  }
  ASSERT_TRUE(reports_.AwaitCount(1));
  EXPECT_EQ(workers_.Get(), 19);
  Put("/demo/relay/workers", "20");
  ASSERT_TRUE(reports_.AwaitCount(2));
  EXPECT_EQ(workers_.Get(), 20);
  watch.Stop();
  EXPECT_EQ(begun.size(), 2);
}

TEST_F(EtcdSourceTest, WhoeverDoesNotReadIsToldAgain) {
  std::unique_ptr<EtcdSource> source = NewSource();
  Mailbox<int> told;
  EtcdWatch watch(*source, [&] {
    told.Put(0);
    if (told.size() >= 3) reports_.Put(registry_.Mutate());
  });
  ASSERT_THAT(Load(std::move(source)), IsOk());
  ASSERT_THAT(watch.Start(), IsOk());
  Put("/demo/relay/workers", "10");
  ASSERT_TRUE(reports_.AwaitCount(1));
  EXPECT_EQ(workers_.Get(), 10);
  watch.Stop();
  EXPECT_EQ(told.size(), 3);
}

TEST_F(EtcdSourceTest, AWatchThatIsOpenedAgainMissesNothing) {
  EtcdOptions options = Quick(etcd_->target());
  options.watch_lifetime = absl::Nanoseconds(1);
  LoadAndWatch(NewSource(options));
  for (int i = 10; i < 30; ++i) {
    Put("/demo/relay/workers", absl::StrCat(i));
    ASSERT_TRUE(reports_.Await([&](const Report&) {
      return workers_.Get() == i;
    })) << i;
    reports_.Clear();
  }
}

TEST_F(EtcdSourceTest, AServerThatDiesChangesNothingAndIsWatchedWhenItIsBack) {
  LoadAndWatch(NewSource());
  ASSERT_TRUE(statuses_.Await(IsOpen));
  statuses_.Clear();
  etcd_->Kill();
  ASSERT_TRUE(statuses_.Await(IsBroken));
  EXPECT_THAT(registry_.Reload().status,
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr(absl::StrCat("etcd ", etcd_->target()))));
  EXPECT_EQ(workers_.Get(), 3);
  EXPECT_EQ(greeting_.Get(), "hello");
  ASSERT_THAT(etcd_->Restart(), IsOk());
  Put("/demo/relay/workers", "8");
  ASSERT_TRUE(reports_.Await(IsApplied));
  EXPECT_EQ(workers_.Get(), 8);
  EXPECT_TRUE(statuses_.Await(IsOpen));
}

TEST_F(EtcdSourceTest, ForgottenChangesAreReadAnew) {
  std::unique_ptr<EtcdSource> source = NewSource();
  MakeWatch(*source);
  ASSERT_THAT(Load(std::move(source)), IsOk());
  Put("/demo/relay/workers", "7");
  Put("/demo/relay/workers", "8");
  ASSERT_THAT(etcd_->Compact(), IsOk());
  ASSERT_THAT(watch_->Start(), IsOk());
  ASSERT_TRUE(reports_.Await(IsApplied));
  EXPECT_EQ(workers_.Get(), 8);
  EXPECT_TRUE(statuses_.Await([](const absl::Status& status) {
    return absl::StrContains(status.message(), "are forgotten");
  }));
  Put("/demo/relay/workers", "9");
  EXPECT_TRUE(
      reports_.Await([&](const Report&) { return workers_.Get() == 9; }));
}

TEST_F(EtcdSourceTest, AStoreThatLostItsDataIsReadAnew) {
  LoadAndWatch(NewSource());
  ASSERT_TRUE(statuses_.Await(IsOpen));
  etcd_->Kill();
  ASSERT_THAT(etcd_->RestartEmpty(), IsOk());
  ASSERT_TRUE(reports_.Await(IsApplied));
  EXPECT_EQ(workers_.Get(), 1);
  EXPECT_EQ(greeting_.Get(), "none");
  Put("/demo/relay/workers", "2");
  EXPECT_TRUE(
      reports_.Await([&](const Report&) { return workers_.Get() == 2; }));
}

TEST_F(EtcdSourceTest, AWatchOfWhatWasNeverReadBeginsWithThat) {
  const std::unique_ptr<EtcdSource> source = NewSource();
  Mailbox<size_t> read;
  EtcdWatch watch(*source, [&] {
    const auto documents = source->ReadAll();
    if (documents.ok()) read.Put(documents->front().values().size());
  });
  ASSERT_THAT(watch.Start(), IsOk());
  EXPECT_TRUE(read.Await([](size_t count) { return count == 2; }));
  ASSERT_THAT(etcd_->Delete("/demo/relay/workers"), IsOk());
  EXPECT_TRUE(read.Await([](size_t count) { return count == 1; }));
}

TEST_F(EtcdSourceTest, AWatchCanBeStartedAgain) {
  LoadAndWatch(NewSource());
  watch_->Stop();
  watch_->Stop();
  Put("/demo/relay/workers", "7");
  EXPECT_EQ(reports_.size(), 0);
  ASSERT_THAT(watch_->Start(), IsOk());
  ASSERT_THAT(watch_->Start(), IsOk());
  ASSERT_TRUE(reports_.Await(IsApplied));
  EXPECT_EQ(workers_.Get(), 7);
}

TEST_F(EtcdSourceTest, AnAnswerLongerThanTheChannelTakesIsAnError) {
  Put("/demo/DEFAULT/greeting", std::string(2000, 'x'));
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(1000);
  const auto source = EtcdSource::Create(
      grpc::CreateCustomChannel(etcd_->target(),
                                grpc::InsecureChannelCredentials(), arguments),
      Quick(etcd_->target()));
  ASSERT_THAT(source, IsOk());
  EXPECT_THAT(
      (*source)->ReadAll(),
      StatusIs(absl::StatusCode::kResourceExhausted,
               HasSubstr(absl::StrCat("etcd ", etcd_->target(), ": "))));
}

// A port on loopback whose connections nobody serves.
class DeafServer {
 public:
  DeafServer() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size),
              0);
    target_ = absl::StrCat("127.0.0.1:", ntohs(address.sin_port));
  }
  ~DeafServer() { ::close(fd_); }
  DeafServer(const DeafServer&) = delete;
  DeafServer& operator=(const DeafServer&) = delete;

  // Before it, connections are refused.
  void Listen() { EXPECT_EQ(::listen(fd_, 8), 0); }
  bool AwaitConnection() {
    pollfd polled = {fd_, POLLIN, 0};
    return ::poll(&polled, 1,
                  static_cast<int>(absl::ToInt64Milliseconds(kPatience))) == 1;
  }

  const std::string& target() const { return target_; }

  std::unique_ptr<EtcdSource> NewSource(absl::Duration timeout) {
    EtcdOptions options = Quick(target_);
    options.timeout = timeout;
    absl::StatusOr<std::unique_ptr<EtcdSource>> source = EtcdSource::Create(
        grpc::CreateChannel(target_, grpc::InsecureChannelCredentials()),
        options);
    EXPECT_THAT(source, IsOk());
    return source.ok() ? *std::move(source) : nullptr;
  }

 private:
  const int fd_;
  std::string target_;
};

TEST(EtcdSourceWithoutServerTest, AStartFailsAndNamesTheTarget) {
  DeafServer server;
  Registry registry;
  std::vector<std::unique_ptr<Source>> sources;
  sources.push_back(server.NewSource(absl::Seconds(30)));
  EXPECT_THAT(
      registry.Load(std::move(sources)),
      StatusIs(absl::StatusCode::kUnavailable,
               HasSubstr(absl::StrCat("etcd ", server.target(), ": "))));
}

TEST(EtcdSourceWithoutServerTest, AServerThatSaysNothingIsNotWaitedForLong) {
  DeafServer server;
  server.Listen();
  EXPECT_THAT(
      server.NewSource(absl::Milliseconds(50))->ReadAll(),
      StatusIs(absl::StatusCode::kDeadlineExceeded,
               HasSubstr(absl::StrCat("etcd ", server.target(), ": "))));
}

TEST(EtcdSourceWithoutServerTest, StopEndsAReadThatWouldTakeForEver) {
  DeafServer server;
  server.Listen();
  const std::unique_ptr<EtcdSource> source =
      server.NewSource(absl::InfiniteDuration());
  Mailbox<absl::Status> results;
  EtcdWatch watch(*source, [&] { results.Put(source->ReadAll().status()); });
  ASSERT_THAT(watch.Start(), IsOk());
  ASSERT_TRUE(server.AwaitConnection());
  watch.Stop();
  EXPECT_TRUE(results.Await(
      [](const absl::Status& status) { return absl::IsCancelled(status); }));
}

TEST(EtcdSourceWithoutServerTest, StopEndsAPauseBetweenTries) {
  DeafServer server;
  EtcdOptions options = Quick(server.target());
  options.min_retry = options.max_retry = absl::InfiniteDuration();
  const auto source = EtcdSource::Create(
      grpc::CreateChannel(server.target(), grpc::InsecureChannelCredentials()),
      options);
  ASSERT_THAT(source, IsOk());
  Mailbox<absl::Status> statuses;
  EtcdWatch watch(
      **source, [&] { EXPECT_FALSE((*source)->ReadAll().ok()); },
      [&](const absl::Status& status) { statuses.Put(status); });
  ASSERT_THAT(watch.Start(), IsOk());
  ASSERT_TRUE(statuses.Await(IsBroken));
  watch.Stop();
  EXPECT_EQ(statuses.size(), 1);
}

TEST(EtcdSourceWithoutServerTest, OptionsThatMakeNoSenseAreRefused) {
  const std::shared_ptr<grpc::Channel> channel =
      grpc::CreateChannel("127.0.0.1:1", grpc::InsecureChannelCredentials());
  const auto refused = [&](const EtcdOptions& options, const char* why) {
    EXPECT_THAT(EtcdSource::Create(channel, options),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(why)));
  };
  refused({.prefix = "/demo"}, "target");
  refused({.target = "t"}, "etcd t: prefix");
  refused({.target = "t", .prefix = "/demo/"}, "slash");
  refused({.target = "t", .prefix = "/demo", .timeout = absl::ZeroDuration()},
          "positive");
  refused({.target = "t",
           .prefix = "/demo",
           .min_retry = absl::Seconds(2),
           .max_retry = absl::Seconds(1)},
          "max_retry");
}

}  // namespace
}  // namespace bergen::config
