// SPDX-License-Identifier: Apache-2.0
//
// Commands about this process and those beside it.
//
//   ProcessControl control = {.program = "demo", .version = "1.4",
//                             .started = absl::Now()};
//   control.workers = [launcher] { return launcher->Workers(); };
//   absl::Status added = AddProcessCommands(std::move(control), table);
//
//   version()            what runs, and what it was built with
//   status()             pid, worker, uptime, workers, crashes, reloads
//   supervisor()         the process that holds the workers, and what it knows
//   workers()            how many each service should have
//   set_workers(4)       changes that
//   crashes()            the last workers that ended without being told to
//   reload()             what SIGHUP does; says the number of the reload
//   reload_verdict(3)    how reload 3 ended
//
// Source: none; oslo.service has signals for the second half, and nothing tells
// what became of them.

#ifndef BACKDOOR_PROCESS_COMMANDS_H_
#define BACKDOOR_PROCESS_COMMANDS_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "backdoor/command_table.h"

namespace bergen::backdoor {

// What the commands ask, so that whatever launches processes can answer. The
// functions are thread-safe; a command whose functions are empty is not added.
struct ProcessControl {
  std::string program;
  std::string version;  // Of the program.
  int worker = 0;
  absl::Time started;  // When this process was.
  std::function<absl::Time()> now = absl::Now;

  // The process that forked this one and replaces it; 0 if there is none.
  pid_t supervisor = 0;
  // How many workers each service should have.
  std::function<std::vector<int>()> workers;
  std::function<absl::Status(int service, int workers)> set_workers;
  // A line each, the latest at the end.
  std::function<std::vector<std::string>()> crashes;

  // As of launcher::ReloadState: a reload that is asked for when `begun` is N
  // is the reload N + 1.
  struct Reloads {
    uint64_t begun = 0;
    uint64_t ended = 0;
    absl::Status verdict;  // Of the last that ended.
  };
  std::function<void()> reload;
  std::function<Reloads()> reloads;
};

// Adds what `control` allows. AlreadyExists if the table has one of them.
absl::Status AddProcessCommands(ProcessControl control, CommandTable& table);

}  // namespace bergen::backdoor

#endif  // BACKDOOR_PROCESS_COMMANDS_H_
