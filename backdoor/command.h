// SPDX-License-Identifier: Apache-2.0
//
// What an operator can ask of a running process: a name, typed arguments, and
// a function that answers. Doors (text, gRPC) carry the line and the answer.
//
//   Command drain = {
//       .name = "drain",
//       .parameters = {{.name = "seconds", .type = ParameterType::kDouble,
//                       .default_value = 30.0, .min = 0, .max = 3600}},
//       .help = "Stops taking new work.",
//       .changes_state = true,
//       .role = Role::kOperate,
//       .handler = [&gate](const Arguments& arguments, const Caller&,
//                          Output& output) -> absl::Status {
//         gate.Close(absl::Seconds(arguments.Double("seconds")));
//         output.Write("closed\n");
//         return absl::OkStatus();
//       }};
//
// Source: the names in the console of oslo.service's eventlet_backdoor. There
// the console is a Python interpreter; here only what is in the table runs.

#ifndef BACKDOOR_COMMAND_H_
#define BACKDOOR_COMMAND_H_

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <initializer_list>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace bergen::backdoor {

// What a caller may do; each includes the ones before it.
enum class Role {
  kView,     // Look, changing nothing.
  kOperate,  // Change what goes back by itself or by another command.
  kAdmin,    // Anything.
};

enum class ParameterType { kString, kInt, kDouble, kBool };

using Value = std::variant<std::string, int64_t, double, bool>;

struct Parameter {
  std::string name;
  ParameterType type = ParameterType::kString;
  // A few words, lower case, for `help(COMMAND)`.
  std::string help;
  // Used if the caller gives none; must be of `type`. Without a default the
  // argument is left out, or an error if `required`.
  std::optional<Value> default_value;
  bool required = false;
  // The only strings allowed; empty allows all.
  std::vector<std::string> choices;
  // Bounds of a number, both allowed.
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
};

// The checked arguments of one call. Asking for a name or a type that the
// command does not declare, or for an absent argument, is a bug and aborts.
// Thread-safe while it is not changed.
class Arguments {
 public:
  // False for an argument that was left out and has no default.
  bool Has(absl::string_view name) const {
    return values_.find(std::string(name)) != values_.end();
  }
  const std::string& String(absl::string_view name) const {
    return Get<std::string>(name);
  }
  int64_t Int(absl::string_view name) const { return Get<int64_t>(name); }
  double Double(absl::string_view name) const { return Get<double>(name); }
  bool Bool(absl::string_view name) const { return Get<bool>(name); }

  void Set(absl::string_view name, Value value) {
    values_[std::string(name)] = std::move(value);
  }

 private:
  template <typename T>
  const T& Get(absl::string_view name) const {
    const auto found = values_.find(std::string(name));
    const T* value =
        found == values_.end() ? nullptr : std::get_if<T>(&found->second);
    if (value == nullptr) {
      std::fprintf(stderr, "backdoor: no argument '%s' of this type\n",
                   std::string(name).c_str());
      std::abort();
    }
    return *value;
  }

  std::map<std::string, Value> values_;
};

// Who asks, as the door knows it.
struct Caller {
  // For logs: `127.0.0.1:40112`, `pid 812 uid 0`.
  std::string name;
  Role role = Role::kView;
};

// A part of an answer by its name.
struct Field {
  absl::string_view name;
  Value value;
};

// Where a handler writes its answer. A handler may write in pieces; they reach
// the caller as they are written. Used by the handler's thread only.
class Output {
 public:
  virtual ~Output() = default;

  // Blocks while the caller reads more slowly than the handler writes, up to
  // the door's limit. False once nobody reads: what follows is dropped, so a
  // long answer should end.
  virtual bool Write(absl::string_view text) = 0;

  // The same for doors that have types: one entry of an answer that is a list,
  // or all of one that is not, by the names of control.proto. Written text says
  // it as well.
  virtual void Record(std::initializer_list<Field> fields) { (void)fields; }

  // Hands over a file that belongs to the answer. False if the door carries
  // none: then the handler keeps it elsewhere and says where.
  virtual bool TakeFile(absl::string_view name, absl::string_view bytes) {
    (void)name, (void)bytes;
    return false;
  }

  // True once the caller has left or the process is stopping: a handler that
  // would go on for long should return. Thread-safe.
  virtual bool cancelled() const = 0;
};

struct Command {
  // [a-z][a-z0-9_]*, at most CommandTable::kMaxNameLength characters.
  std::string name;
  // In the order of arguments given without a name.
  std::vector<Parameter> parameters;
  // One line, for `help`.
  std::string help;
  // Each run is logged: who, from where, what, and the result. Needs a `role`
  // beyond kView.
  bool changes_state = false;
  // What the log says of a run, for commands whose line may hold a secret;
  // without it, the line. Of a refused run the log then has the name only.
  std::function<std::string(const Arguments&)> describe;
  Role role = Role::kView;
  // Called on a thread of the door, by several at once. The error's text is
  // what the caller reads.
  std::function<absl::Status(const Arguments&, const Caller&, Output&)> handler;
};

}  // namespace bergen::backdoor

#endif  // BACKDOOR_COMMAND_H_
