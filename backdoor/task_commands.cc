// SPDX-License-Identifier: Apache-2.0

#include "backdoor/task_commands.h"

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "backdoor/command.h"

namespace bergen::backdoor {
namespace {

absl::StatusOr<std::shared_ptr<periodic::RunControl>> Tasks(
    const CurrentTasks& current) {
  std::shared_ptr<periodic::RunControl> tasks = current();
  if (tasks == nullptr) {
    return absl::UnavailableError("there are no tasks now");
  }
  return tasks;
}

std::string TimeText(absl::Time time) {
  if (time == absl::InfinitePast() || time == absl::InfiniteFuture()) {
    return "never";
  }
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
}

std::string Describe(const periodic::TaskInfo& task) {
  std::string text = absl::StrCat(
      task.name, ": ", task.timing, ", last ", TimeText(task.last), ", next ",
      TimeText(task.next), ", ", task.runs, " runs, ", task.errors, " errors");
  const auto count = [&](int64_t value, absl::string_view what) {
    if (value > 0) absl::StrAppend(&text, ", ", value, " ", what);
  };
  count(task.overruns, "overruns");
  count(task.missed, "missed");
  count(task.elsewhere, "elsewhere");
  if (task.runs > 0) {
    absl::StrAppend(&text, ", at most ",
                    absl::FormatDuration(task.max_lateness), " late");
  }
  if (task.running) absl::StrAppend(&text, ", running");
  if (task.paused) absl::StrAppend(&text, ", paused");
  if (!task.last_result.ok()) {
    absl::StrAppend(&text, ", last error: ", task.last_result.message());
  }
  return absl::StrCat(text, "\n");
}

absl::Status List(const CurrentTasks& current, Output& output) {
  const auto tasks = Tasks(current);
  if (!tasks.ok()) return tasks.status();
  for (const periodic::TaskInfo& task : (*tasks)->List()) {
    output.Record({{"name", task.name},
                   {"timing", task.timing},
                   {"running", task.running},
                   {"paused", task.paused},
                   {"runs", task.runs},
                   {"errors", task.errors},
                   {"last", TimeText(task.last)},
                   {"next", TimeText(task.next)},
                   {"last_error", std::string(task.last_result.message())}});
    if (!output.Write(Describe(task))) break;
  }
  return absl::OkStatus();
}

// A command that does something with the task that it names.
Command OfOne(std::string name, std::string help,
              absl::Status (periodic::RunControl::*act)(absl::string_view),
              const CurrentTasks& current) {
  return {.name = std::move(name),
          .parameters = {{.name = "task",
                          .help = "its name, as tasks() has it",
                          .required = true}},
          .help = std::move(help),
          .changes_state = true,
          .role = Role::kOperate,
          .handler = [act, current](const Arguments& arguments, const Caller&,
                                    Output&) -> absl::Status {
            const auto tasks = Tasks(current);
            if (!tasks.ok()) return tasks.status();
            return ((**tasks).*act)(arguments.String("task"));
          }};
}

}  // namespace

absl::Status AddTaskCommands(const CurrentTasks& current, CommandTable& table) {
  absl::Status added = table.Add(
      {.name = "tasks",
       .help = "Periodic tasks: when they run, and how the last runs went.",
       .handler = [current](const Arguments&, const Caller&, Output& output) {
         return List(current, output);
       }});
  added.Update(table.Add(OfOne("run", "Runs a periodic task once, now.",
                               &periodic::RunControl::RunNow, current)));
  added.Update(
      table.Add(OfOne("pause", "Lets a periodic task run no more until resume.",
                      &periodic::RunControl::Pause, current)));
  added.Update(table.Add(OfOne("resume", "Lets a paused periodic task go on.",
                               &periodic::RunControl::Resume, current)));
  return added;
}

}  // namespace bergen::backdoor
