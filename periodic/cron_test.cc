// SPDX-License-Identifier: Apache-2.0

#include "periodic/cron.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::periodic {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Le;

absl::TimeZone Zone(const std::string& name) {
  absl::TimeZone zone;
  if (!absl::LoadTimeZone(name, &zone)) {
    ADD_FAILURE() << "no time zone " << name;
  }
  return zone;
}

// The next times as text, from a time of day by the clocks of `zone`.
std::vector<std::string> Next(absl::string_view expression,
                              absl::CivilSecond after, int count,
                              absl::TimeZone zone = absl::UTCTimeZone()) {
  const absl::StatusOr<CronSchedule> schedule = CronSchedule::Parse(expression);
  if (!schedule.ok()) return {schedule.status().ToString()};
  std::vector<std::string> texts;
  for (const absl::Time time :
       schedule->NextTimes(absl::FromCivil(after, zone), zone, count)) {
    texts.push_back(absl::FormatTime("%a %F %T%Ez", time, zone));
  }
  return texts;
}

std::string ErrorOf(absl::string_view expression) {
  const absl::StatusOr<CronSchedule> schedule = CronSchedule::Parse(expression);
  EXPECT_THAT(schedule, StatusIs(absl::StatusCode::kInvalidArgument));
  return std::string(schedule.status().message());
}

TEST(CronTest, FiveFieldsBeginWithTheMinuteAndSixWithTheSecond) {
  EXPECT_THAT(Next("30 2 * * *", absl::CivilSecond(2024, 1, 1), 2),
              ElementsAre("Mon 2024-01-01 02:30:00+00:00",
                          "Tue 2024-01-02 02:30:00+00:00"));
  EXPECT_THAT(Next("*/20 30 2 * * *", absl::CivilSecond(2024, 1, 1), 4),
              ElementsAre("Mon 2024-01-01 02:30:00+00:00",
                          "Mon 2024-01-01 02:30:20+00:00",
                          "Mon 2024-01-01 02:30:40+00:00",
                          "Tue 2024-01-02 02:30:00+00:00"));
}

TEST(CronTest, ListsRangesStepsAndNames) {
  EXPECT_THAT(Next("0,30 8-18/5 * jan-Mar,DEC MON-FRI",
                   absl::CivilSecond(2024, 3, 29, 13, 0, 0), 3),
              ElementsAre("Fri 2024-03-29 13:30:00+00:00",
                          "Fri 2024-03-29 18:00:00+00:00",
                          "Fri 2024-03-29 18:30:00+00:00"));
  EXPECT_THAT(Next("50/4 0 1 1 *", absl::CivilSecond(2024, 1, 1), 3),
              ElementsAre("Mon 2024-01-01 00:50:00+00:00",
                          "Mon 2024-01-01 00:54:00+00:00",
                          "Mon 2024-01-01 00:58:00+00:00"));
}

TEST(CronTest, SundayIsBothZeroAndSeven) {
  for (const absl::string_view sunday : {"0", "7", "SUN", "sun", "0,7"}) {
    EXPECT_THAT(Next(absl::StrCat("0 0 * * ", sunday),
                     absl::CivilSecond(2024, 1, 1), 1),
                ElementsAre("Sun 2024-01-07 00:00:00+00:00"));
  }
  for (const absl::string_view weekend : {"6-7", "SAT-SUN", "6,0", "6-0"}) {
    EXPECT_THAT(Next(absl::StrCat("0 0 * * ", weekend),
                     absl::CivilSecond(2024, 1, 1), 3),
                ElementsAre("Sat 2024-01-06 00:00:00+00:00",
                            "Sun 2024-01-07 00:00:00+00:00",
                            "Sat 2024-01-13 00:00:00+00:00"));
  }
}

TEST(CronTest, OneOfTwoRestrictedDaysIsEnough) {
  EXPECT_THAT(Next("0 0 13 * FRI", absl::CivilSecond(2024, 9, 1), 3),
              ElementsAre("Fri 2024-09-06 00:00:00+00:00",
                          "Fri 2024-09-13 00:00:00+00:00",
                          "Fri 2024-09-20 00:00:00+00:00"));
  // A field that begins with * restricts nothing by itself.
  EXPECT_THAT(Next("0 0 */2 * FRI", absl::CivilSecond(2024, 9, 1), 2),
              ElementsAre("Fri 2024-09-13 00:00:00+00:00",
                          "Fri 2024-09-27 00:00:00+00:00"));
}

