// SPDX-License-Identifier: Apache-2.0

#include "backdoor/activity_commands.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "backdoor/age_text.h"
#include "backdoor/command.h"

namespace bergen::backdoor {
namespace {

using periodic::Activity;

std::string StateText(const Activity& activity) {
  const auto with_age = [&](absl::string_view state) {
    return activity.age == absl::InfiniteDuration()
               ? std::string(state)
               : absl::StrCat(state, " for ", AgeText(activity.age));
  };
  switch (activity.state) {
    case Activity::State::kRunning:
      return activity.thread == 0
                 ? with_age("running")
                 : absl::StrCat(with_age("running"), " on thread ",
                                activity.thread);
    case Activity::State::kWaiting:
      if (activity.next == absl::InfiniteDuration()) return with_age("waiting");
      return activity.next <= absl::ZeroDuration()
                 ? absl::StrCat(with_age("waiting"), ", due for ",
                                AgeText(-activity.next))
                 : absl::StrCat(with_age("waiting"), ", next in ",
                                AgeText(activity.next));
    case Activity::State::kEnded:
      return with_age("ended");
  }
  return "";
}

// What threads say in `dump` about themselves; empty if nothing.
std::string StackOf(pid_t thread, const ThreadDump& dump) {
  const auto is_it = [thread](const DumpedThread& one) {
    return one.id == thread;
  };
  for (const StackGroup& group : dump.groups) {
    if (std::any_of(group.threads.begin(), group.threads.end(), is_it)) {
      return FormatFrames(group);
    }
  }
  for (const SilentThread& silent : dump.silent) {
    if (is_it(silent.thread)) return absl::StrCat("  ", silent.reason, "\n");
  }
  return "";
}

absl::Status Print(const std::vector<Activity>& activities,
                   const ThreadDump& dump, Output& output) {
  int index = 0;
  for (const Activity& activity : activities) {
    const std::string text = absl::StrCat(
        index++, " ", activity.name, " (", activity.kind,
        "): ", StateText(activity), "; ", activity.calls, " calls, ",
        activity.errors, " errors\n",
        activity.thread == 0 ? "" : StackOf(activity.thread, dump));
    if (!output.Write(text)) break;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status AddActivityCommands(CurrentActivities current,
                                 ThreadDumper& dumper,
                                 absl::Duration thread_deadline,
                                 CommandTable& table) {
  return table.Add(
      {.name = "pgt",
       .parameters = {{.name = "stacks",
                       .type = ParameterType::kBool,
                       .help = "of those that run",
                       .default_value = true}},
       .help =
           "Prints threads of thread groups, timers and tasks, and what each "
           "is doing.",
       .handler = [current = std::move(current), &dumper, thread_deadline](
                      const Arguments& arguments, const Caller&,
                      Output& output) -> absl::Status {
         const std::vector<Activity> activities = current();
         const bool any_runs = std::any_of(
             activities.begin(), activities.end(),
             [](const Activity& activity) { return activity.thread != 0; });
         absl::StatusOr<ThreadDump> dump = ThreadDump();
         if (any_runs && arguments.Bool("stacks")) {
           dump = dumper.Dump(thread_deadline);
           if (!dump.ok()) return dump.status();
         }
         return Print(activities, *dump, output);
       }});
}

}  // namespace bergen::backdoor
