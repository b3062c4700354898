// SPDX-License-Identifier: Apache-2.0

#include "periodic/cron.h"

#include <algorithm>
#include <array>
#include <bit>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/types/span.h"

namespace bergen::periodic {
namespace {

constexpr size_t kLongestExpression = 1000;

constexpr std::array<absl::string_view, 12> kMonthNames = {
    "jan", "feb", "mar", "apr", "may", "jun",
    "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<absl::string_view, 7> kWeekDayNames = {
    "sun", "mon", "tue", "wed", "thu", "fri", "sat"};

struct Field {
  absl::string_view name;
  int min;
  int max;
  // The first one means `min`.
  absl::Span<const absl::string_view> value_names;
};

constexpr std::array<Field, 6> kFields = {{
    {"second", 0, 59, {}},
    {"minute", 0, 59, {}},
    {"hour", 0, 23, {}},
    {"day of the month", 1, 31, {}},
    {"month", 1, 12, kMonthNames},
    {"day of the week", 0, 7, kWeekDayNames},
}};

struct Macro {
  absl::string_view name;
  absl::string_view expression;
};

constexpr std::array<Macro, 7> kMacros = {{
    {"@yearly", "0 0 1 1 *"},
    {"@annually", "0 0 1 1 *"},
    {"@monthly", "0 0 1 * *"},
    {"@weekly", "0 0 * * 0"},
    {"@daily", "0 0 * * *"},
    {"@midnight", "0 0 * * *"},
    {"@hourly", "0 * * * *"},
}};

absl::StatusOr<int> ParseValue(const Field& field, absl::string_view text) {
  const std::string lower = absl::AsciiStrToLower(text);
  for (size_t i = 0; i < field.value_names.size(); ++i) {
    if (lower == field.value_names[i]) return field.min + static_cast<int>(i);
  }
  // No signs, no blanks.
  if (text.empty() ||
      !std::all_of(text.begin(), text.end(), absl::ascii_isdigit)) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' is no number",
                     field.value_names.empty() ? "" : " or name"));
  }
  int value;
  if (!absl::SimpleAtoi(text, &value) || value < field.min ||
      value > field.max) {
    return absl::InvalidArgumentError(
        absl::StrCat(text, " is not in ", field.min, "-", field.max));
  }
  return value;
}

struct Range {
  int first;
  int last;
};

// `has_step`: a single value begins a range.
absl::StatusOr<Range> ParseRange(const Field& field, absl::string_view text,
                                 bool has_step) {
  if (text == "*") return Range{field.min, field.max};
  const std::pair<absl::string_view, absl::string_view> ends =
      absl::StrSplit(text, absl::MaxSplits('-', 1));
  const absl::StatusOr<int> first = ParseValue(field, ends.first);
  if (!first.ok()) return first.status();
  if (!absl::StrContains(text, '-')) {
    return Range{*first, has_step ? field.max : *first};
  }
  absl::StatusOr<int> last = ParseValue(field, ends.second);
  if (!last.ok()) return last.status();
  // FRI-SUN: the week may end with Sunday.
  if (*last == 0 && *first > 0 && field.max == 7) last = 7;
  if (*last < *first) {
    return absl::InvalidArgumentError(
        absl::StrCat("range '", text, "' ends before it begins"));
  }
  return Range{*first, *last};
}

absl::StatusOr<uint64_t> ParseItem(const Field& field, absl::string_view text) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits('/', 1));
  const bool has_step = absl::StrContains(text, '/');
  const absl::StatusOr<Range> range = ParseRange(field, parts.first, has_step);
  if (!range.ok()) return range.status();
  int step = 1;
  if (has_step &&
      (parts.second.empty() || !absl::ascii_isdigit(parts.second.front()) ||
       !absl::SimpleAtoi(parts.second, &step) || step < 1 ||
       step > field.max)) {
    return absl::InvalidArgumentError(
        absl::StrCat("step '", parts.second, "' is not in 1-", field.max));
  }
  uint64_t bits = 0;
  for (int value = range->first; value <= range->last; value += step) {
    bits |= uint64_t{1} << value;
  }
  return bits;
}