TEST(CronTest, ShortNames) {
  const absl::CivilSecond after(2024, 2, 29, 12, 34, 56);
  EXPECT_THAT(Next("@hourly", after, 1),
              ElementsAre("Thu 2024-02-29 13:00:00+00:00"));
  EXPECT_THAT(Next("@daily", after, 1),
              ElementsAre("Fri 2024-03-01 00:00:00+00:00"));
  EXPECT_THAT(Next("@Midnight", after, 1),
              ElementsAre("Fri 2024-03-01 00:00:00+00:00"));
  EXPECT_THAT(Next("@weekly", after, 1),
              ElementsAre("Sun 2024-03-03 00:00:00+00:00"));
  EXPECT_THAT(Next("@monthly", after, 1),
              ElementsAre("Fri 2024-03-01 00:00:00+00:00"));
  for (const absl::string_view name : {"@yearly", "@annually"}) {
    EXPECT_THAT(Next(name, after, 1),
                ElementsAre("Wed 2025-01-01 00:00:00+00:00"));
  }
}

TEST(CronTest, ALeapDayMayBeEightYearsAway) {
  EXPECT_THAT(Next("0 0 29 2 *", absl::CivilSecond(2096, 3, 1), 1),
              ElementsAre("Fri 2104-02-29 00:00:00+00:00"));
}

TEST(CronTest, ALeapDayThatIsASundayMayBeFortyYearsAway) {
  EXPECT_THAT(Next("0 0 29 2 */7", absl::CivilSecond(2088, 3, 1), 1),
              ElementsAre("Sun 2128-02-29 00:00:00+00:00"));
}

TEST(CronTest, AfterIsExclusiveAndMayLieWithinASecond) {
  const absl::StatusOr<CronSchedule> schedule =
      CronSchedule::Parse("* * * * * *");
  ASSERT_THAT(schedule, IsOk());
  const absl::Time second = absl::FromUnixSeconds(1'700'000'000);
  const absl::TimeZone utc = absl::UTCTimeZone();
  EXPECT_EQ(schedule->Next(second, utc), second + absl::Seconds(1));
  EXPECT_EQ(schedule->Next(second - absl::Nanoseconds(1), utc), second);
  EXPECT_EQ(schedule->Next(second + absl::Nanoseconds(1), utc),
            second + absl::Seconds(1));
}

TEST(CronTest, HasNoTimesBeyondTheYear9999) {
  const absl::StatusOr<CronSchedule> schedule = CronSchedule::Parse("@yearly");
  ASSERT_THAT(schedule, IsOk());
  const absl::TimeZone utc = absl::UTCTimeZone();
  EXPECT_EQ(schedule->Next(absl::InfiniteFuture(), utc),
            absl::InfiniteFuture());
  EXPECT_EQ(
      schedule->Next(absl::FromCivil(absl::CivilDay(10000, 1, 1), utc), utc),
      absl::InfiniteFuture());
  EXPECT_EQ(schedule->Next(absl::InfinitePast(), utc),
            absl::FromCivil(absl::CivilYear(2), utc));
}

TEST(CronTest, ErrorsNameTheField) {
  EXPECT_EQ(ErrorOf("61 * * * *"),
            "cron expression '61 * * * *': field 1, minute: 61 is not in 0-59");
  EXPECT_THAT(ErrorOf("61 * * * * *"), HasSubstr("field 1, second: 61"));
  EXPECT_THAT(ErrorOf("0 24 * * *"), HasSubstr("field 2, hour: 24"));
  EXPECT_THAT(ErrorOf("0 0 0 * *"),
              HasSubstr("field 3, day of the month: 0 is not in 1-31"));
  EXPECT_THAT(ErrorOf("0 0 1 foo *"),
              HasSubstr("field 4, month: 'foo' is no number or name"));
  EXPECT_THAT(ErrorOf("0 0 1 * 8"),
              HasSubstr("field 5, day of the week: 8 is not in 0-7"));
}

TEST(CronTest, RefusesWhatIsNoExpression) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("has 0 fields, needs five or six"));
  EXPECT_THAT(ErrorOf("* * * *"), HasSubstr("has 4 fields"));
  EXPECT_THAT(ErrorOf("* * * * * * *"), HasSubstr("has 7 fields"));
  EXPECT_THAT(ErrorOf("@reboot"), HasSubstr("no such name"));
  EXPECT_THAT(ErrorOf("5-3 * * * *"), HasSubstr("ends before it begins"));
  EXPECT_THAT(ErrorOf("*/0 * * * *"), HasSubstr("step '0' is not in 1-59"));
  EXPECT_THAT(ErrorOf("*/60 * * * *"), HasSubstr("step '60'"));
  EXPECT_THAT(ErrorOf("*/ * * * *"), HasSubstr("step ''"));
  EXPECT_THAT(ErrorOf("1,,2 * * * *"), HasSubstr("'' is no number"));
  EXPECT_THAT(ErrorOf("+1 * * * *"), HasSubstr("'+1' is no number"));
  EXPECT_THAT(ErrorOf("-1 * * * *"), HasSubstr("'' is no number"));
  EXPECT_THAT(ErrorOf("1x * * * *"), HasSubstr("'1x' is no number"));
  EXPECT_THAT(ErrorOf("99999999999 * * * *"),
              HasSubstr("99999999999 is not in 0-59"));
  EXPECT_THAT(ErrorOf("0 0 30 2 *"), HasSubstr("no month has such a day"));
  EXPECT_THAT(ErrorOf("0 0 31 2,4,6,9,11 *"), HasSubstr("no month"));
  EXPECT_THAT(ErrorOf(std::string(2000, ' ')), HasSubstr("longer than 1000"));
}

