// SPDX-License-Identifier: Apache-2.0

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "periodic/cron.h"

using ::bergen::periodic::CronSchedule;

// Whatever is accepted has a next time, and then another, within the 40 years
// each that a leap day of a given day of the week may be away.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<CronSchedule> schedule = CronSchedule::Parse(text);
  if (!schedule.ok()) {
    if (schedule.status().message().empty()) std::abort();
    return 0;
  }
  // A fixed offset, so that the input needs no time zone database.
  const absl::TimeZone zone = absl::FixedTimeZone(5 * 3600 + 45 * 60);
  const absl::Time begin = absl::FromCivil(absl::CivilYear(2096), zone);
  const absl::Time first = schedule->Next(begin, zone);
  const absl::Time second = schedule->Next(first, zone);
  if (first <= begin || second <= first ||
      second > absl::FromCivil(absl::CivilYear(2177), zone) ||
      first - absl::UnixEpoch() !=
          absl::Floor(first - absl::UnixEpoch(), absl::Seconds(1))) {
    std::abort();
  }
  return 0;
}