absl::StatusOr<uint64_t> ParseField(const Field& field,
                                    absl::string_view text) {
  uint64_t bits = 0;
  for (const absl::string_view item : absl::StrSplit(text, ',')) {
    const absl::StatusOr<uint64_t> more = ParseItem(field, item);
    if (!more.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(field.name, ": ", more.status().message()));
    }
    bits |= *more;
  }
  return bits;
}

// The first set bit from `from` on.
std::optional<int> NextBit(uint64_t bits, int from) {
  const uint64_t rest = bits >> from << from;
  if (rest == 0) return std::nullopt;
  return std::countr_zero(rest);
}

absl::Time FirstTime() {
  return absl::FromCivil(absl::CivilSecond(1), absl::UTCTimeZone());
}

absl::Time LastTime() {
  return absl::FromCivil(absl::CivilSecond(10000), absl::UTCTimeZone());
}

}  // namespace

absl::StatusOr<CronSchedule> CronSchedule::Parse(absl::string_view expression) {
  const auto error = [expression](absl::string_view text) {
    return absl::InvalidArgumentError(
        absl::StrCat("cron expression '", expression, "': ", text));
  };
  if (expression.size() > kLongestExpression) {
    return absl::InvalidArgumentError(absl::StrCat(
        "cron expression: longer than ", kLongestExpression, " bytes"));
  }
  absl::string_view text = absl::StripAsciiWhitespace(expression);
  if (absl::StartsWith(text, "@")) {
    const std::string name = absl::AsciiStrToLower(text);
    const Macro* found = nullptr;
    for (const Macro& macro : kMacros) {
      if (macro.name == name) found = &macro;
    }
    if (found == nullptr) return error("no such name");
    text = found->expression;
  }
  const std::vector<absl::string_view> fields =
      absl::StrSplit(text, absl::ByAnyChar(" \t"), absl::SkipEmpty());
  if (fields.size() != 5 && fields.size() != 6) {
    return error(
        absl::StrCat("has ", fields.size(), " fields, needs five or six"));
  }

  CronSchedule schedule;
  schedule.expression_ = std::string(expression);
  const std::array<uint64_t*, 6> bits = {
      &schedule.seconds_,    &schedule.minutes_, &schedule.hours_,
      &schedule.month_days_, &schedule.months_,  &schedule.week_days_};
  const size_t offset = bits.size() - fields.size();
  for (size_t i = 0; i < fields.size(); ++i) {
    const absl::StatusOr<uint64_t> parsed =
        ParseField(kFields[i + offset], fields[i]);
    if (!parsed.ok()) {
      return error(
          absl::StrCat("field ", i + 1, ", ", parsed.status().message()));
    }
    *bits[i + offset] = *parsed;
  }
  constexpr uint64_t kSecondSunday = uint64_t{1} << 7;
  if (schedule.week_days_ & kSecondSunday) {
    schedule.week_days_ = (schedule.week_days_ & ~kSecondSunday) | 1;
  }
  schedule.one_day_is_enough_ =
      !absl::StartsWith(fields[fields.size() - 3], "*") &&
      !absl::StartsWith(fields.back(), "*");
  if (!schedule.EverMatches()) return error("no month has such a day");
  return schedule;
}

bool CronSchedule::EverMatches() const {
  if (one_day_is_enough_) return true;
  for (absl::CivilDay day(2000, 1, 1); day.year() == 2000; ++day) {
    // The day of the week differs from year to year.
    if ((months_ >> day.month() & 1) != 0 &&
        (month_days_ >> day.day() & 1) != 0) {
      return true;
    }
  }
  return false;
}

bool CronSchedule::MatchesDay(absl::CivilDay day) const {
  const bool month_day = (month_days_ >> day.day() & 1) != 0;
  if (month_day == one_day_is_enough_) return month_day;
  // absl::Weekday begins with Monday.
  const int week_day = (static_cast<int>(absl::GetWeekday(day)) + 1) % 7;
  return (week_days_ >> week_day & 1) != 0;
}