// Clocks go from 02:00 to 03:00 on 31 March 2024, and from 03:00 to 02:00 on 27
// October.
TEST(CronTest, ADailyJobRunsOnceOnEveryDay) {
  const absl::TimeZone berlin = Zone("Europe/Berlin");
  EXPECT_THAT(Next("30 2 * * *", absl::CivilSecond(2024, 3, 30), 3, berlin),
              ElementsAre("Sat 2024-03-30 02:30:00+01:00",
                          "Sun 2024-03-31 03:00:00+02:00",
                          "Mon 2024-04-01 02:30:00+02:00"));
  EXPECT_THAT(Next("30 2 * * *", absl::CivilSecond(2024, 10, 26), 3, berlin),
              ElementsAre("Sat 2024-10-26 02:30:00+02:00",
                          "Sun 2024-10-27 02:30:00+02:00",
                          "Mon 2024-10-28 02:30:00+01:00"));
}

TEST(CronTest, SkippedTimesComeTogetherWhenTheClockIsPutForward) {
  const absl::TimeZone berlin = Zone("Europe/Berlin");
  EXPECT_THAT(Next("*/15 2,3 * * *", absl::CivilSecond(2024, 3, 31), 3, berlin),
              ElementsAre("Sun 2024-03-31 03:00:00+02:00",
                          "Sun 2024-03-31 03:15:00+02:00",
                          "Sun 2024-03-31 03:30:00+02:00"));
}

TEST(CronTest, AJobOfEveryHourFollowsWhatTheClockShows) {
  const absl::TimeZone berlin = Zone("Europe/Berlin");
  EXPECT_THAT(
      Next("30 * * * *", absl::CivilSecond(2024, 3, 31, 1, 0, 0), 2, berlin),
      ElementsAre("Sun 2024-03-31 01:30:00+01:00",
                  "Sun 2024-03-31 03:30:00+02:00"));
  EXPECT_THAT(
      Next("30 * * * *", absl::CivilSecond(2024, 10, 27, 2, 0, 0), 3, berlin),
      ElementsAre("Sun 2024-10-27 02:30:00+02:00",
                  "Sun 2024-10-27 02:30:00+01:00",
                  "Sun 2024-10-27 03:30:00+01:00"));
  // From 02:50, shown for the first time, to 02:10, shown for the second.
  EXPECT_THAT(
      Next("10 * * * *", absl::CivilSecond(2024, 10, 27, 2, 50, 0), 1, berlin),
      ElementsAre("Sun 2024-10-27 02:10:00+01:00"));
}

