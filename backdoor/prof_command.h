// SPDX-License-Identifier: Apache-2.0
//
// `prof`: records where time is spent, and saves it.
//
//   table.Add(ProfCommand({.output_directory = "/tmp"}, profiler, tracer));
//
//   prof()                                       begins
//   prof('NAME')                                 ends and writes NAME.prof
//   prof('NAME', seconds=10, formats='svg')      both
//   prof(mode='trace')                           counts every call
//
// Source: `prof` of oslo.service's eventlet_backdoor.

#ifndef BACKDOOR_PROF_COMMAND_H_
#define BACKDOOR_PROF_COMMAND_H_

#include <string>

#include "backdoor/calltrace.h"
#include "backdoor/command.h"
#include "backdoor/profiler.h"

namespace bergen::backdoor {

struct ProfCommandOptions {
  std::string output_directory;
  // What profiles call this process.
  int worker = 0;
};

// `profiler` and `tracer` outlive the command.
Command ProfCommand(const ProfCommandOptions& options, Profiler& profiler,
                    CallTracer& tracer);

}  // namespace bergen::backdoor

#endif  // BACKDOOR_PROF_COMMAND_H_
