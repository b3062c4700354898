// SPDX-License-Identifier: Apache-2.0

#include "backdoor/process_commands.h"

#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "backdoor/command.h"
#include "backdoor/view_command.h"

namespace bergen::backdoor {
namespace {

using SharedControl = std::shared_ptr<const ProcessControl>;

// Whoever launches processes has a lower bound; this one makes it an int.
constexpr int kMost = 1'000'000;

#ifdef NDEBUG
constexpr char kBuild[] = "optimised";
#else
constexpr char kBuild[] = "with assertions";
#endif

absl::Status Version(const ProcessControl& control, Output& output) {
  output.Write(absl::StrCat(control.program, " ", control.version, "\n",
                            "built with ", __VERSION__, ", ", kBuild, "\n"));
  return absl::OkStatus();
}

std::string ReloadsText(const ProcessControl::Reloads& reloads) {
  if (reloads.begun == 0) return "none";
  std::string text = absl::StrCat(reloads.begun);
  if (reloads.begun > reloads.ended) absl::StrAppend(&text, ", one under way");
  if (reloads.ended > 0) {
    absl::StrAppend(&text, ", the last that ended: ",
                    reloads.verdict.ok() ? "OK" : reloads.verdict.message());
  }
  return text;
}

// What is known of the whole service.
std::string ServiceText(const ProcessControl& control) {
  std::string text;
  if (control.workers) {
    absl::StrAppend(&text, "workers: ", absl::StrJoin(control.workers(), " "),
                    "\n");
  }
  if (control.crashes) {
    const std::vector<std::string> crashes = control.crashes();
    absl::StrAppend(
        &text, "last crash: ", crashes.empty() ? "none" : crashes.back(), "\n");
  }
  if (control.reloads) {
    absl::StrAppend(&text, "reloads: ", ReloadsText(control.reloads()), "\n");
  }
  return text;
}

absl::Status Status(const ProcessControl& control, Output& output) {
  const absl::Duration uptime =
      absl::Trunc(control.now() - control.started, absl::Seconds(1));
  output.Write(absl::StrCat("program: ", control.program, " ", control.version,
                            "\npid: ", ::getpid(), "\nworker: ", control.worker,
                            "\nuptime: ", absl::FormatDuration(uptime), "\n",
                            ServiceText(control)));
  return absl::OkStatus();
}

// The supervisor itself has one thread and no door: what it knows it shows its
// workers, and the system knows the rest.
absl::Status Supervisor(const ProcessControl& control, Output& output) {
  std::ifstream status(absl::StrCat("/proc/", control.supervisor, "/status"));
  if (!status) {
    return absl::UnavailableError(
        absl::StrCat("supervisor: process ", control.supervisor, " is gone"));
  }
  std::string text = absl::StrCat("pid: ", control.supervisor, "\n");
  for (std::string line; std::getline(status, line);) {
    absl::string_view value = line;
    for (const auto& [key, name] :
         {std::pair("State:", "state: "), std::pair("Threads:", "threads: "),
          std::pair("VmRSS:", "memory: ")}) {
      if (absl::ConsumePrefix(&value, key)) {
        absl::StrAppend(&text, name, absl::StripAsciiWhitespace(value), "\n");
      }
    }
  }
  output.Write(absl::StrCat(text, ServiceText(control)));
  return absl::OkStatus();
}

absl::Status Workers(const ProcessControl& control, Output& output) {
  int service = 0;
  for (const int count : control.workers()) {
    output.Write(absl::StrCat("service ", service++, ": ", count, "\n"));
  }
  return absl::OkStatus();
}

absl::Status Crashes(const ProcessControl& control, Output& output) {
  for (const std::string& crash : control.crashes()) {
    output.Write(absl::StrCat(crash, "\n"));
  }
  return absl::OkStatus();
}

absl::Status Reload(const ProcessControl& control, Output& output) {
  const uint64_t number = control.reloads().begun + 1;
  control.reload();
  output.Record({{"number", static_cast<int64_t>(number)}});
  output.Write(absl::StrCat("reload ", number, " was asked for\n"));
  return absl::OkStatus();
}

absl::Status ReloadVerdict(const ProcessControl& control, uint64_t number,
                           Output& output) {
  const ProcessControl::Reloads reloads = control.reloads();
  if (reloads.ended < number) {
    return absl::UnavailableError(
        absl::StrCat("reload ", number, " has not ended"));
  }
  if (!reloads.verdict.ok()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "reload ", reloads.ended, " failed: ", reloads.verdict.message()));
  }
  output.Record({{"number", static_cast<int64_t>(reloads.ended)}});
  output.Write(absl::StrCat("reload ", reloads.ended, ": OK\n"));
  return absl::OkStatus();
}

Command SetWorkers(const SharedControl& control) {
  return {
      .name = "set_workers",
      .parameters = {{.name = "count",
                      .type = ParameterType::kInt,
                      .help = "how many from now on",
                      .required = true,
                      .min = 1,
                      .max = kMost},
                     {.name = "service",
                      .type = ParameterType::kInt,
                      .help = "which, in the order of their start",
                      .default_value = int64_t{0},
                      .min = 0,
                      .max = kMost}},
      .help = "Changes the number of workers, until the next reload.",
      .changes_state = true,
      .role = Role::kOperate,
      .handler = [control](const Arguments& arguments, const Caller&, Output&) {
        return control->set_workers(static_cast<int>(arguments.Int("service")),
                                    static_cast<int>(arguments.Int("count")));
      }};
}

}  // namespace

absl::Status AddProcessCommands(ProcessControl process, CommandTable& table) {
  const auto control =
      std::make_shared<const ProcessControl>(std::move(process));
  absl::Status added = table.Add(ViewCommand(
      "version", "What runs, and what it was built with.", Version, control));
  added.Update(table.Add(
      ViewCommand("status", "This process, and how those beside it are.",
                  Status, control)));
  if (control->workers) {
    added.Update(table.Add(
        ViewCommand("workers", "How many workers each service should have.",
                    Workers, control)));
  }
  if (control->supervisor != 0) {
    added.Update(table.Add(ViewCommand(
        "supervisor", "The process that holds the workers, and what it knows.",
        Supervisor, control)));
  }
  if (control->set_workers) added.Update(table.Add(SetWorkers(control)));
  if (control->crashes) {
    added.Update(table.Add(ViewCommand(
        "crashes", "The last workers that ended without being told to.",
        Crashes, control)));
  }
  if (!control->reload || !control->reloads) return added;
  added.Update(table.Add(
      {.name = "reload",
       .help = "Reads the options and replaces the services, as SIGHUP does.",
       .changes_state = true,
       .role = Role::kOperate,
       .handler = [control](const Arguments&, const Caller&, Output& output) {
         return Reload(*control, output);
       }}));
  added.Update(table.Add(
      {.name = "reload_verdict",
       .parameters = {{.name = "number",
                       .type = ParameterType::kInt,
                       .help = "of the reload, as reload() said",
                       .required = true,
                       .min = 1}},
       .help = "How a reload ended; an error if it failed, or has not.",
       .handler = [control](const Arguments& arguments, const Caller&,
                            Output& output) {
         return ReloadVerdict(
             *control, static_cast<uint64_t>(arguments.Int("number")), output);
       }}));
  return added;
}

}  // namespace bergen::backdoor
