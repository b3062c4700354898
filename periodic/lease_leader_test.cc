// SPDX-License-Identifier: Apache-2.0

#include "periodic/lease_leader.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <sstream>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "periodic/fake_clock.h"
#include "periodic/leadership.h"
#include "periodic/lease_store.h"
#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"
#include "tests/support/status_matchers.h"

namespace bergen::periodic {
namespace {

using ::testing::HasSubstr;

// A store of one key, whose leases end only by `Revoke`. Thread-safe.
class FakeStore {
 public:
  // What the store answers instead.
  struct Errors {
    absl::Status is_held;
    absl::Status hold;
    absl::Status keep_alive;
  };

  void Set(const Errors& errors) {
    const absl::MutexLock lock(&mutex_);
    errors_ = errors;
  }
  void SetHeldByOther(bool held) {
    const absl::MutexLock lock(&mutex_);
    holder_ = held ? kOther : 0;
  }
  // Whether a lease of this process holds the key.
  bool held() const {
    const absl::MutexLock lock(&mutex_);
    return holder_ != 0 && holder_ != kOther;
  }
  int64_t leases() const {
    const absl::MutexLock lock(&mutex_);
    return leases_;
  }

  absl::StatusOr<bool> IsHeld() {
    const absl::MutexLock lock(&mutex_);
    if (!errors_.is_held.ok()) return errors_.is_held;
    return holder_ != 0;
  }
  int64_t Grant() {
    const absl::MutexLock lock(&mutex_);
    return ++leases_;
  }
  absl::Status KeepAlive() {
    const absl::MutexLock lock(&mutex_);
    return errors_.keep_alive;
  }
  void Revoke(int64_t lease) {
    const absl::MutexLock lock(&mutex_);
    if (holder_ == lease) holder_ = 0;
  }
  absl::StatusOr<std::optional<int64_t>> Hold(int64_t lease) {
    const absl::MutexLock lock(&mutex_);
    if (holder_ != 0) return std::nullopt;
    // Done, although it may not be known.
    holder_ = lease;
    ++token_;
    if (!errors_.hold.ok()) return errors_.hold;
    return token_;
  }

 private:
  static constexpr int64_t kOther = -1;

  mutable absl::Mutex mutex_;
  Errors errors_ ABSL_GUARDED_BY(mutex_);
  int64_t holder_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t leases_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t token_ ABSL_GUARDED_BY(mutex_) = 100;
};

// What a leader has of it.
class FakeLeaseStore : public LeaseStore {
 public:
  explicit FakeLeaseStore(FakeStore& store) : store_(&store) {}

  absl::StatusOr<Lease> Grant(absl::Duration lifetime,
                              absl::Duration) override {
    return Lease{.id = store_->Grant(), .lifetime = lifetime};
  }
  absl::StatusOr<absl::Duration> KeepAlive(int64_t, absl::Duration) override {
    absl::Status status = store_->KeepAlive();
    if (!status.ok()) return status;
    return absl::Seconds(8);
  }
  absl::Status Revoke(int64_t lease, absl::Duration) override {
    store_->Revoke(lease);
    return absl::OkStatus();
  }
  absl::StatusOr<bool> IsHeld(absl::string_view, absl::Duration) override {
    return store_->IsHeld();
  }
  absl::StatusOr<std::optional<int64_t>> Hold(absl::string_view,
                                              absl::string_view, int64_t lease,
                                              absl::Duration) override {
    return store_->Hold(lease);
  }
  void Cancel() override {}

 private:
  FakeStore* const store_;
};

// Leases of 8 s: kept alive each 2 s, and terms end after 6 s without.
class LeaseLeaderTest : public ::testing::Test {
 protected:
  void Start() {
    absl::StatusOr<std::unique_ptr<LeaseLeader>> leader = LeaseLeader::Start(
        {.key = "/key",
         .holder = "me",
         .lease = absl::Seconds(8),
         .margin = absl::Seconds(2)},
        std::make_unique<FakeLeaseStore>(store_), clock_, log_);
    ASSERT_THAT(leader, IsOk());
    leader_ = *std::move(leader);
  }

  // Until the leader waits for what comes in `seconds`.
  void AwaitWait(double seconds) {
    clock_.WaitForDeadline(clock_.Now() + absl::Seconds(seconds));
  }

  int64_t Token() const {
    return leader_->Lead().value_or(Term()).fencing_token;
  }