// The model of the property test: walks through time and looks at what the
// clock shows. Within a quarter of an hour, which no clock in the test is
// changed in, minutes pass as usual: that saves most of the time.
class BruteForce {
 public:
  BruteForce(absl::TimeZone zone, absl::Time begin, absl::Time end)
      : begin_(begin) {
    for (absl::Time time = begin; time < end; time += kQuarter) {
      const absl::CivilSecond shown = zone.At(time).cs;
      shown_.push_back({shown - absl::CivilSecond(2000), shown.minute(),
                        shown.hour(), absl::CivilDay(shown)});
    }
  }

  struct Expression {
    std::string text;
    // Bit n is set if n matches.
    uint64_t minutes, hours, month_days, months, week_days;
    bool any_month_day = false;
    bool any_week_day = false;

    bool MatchesDay(absl::CivilDay day) const {
      const bool month_day = (month_days >> day.day() & 1) != 0;
      static constexpr int kSundayIsZero[] = {1, 2, 3, 4, 5, 6, 0};
      const bool week_day =
          (week_days >> kSundayIsZero[static_cast<int>(absl::GetWeekday(day))] &
           1) != 0;
      return (months >> day.month() & 1) != 0 &&
             (any_month_day || any_week_day ? month_day && week_day
                                            : month_day || week_day);
    }
    bool Matches(int64_t seconds_since_2000) const {
      const absl::CivilSecond time =
          absl::CivilSecond(2000) + seconds_since_2000;
      return (minutes >> time.minute() & 1) != 0 &&
             (hours >> time.hour() & 1) != 0 &&
             MatchesDay(absl::CivilDay(time));
    }
    bool EveryHour() const { return (~hours & 0xffffff) == 0; }
  };

  std::vector<absl::Time> Times(const Expression& expression) const {
    std::vector<absl::Time> times;
    int64_t shown_before = shown_.front().seconds;  // Less than this.
    absl::Time begin = begin_;
    for (const Shown& shown : shown_) {
      bool skipped = false;
      if (!expression.EveryHour()) {
        for (; shown_before < shown.seconds; shown_before += 60) {
          skipped = skipped || expression.Matches(shown_before);
        }
      }
      if (skipped) times.push_back(begin);
      // Else the clock was put back, and has shown this before.
      if ((expression.EveryHour() || shown.seconds == shown_before) &&
          (expression.hours >> shown.hour & 1) != 0 &&
          expression.MatchesDay(shown.day)) {
        for (int minute = skipped ? 1 : 0; minute < 15; ++minute) {
          if ((expression.minutes >> (shown.minute + minute) & 1) != 0) {
            times.push_back(begin + absl::Minutes(minute));
          }
        }
      }
      shown_before = std::max(shown_before, shown.seconds + 15 * 60);
      begin += kQuarter;
    }
    return times;
  }

 private:
  static constexpr absl::Duration kQuarter = absl::Minutes(15);

  // By the clock.
  struct Shown {
    int64_t seconds;  // Since 2000.
    int minute;
    int hour;
    absl::CivilDay day;
  };

  const absl::Time begin_;
  std::vector<Shown> shown_;
};

// A random field: its text and the values it has.
std::pair<std::string, uint64_t> RandomField(std::mt19937& random, int min,
                                             int max, int star_in_ten) {
  const auto pick = [&random](int from, int to) {
    return from + static_cast<int>(random() % (to - from + 1));
  };
  uint64_t values = 0;
  if (pick(1, 10) <= star_in_ten) {
    const int step = pick(1, 3) == 1 ? pick(2, 5) : 1;
    for (int i = min; i <= max; i += step) values |= uint64_t{1} << i;
    return {step == 1 ? "*" : absl::StrCat("*/", step), values};
  }
  std::string text;
  for (int items = pick(1, 2); items > 0; --items) {
    const int first = pick(min, max);
    const int last = pick(1, 2) == 1 ? first : pick(first, max);
    const int step = pick(1, 3);
    for (int i = first; i <= last; i += step) values |= uint64_t{1} << i;
    absl::StrAppend(&text, text.empty() ? "" : ",", first, "-", last, "/",
                    step);
  }
  return {text, values};
}

