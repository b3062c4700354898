// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as a request of a typed call: the first says of which. What comes
// of them is a line that names the call's command and nothing else, and its
// texts are arguments, whatever they say.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "backdoor/command.h"
#include "backdoor/command_table.h"
#include "backdoor/control.pb.h"
#include "backdoor/control_calls.h"

namespace bergen::backdoor {
namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

Parameter Text(const char* name, bool required) {
  return {.name = name, .required = required};
}

const CommandTable& Table() {
  static const CommandTable* const table = [] {
    auto made = std::make_unique<CommandTable>();
    const auto add = [&made](const char* name,
                             std::vector<Parameter> parameters) {
      Require(made->Add({.name = name,
                         .parameters = std::move(parameters),
                         .handler = [](const Arguments&, const Caller&,
                                       Output&) { return absl::OkStatus(); }})
                  .ok());
    };
    add("prof",
        {Text("name", false), Text("hz", false), Text("clock", false),
         Text("seconds", false), Text("formats", false), Text("mode", false)});
    add("pnt", {});
    add("config", {Text("pattern", true)});
    add("config_set", {Text("option", true), Text("value", true)});
    add("mutate", {Text("dry_run", true)});
    add("log_level", {Text("level", false), Text("logger", false)});
    add("tasks", {});
    add("run", {Text("task", true)});
    add("pause", {Text("task", true)});
    add("resume", {Text("task", true)});
    add("reload", {});
    add("reload_verdict", {Text("number", true)});
    return made.release();
  }();
  return *table;
}

// Parses the line of a request. An error if it is too long or has control
// characters that the grammar does not know, which the table refuses.
template <typename Request>
absl::StatusOr<Invocation> Call(absl::string_view bytes, Request& request,
                                absl::string_view command) {
  if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::InvalidArgumentError("no message");
  }
  const std::string line = LineOf(request);
  if (line.empty()) return absl::InvalidArgumentError("no action");
  absl::StatusOr<Invocation> call = Table().Parse(line, Role::kAdmin);
  if (call.ok()) {
    Require(call->command != nullptr);
    Require(command.empty() || call->command->name == command);
  }
  return call;
}

void Try(uint8_t which, absl::string_view bytes) {
  switch (which % 10) {
    case 0: {
      v1::ProfileRequest request;
      const auto call = Call(bytes, request, "prof");
      if (!call.ok()) return;
      Require(call->arguments.Has("name") == request.has_name());
      if (request.has_name()) {
        Require(call->arguments.String("name") == request.name());
      }
      return;
    }
    case 1: {
      v1::SetConfigRequest request;
      const auto call = Call(bytes, request, "config_set");
      if (!call.ok()) return;
      Require(call->arguments.String("option") == request.name());
      Require(call->arguments.String("value") == request.value());
      return;
    }
    case 2: {
      v1::GetConfigRequest request;
      const auto call = Call(bytes, request, "config");
      if (!call.ok()) return;
      Require(call->arguments.String("pattern") == request.pattern());
      return;
    }
    case 3: {
      v1::LogLevelRequest request;
      const auto call = Call(bytes, request, "log_level");
      if (!call.ok() || !request.has_logger()) return;
      Require(call->arguments.String("logger") == request.logger());
      return;
    }
    case 4: {
      v1::ControlTaskRequest request;
      const auto call = Call(bytes, request, "");
      if (!call.ok()) return;
      Require(call->arguments.String("task") == request.task());
      return;
    }
    case 5: {
      v1::MutateConfigRequest request;
      Call(bytes, request, "mutate").status().IgnoreError();
      return;
    }
    case 6: {
      v1::GetReloadVerdictRequest request;
      Call(bytes, request, "reload_verdict").status().IgnoreError();
      return;
    }
    case 7: {
      v1::ListThreadsRequest request;
      Call(bytes, request, "pnt").status().IgnoreError();
      return;
    }
    case 8: {
      v1::ListTasksRequest request;
      Call(bytes, request, "tasks").status().IgnoreError();
      return;
    }
    default: {
      v1::ExecuteRequest request;
      if (request.ParseFromArray(bytes.data(),
                                 static_cast<int>(bytes.size()))) {
        Table().Parse(request.command(), Role::kView).status().IgnoreError();
      }
      return;
    }
  }
}

}  // namespace
}  // namespace bergen::backdoor

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  bergen::backdoor::Try(
      data[0],
      absl::string_view(reinterpret_cast<const char*>(data) + 1, size - 1));
  return 0;
}
