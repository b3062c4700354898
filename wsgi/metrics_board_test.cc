// SPDX-License-Identifier: Apache-2.0

#include "wsgi/metrics_board.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/text_serializer.h"
#include "tests/support/status_matchers.h"

namespace bergen::wsgi {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Text(const MetricsBoard& board) {
  return prometheus::TextSerializer().Serialize(board.Collect());
}

// A line of the text.
auto Has(absl::string_view line) { return HasSubstr(absl::StrCat(line, "\n")); }

// Counts 10 and dies with work under way, by a signal nobody can handle.
void CountInAChildThatIsKilled(MetricsBoard& board) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const absl::StatusOr<std::unique_ptr<MetricsBoard::Claim>> claim =
        board.MakeClaim();
    if (claim.ok()) {
      MetricsSlot& slot = (*claim)->slot();
      slot.requests[0][200] += 10;
      slot.in_progress += 3;
      slot.server.connections += 4;
      raise(SIGKILL);
    }
    _exit(1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
}

TEST(MetricsBoardTest, SumsWhatAllCount) {
  absl::StatusOr<MetricsBoard> board = MetricsBoard::Create(4);
  ASSERT_THAT(board, IsOk());
  const auto first = board->MakeClaim();
  const auto second = board->MakeClaim();
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  int64_t number = 1;
  for (const auto* claim : {&*first, &*second}) {
    MetricsSlot& slot = (*claim)->slot();
    slot.requests[2][404] += number;
    slot.durations[0] += number;
    slot.durations.back() += 1;
    slot.nanoseconds += 500000000;
    slot.in_progress += number;
    slot.body_bytes += 10 * number;
    slot.server.connections += 100 * number;
    slot.server.handshakes += 2;
    slot.server.certificate_expiry = 2000000000 - number;
    slot.server.requests_in_progress += 3;
    slot.server.requests += 4;
    slot.server.refused_connections += 5;
    slot.server.queue_timeouts += 6;
    slot.server.tls_handshakes += 7;
    slot.server.tls_resumptions += 9;
    slot.server.tls_failures += 8;
    ++number;
  }
  EXPECT_THAT(
      Text(*board),
      AllOf(Has("http_requests_total{code=\"404\",method=\"POST\"} 3"),
            Has("http_request_duration_seconds_bucket{le=\"0.0001\"} 3"),
            Has("http_request_duration_seconds_bucket{le=\"60\"} 3"),
            Has("http_request_duration_seconds_bucket{le=\"+Inf\"} 5"),
            Has("http_request_duration_seconds_count 5"),
            Has("http_request_duration_seconds_sum 1"),
            Has("http_requests_in_progress 3"),
            Has("http_response_body_bytes_total 30"),
            Has("# TYPE wsgi_connections gauge"), Has("wsgi_connections 300")));
  EXPECT_THAT(
      Text(*board),
      AllOf(Has("wsgi_tls_handshakes_in_progress 4"),
            Has("wsgi_requests_in_progress 6"), Has("wsgi_requests_total 8"),
            Has("wsgi_refused_connections_total 10"),
            Has("# TYPE wsgi_queue_timeouts_total counter"),
            Has("wsgi_queue_timeouts_total 12"),
            Has("wsgi_tls_handshakes_total 14"),
            Has("wsgi_tls_resumptions_total 18"),
            Has("wsgi_tls_handshake_failures_total 16"), Has("wsgi_workers 2"),
            Has("wsgi_tls_certificate_expiry_timestamp_seconds 1999999998")));
}

TEST(MetricsBoardTest, WhatAWorkerCountedSurvivesIt) {
  absl::StatusOr<MetricsBoard> board = MetricsBoard::Create(2);
  ASSERT_THAT(board, IsOk());
  // More than there are slots.
  for (int i = 1; i <= 5; ++i) {
    CountInAChildThatIsKilled(*board);
    EXPECT_THAT(
        Text(*board),
        AllOf(Has(absl::StrCat(
                  "http_requests_total{code=\"200\",method=\"GET\"} ", 10 * i)),
              Has("http_requests_in_progress 0"), Has("wsgi_connections 0"),
              Has("wsgi_workers 0")));
  }
  // Whoever comes next begins with nothing under way, and no TLS.
  const auto claim = board->MakeClaim();
  ASSERT_THAT(claim, IsOk());
  EXPECT_THAT(Text(*board), Not(HasSubstr("certificate_expiry")));
  EXPECT_THAT(Text(*board),
              AllOf(Has("http_requests_total{code=\"200\",method=\"GET\"} 50"),
                    Has("http_requests_in_progress 0"),
                    Has("wsgi_connections 0"), Has("wsgi_workers 1")));
}

TEST(MetricsBoardTest, ClaimsAreExclusiveAndGivenBack) {
  absl::StatusOr<MetricsBoard> board = MetricsBoard::Create(2);
  ASSERT_THAT(board, IsOk());
  auto first = board->MakeClaim();
  auto second = board->MakeClaim();
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  MetricsSlot* const slot = &(*first)->slot();
  EXPECT_NE(slot, &(*second)->slot());
  EXPECT_THAT(board->MakeClaim(), StatusIs(absl::StatusCode::kResourceExhausted,
                                           HasSubstr("all of 2 slots")));
  *first = nullptr;
  const auto third = board->MakeClaim();
  ASSERT_THAT(third, IsOk());
  EXPECT_EQ(slot, &(*third)->slot());
}

TEST(MetricsBoardTest, ThreadsClaimDifferentSlots) {
  constexpr int kThreads = 8;
  absl::StatusOr<MetricsBoard> board = MetricsBoard::Create(kThreads);
  ASSERT_THAT(board, IsOk());
  std::vector<absl::StatusOr<std::unique_ptr<MetricsBoard::Claim>>> claims(
      kThreads);
  std::vector<std::thread> threads;
  for (auto& claim : claims) {
    threads.emplace_back([&] {
      claim = board->MakeClaim();
      if (claim.ok()) (*claim)->slot().body_bytes += 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& claim : claims) {
    ASSERT_THAT(claim, IsOk());
    EXPECT_EQ((*claim)->slot().body_bytes, 1u);
  }
}

TEST(MetricsBoardTest, CodesThatDidNotOccurAreNotThere) {
  absl::StatusOr<MetricsBoard> board = MetricsBoard::Create(1);
  ASSERT_THAT(board, IsOk());
  EXPECT_THAT(Text(*board), Not(HasSubstr("http_requests_total{")));
}

}  // namespace
}  // namespace bergen::wsgi