absl::CivilSecond CronSchedule::NextCivil(absl::CivilSecond after) const {
  absl::CivilSecond time = after + 1;
  while (true) {
    const std::optional<int> month = NextBit(months_, time.month());
    if (month != time.month()) {
      time = month.has_value() ? absl::CivilSecond(time.year(), *month)
                               : absl::CivilSecond(time.year() + 1);
    }
    // Of the next year, perhaps a month that does not match.
    if (!month.has_value()) continue;
    const absl::CivilDay day(time);
    if (!MatchesDay(day)) {
      time = absl::CivilSecond(day + 1);
      continue;
    }
    const std::optional<int> hour = NextBit(hours_, time.hour());
    if (!hour.has_value()) {
      time = absl::CivilSecond(day + 1);
      continue;
    }
    if (*hour != time.hour()) time = absl::CivilHour(day) + *hour;
    const std::optional<int> minute = NextBit(minutes_, time.minute());
    if (!minute.has_value()) {
      time = absl::CivilSecond(absl::CivilHour(time) + 1);
      continue;
    }
    if (*minute != time.minute()) {
      time = absl::CivilMinute(absl::CivilHour(time)) + *minute;
    }
    const std::optional<int> second = NextBit(seconds_, time.second());
    if (second.has_value()) {
      return absl::CivilSecond(absl::CivilMinute(time)) + *second;
    }
    time = absl::CivilSecond(absl::CivilMinute(time) + 1);
  }
}

absl::Time CronSchedule::Next(absl::Time after, absl::TimeZone zone) const {
  using TimeInfo = absl::TimeZone::TimeInfo;
  after = std::max(after, FirstTime());
  if (after > LastTime()) return absl::InfiniteFuture();
  absl::CivilSecond from = zone.At(after).cs;
  if (every_hour()) {
    const TimeInfo now = zone.At(from);
    if (now.kind == TimeInfo::REPEATED && after < now.trans) {
      // The clock shows this hour for the first time. When it is put back, the
      // search begins anew where it is put back to.
      const TimeInfo next = zone.At(NextCivil(from));
      if (next.kind == TimeInfo::REPEATED && next.trans == now.trans) {
        return next.pre;
      }
      from = zone.At(now.trans).cs - 1;
      after = now.trans - absl::Seconds(1);
    }
  }
  while (true) {
    from = NextCivil(from);
    const TimeInfo info = zone.At(from);
    absl::Time time = info.pre;
    if (info.kind == TimeInfo::SKIPPED) {
      if (every_hour()) {
        from = zone.At(info.trans).cs - 1;
        continue;
      }
      time = info.trans;
    } else if (info.kind == TimeInfo::REPEATED && every_hour() &&
               time <= after) {
      time = info.post;
    }
    if (time > LastTime()) return absl::InfiniteFuture();
    if (time > after) return time;
  }
}

std::vector<absl::Time> CronSchedule::NextTimes(absl::Time after,
                                                absl::TimeZone zone,
                                                int count) const {
  std::vector<absl::Time> times;
  for (int i = 0; i < count; ++i) {
    after = Next(after, zone);
    times.push_back(after);
  }
  return times;
}

absl::Duration StableJitter(absl::string_view host, absl::string_view job,
                            absl::Duration longest) {
  // FNV-1a, which is the same in every build; absl::Hash is not.
  uint64_t hash = 0xcbf29ce484222325;
  for (const absl::string_view text : {host, absl::string_view("\0", 1), job}) {
    for (const char c : text) {
      hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
  }
  // All bits depend on all bytes: the last step of MurmurHash3.
  hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccd;
  hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53;
  hash ^= hash >> 33;
  const double part = static_cast<double>(hash >> 11) / 0x1p53;
  return part * longest;
}

}  // namespace bergen::periodic