BruteForce::Expression RandomExpression(std::mt19937& random) {
  BruteForce::Expression expression;
  std::string minute, hour, month_day, month, week_day;
  std::tie(minute, expression.minutes) = RandomField(random, 0, 59, 0);
  std::tie(hour, expression.hours) = RandomField(random, 0, 23, 4);
  std::tie(month_day, expression.month_days) = RandomField(random, 1, 31, 6);
  std::tie(month, expression.months) = RandomField(random, 1, 12, 6);
  std::tie(week_day, expression.week_days) = RandomField(random, 0, 6, 6);
  // Any month has one of these: else it might be none of an expression.
  absl::StrAppend(&month_day, ",28");
  expression.month_days |= uint64_t{1} << 28;
  expression.any_month_day = month_day.front() == '*';
  expression.any_week_day = week_day.front() == '*';
  expression.text = absl::StrCat(minute, " ", hour, " ", month_day, " ", month,
                                 " ", week_day);
  return expression;
}

// On every day, around each hour at which clocks are changed.
BruteForce::Expression DailyExpression(bool every_hour) {
  const uint64_t all = ~uint64_t{0};
  const uint64_t minutes = uint64_t{1} << 10;
  if (every_hour) return {"10 * * * *", minutes, all, all, all, all, true};
  return {
      "10 0-2,23 * * *", minutes, uint64_t{1} << 23 | 7, all, all, all, true};
}

class CronPropertyTest : public ::testing::TestWithParam<const char*> {};

TEST_P(CronPropertyTest, AgreesWithWalkingThroughTheYears) {
  const absl::TimeZone zone = Zone(GetParam());
  // Has daylight-saving changes of every kind there is, and a day that Samoa
  // did not have.
  const absl::Time begin = absl::FromCivil(absl::CivilYear(2011), zone);
  const absl::Time end = absl::FromCivil(absl::CivilYear(2013), zone);
  const BruteForce model(zone, begin, end);
  std::mt19937 random(1);
  std::vector<BruteForce::Expression> expressions = {DailyExpression(false),
                                                     DailyExpression(true)};
  for (int i = 0; i < 4; ++i) expressions.push_back(RandomExpression(random));
  for (const BruteForce::Expression& expression : expressions) {
    SCOPED_TRACE(expression.text);
    const absl::StatusOr<CronSchedule> schedule =
        CronSchedule::Parse(expression.text);
    ASSERT_THAT(schedule, IsOk());
    absl::Time last = begin - absl::Seconds(1);
    for (const absl::Time expected : model.Times(expression)) {
      ASSERT_EQ(schedule->Next(last, zone), expected);
      // Wherever in between one asks, the answer is the same.
      if (random() % 8 == 0) {
        const absl::Duration gap = expected - last - absl::Nanoseconds(1);
        ASSERT_EQ(schedule->Next(last + gap * (random() % 1000) / 999, zone),
                  expected);
      }
      last = expected;
    }
    EXPECT_GE(schedule->Next(last, zone), end);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Zones, CronPropertyTest,
    ::testing::Values("UTC", "Europe/Berlin", "America/New_York",
                      "America/Havana",  // At midnight.
                      "Africa/Casablanca",
                      "Australia/Lord_Howe",  // Half an hour.
                      "Pacific/Apia"));

TEST(StableJitterTest, IsTheSameForAHostAndJobAndSpreadOverHosts) {
  const absl::Duration longest = absl::Minutes(10);
  // A constant: the next build must not move every job.
  EXPECT_EQ(StableJitter("host-1", "purge", longest),
            absl::Seconds(378) + absl::Nanoseconds(916963042.5));
  int first_half = 0;
  for (int host = 0; host < 1000; ++host) {
    const absl::Duration jitter =
        StableJitter(absl::StrCat("host-", host), "purge", longest);
    EXPECT_GE(jitter, absl::ZeroDuration());
    EXPECT_LE(jitter, longest);
    if (jitter < longest / 2) ++first_half;
  }
  EXPECT_THAT(first_half, AllOf(Ge(430), Le(570)));
  EXPECT_EQ(StableJitter("host", "job", absl::ZeroDuration()),
            absl::ZeroDuration());
}

}  // namespace
}  // namespace bergen::periodic
