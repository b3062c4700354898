// SPDX-License-Identifier: Apache-2.0
//
// Calendar times: `30 2 * * MON-FRI` is half past two on working days.
//
//   absl::StatusOr<CronSchedule> schedule = CronSchedule::Parse("@daily");
//   if (!schedule.ok()) return schedule.status();
//   for (absl::Time time : schedule->NextTimes(now, zone, 5)) Print(time);
//
// An expression has five fields: minute (0-59), hour (0-23), day of the month
// (1-31), month (1-12 or JAN-DEC), day of the week (0-7 or SUN-SAT, both 0 and
// 7 are Sunday). With six, the first is the second (0-59); with five, it is 0.
// A field is a list, by commas, of `*`, `N`, `N-M`, each with an optional step:
// `*/15`, `8-18/2`, and `N/S`, which goes on to the end of the range. Also
// @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly. Letters
// may be small or capital.
//
// When both the day of the month and that of the week are restricted, that is,
// neither begins with `*`, one of them is enough. crontab(5)
//
// When clocks are changed:
// * A schedule that names hours has each of its times exactly once: one that is
//   skipped comes at the moment the clock is put forward, once for all that are
//   skipped then; one that the clock shows twice comes the first time. So a
//   daily job runs every day, once.
// * A schedule of every hour follows what the clock shows: it passes over times
//   that are skipped, and has those twice that are shown twice. So a job of
//   every ten minutes stays ten minutes apart.

#ifndef PERIODIC_CRON_H_
#define PERIODIC_CRON_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"

namespace bergen::periodic {

// A value.
class CronSchedule {
 public:
  // InvalidArgument, with the field, for text that is no expression or that no
  // day ever matches, such as the 30th of February.
  static absl::StatusOr<CronSchedule> Parse(absl::string_view expression);

  // The first time after `after`, which is a whole second by the clocks of
  // `zone`. Knows the years 1 to 9999; `absl::InfiniteFuture()` beyond.
  absl::Time Next(absl::Time after, absl::TimeZone zone) const;

  // The first `count` times after `after`.
  std::vector<absl::Time> NextTimes(absl::Time after, absl::TimeZone zone,
                                    int count) const;

  // As it was parsed.
  const std::string& expression() const { return expression_; }

  // Whether it follows what the clock shows. See above.
  bool every_hour() const { return hours_ == kAllHours; }

 private:
  static constexpr uint64_t kAllHours = (uint64_t{1} << 24) - 1;

  CronSchedule() = default;

  bool MatchesDay(absl::CivilDay day) const;
  bool EverMatches() const;
  // The first match after `after`, skipped or not.
  absl::CivilSecond NextCivil(absl::CivilSecond after) const;

  std::string expression_;
  // Bit n is set if n matches.
  uint64_t seconds_ = 1;
  uint64_t minutes_ = 0;
  uint64_t hours_ = 0;
  uint64_t month_days_ = 0;
  uint64_t months_ = 0;
  uint64_t week_days_ = 0;  // Sunday is 0.
  bool one_day_is_enough_ = false;
};

// How long a job is put off so that not all hosts run it at once: from 0 to
// `longest`, which must not be negative; always the same for the same host and
// job.
absl::Duration StableJitter(absl::string_view host, absl::string_view job,
                            absl::Duration longest);

}  // namespace bergen::periodic

#endif  // PERIODIC_CRON_H_