  FakeClock clock_;
  FakeStore store_;
  std::ostringstream text_;
  spdlog::logger log_{"test",
                      std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)};
  std::unique_ptr<LeaseLeader> leader_;  // Ends first.
};

TEST_F(LeaseLeaderTest, LeadsForAsLongAsItKeepsTheLease) {
  Start();
  for (int renewal = 0; renewal < 20; ++renewal) {
    AwaitWait(2);
    EXPECT_EQ(Token(), 101);
    clock_.Advance(absl::Seconds(2));
  }
  EXPECT_EQ(store_.leases(), 1);
}

TEST_F(LeaseLeaderTest, DoesNotLeadWhileAnotherHoldsTheKey) {
  store_.SetHeldByOther(true);
  Start();
  AwaitWait(1);
  EXPECT_EQ(Token(), 0);
  EXPECT_EQ(store_.leases(), 0);
  store_.SetHeldByOther(false);
  clock_.Advance(absl::Seconds(1));
  AwaitWait(2);
  EXPECT_EQ(Token(), 101);
}

TEST_F(LeaseLeaderTest, ATermEndsBeforeALeaseThatCannotBeKept) {
  Start();
  AwaitWait(2);
  const std::optional<Term> term = leader_->Lead();
  ASSERT_TRUE(term.has_value());
  store_.Set({.keep_alive = absl::UnavailableError("no etcd")});
  clock_.Advance(absl::Seconds(2));
  AwaitWait(0.5);  // It is tried again.
  EXPECT_EQ(Token(), 101);
  EXPECT_FALSE(term->ends.stop_requested());
  clock_.Advance(absl::Seconds(4));
  AwaitWait(1);  // Tries to lead again.
  EXPECT_TRUE(term->ends.stop_requested());
  EXPECT_EQ(Token(), 0);
  EXPECT_FALSE(store_.held());
  EXPECT_THAT(text_.str(), HasSubstr("the lease could not be kept: no etcd"));
  clock_.Advance(absl::Seconds(1));
  AwaitWait(2);
  EXPECT_EQ(Token(), 102);
}

TEST_F(LeaseLeaderTest, AProcessThatWasStoppedDoesNotLeadAfterItsTerm) {
  Start();
  AwaitWait(2);
  EXPECT_EQ(Token(), 101);
  // The leader's thread may be no further than here.
  store_.Set({.keep_alive = absl::UnavailableError("no etcd")});
  clock_.Advance(absl::Seconds(6));
  EXPECT_EQ(Token(), 0);
}

TEST_F(LeaseLeaderTest, AnEndedLeaseEndsTheTermAtOnce) {
  Start();
  AwaitWait(2);
  const std::optional<Term> term = leader_->Lead();
  ASSERT_TRUE(term.has_value());
  store_.Set({.keep_alive = absl::NotFoundError("lease has ended")});
  clock_.Advance(absl::Seconds(2));
  AwaitWait(1);
  EXPECT_TRUE(term->ends.stop_requested());
  EXPECT_EQ(Token(), 0);
}

TEST_F(LeaseLeaderTest, AKeyThatMayBeHeldOrNotIsGivenUp) {
  store_.Set({.hold = absl::DeadlineExceededError("no answer")});
  Start();
  AwaitWait(1);
  EXPECT_EQ(Token(), 0);
  EXPECT_EQ(store_.leases(), 1);
  EXPECT_FALSE(store_.held());
  store_.Set({});
  clock_.Advance(absl::Seconds(1));
  AwaitWait(2);
  EXPECT_EQ(Token(), 102);
}

TEST_F(LeaseLeaderTest, AStoreThatIsAwayIsTriedAgainAndLoggedOnce) {
  store_.Set({.is_held = absl::UnavailableError("no etcd")});
  Start();
  AwaitWait(1);
  EXPECT_THAT(text_.str(), HasSubstr("leader /key: UNAVAILABLE: no etcd"));
  text_.str("");
  for (int retry = 0; retry < 5; ++retry) {
    clock_.Advance(absl::Seconds(1));
    AwaitWait(1);
  }
  EXPECT_EQ(text_.str(), "");
}

TEST_F(LeaseLeaderTest, TheDestructorEndsTheTermAndFreesTheKey) {
  Start();
  AwaitWait(2);
  const std::optional<Term> term = leader_->Lead();
  ASSERT_TRUE(term.has_value());
  EXPECT_TRUE(store_.held());
  leader_.reset();
  EXPECT_TRUE(term->ends.stop_requested());
  EXPECT_FALSE(store_.held());
}

TEST_F(LeaseLeaderTest, RefusesOptionsThatMakeNoSense) {
  const auto error = [this](const LeaseLeaderOptions& options) {
    return LeaseLeader::Start(options, std::make_unique<FakeLeaseStore>(store_),
                              clock_, log_)
        .status();
  };
  const absl::StatusCode invalid = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(error({}), StatusIs(invalid, HasSubstr("no key")));
  EXPECT_THAT(error({.key = "k", .lease = absl::Milliseconds(2500)}),
              StatusIs(invalid, HasSubstr("leader k: lease 2.5s")));
  EXPECT_THAT(error({.key = "k", .lease = absl::ZeroDuration()}),
              StatusIs(invalid));
  EXPECT_THAT(error({.key = "k", .margin = absl::Seconds(6)}),
              StatusIs(invalid, HasSubstr("at most half")));
  EXPECT_THAT(error({.key = "k", .margin = absl::ZeroDuration()}),
              StatusIs(invalid));
  EXPECT_THAT(error({.key = "k", .retry = absl::ZeroDuration()}),
              StatusIs(invalid, HasSubstr("retry")));
}

}  // namespace
}  // namespace bergen::periodic
