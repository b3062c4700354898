// SPDX-License-Identifier: Apache-2.0
//
// Asks the processes of a running service, over their gRPC doors.
//
//   bergenctl -s demo status
//   bergenctl -s demo pnt @2
//   bergenctl -s demo status @supervisor
//   bergenctl -s demo reload
//   bergenctl -s demo prof neutron seconds=10 formats=svg  (all in one)
//   bergenctl -s demo --json config demo.
//   bergenctl --address=ops.example.org:8010 --ca=ca.crt --cert=me.crt
//       --key=me.key status
//   source <(bergenctl -s demo completion)
//   bergenctl -s demo reference > commands.md
//
// Exit status: 0 if all who were asked did it, 1 if not, 2 if the command line
// is wrong or nobody answers.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "backdoor/control.grpc.pb.h"
#include "backdoor/control.pb.h"
#include "backdoor/control_request.h"
#include "backdoor/profile_formats.h"
#include "backdoor/profile_merge.h"
#include "backdoor/run_directory.h"
#include "backdoor/tls_dialer.h"
#include "config/version.h"
#include "gflags/gflags.h"
#include "grpcpp/create_channel_posix.h"
#include "grpcpp/grpcpp.h"
#include "nlohmann/json.hpp"
#include "service/unique_fd.h"

DEFINE_string(s, "", "the service, as its run directory is called");
DEFINE_string(run_base, "",
              "where run directories are (default: bergen in "
              "$XDG_RUNTIME_DIR, or bergen-UID in the temp directory)");
DEFINE_string(address, "",
              "instead of a service: where to ask, unix:/PATH or HOST:PORT; "
              "several with commas");
DEFINE_string(ca, "",
              "authorities that vouch for HOST:PORT (PEM): speak TLS there");
DEFINE_string(cert, "", "with --ca: the certificate to show (PEM)");
DEFINE_string(key, "", "with --ca: its private key (PEM)");
DEFINE_double(timeout, 10,
              "seconds for a process to answer; what a command asks for as "
              "seconds= is added");
DEFINE_bool(json, false, "one JSON object a process and line");

namespace bergen::backdoor {
namespace {

constexpr int kSomeFailed = 1;
constexpr int kUsage = 2;
constexpr absl::string_view kCompletion = "completion";
constexpr absl::string_view kReference = "reference";
constexpr absl::string_view kReload = "reload";
// Unless `--timeout` is longer.
constexpr absl::Duration kLongestReload = absl::Minutes(5);
constexpr absl::Duration kLeastShare = absl::Seconds(1);
constexpr auto kBetweenQuestions = std::chrono::milliseconds(50);

// A process to ask.
struct Target {
  std::string name;  // `worker 2`, or the address.
  std::string address;
  int worker = 0;  // Or its place among the addresses.
};

struct Answer {
  grpc::Status status;
  std::string text;
};

absl::StatusOr<std::vector<Target>> FindTargets(const ControlRequest& request) {
  std::vector<Target> targets;
  if (!FLAGS_address.empty()) {
    for (const absl::string_view address : absl::StrSplit(FLAGS_address, ',')) {
      targets.push_back({.name = std::string(address),
                         .address = std::string(address),
                         .worker = static_cast<int>(targets.size())});
    }
    return targets;
  }
  if (FLAGS_s.empty()) {
    return absl::InvalidArgumentError("-s SERVICE or --address is missing");
  }
  const absl::StatusOr<std::vector<Door>> doors =
      FindDoors(FLAGS_run_base.empty() ? RunBase() : FLAGS_run_base, FLAGS_s);
  if (!doors.ok()) return doors.status();
  const bool one_instance = doors->front().instance == doors->back().instance;
  for (const Door& door : *doors) {
    if (request.worker && *request.worker != door.worker) continue;
    targets.push_back(
        {absl::StrCat(one_instance ? "" : absl::StrCat(door.instance, " "),
                      "worker ", door.worker),
         absl::StrCat("unix:", door.path), door.worker});
  }
  if (targets.empty()) {
    return absl::NotFoundError(
        absl::StrCat("there is no worker ", *request.worker));
  }
  return targets;
}

using Deadline = std::chrono::system_clock::time_point;

// Connects to processes. Thread-safe.
class Connector {
 public:
  // TLS as the flags say. InvalidArgument if they do not fit together, and the
  // errors of the files.
  static absl::StatusOr<std::unique_ptr<Connector>> Create() {
    auto connector = std::make_unique<Connector>();
    if (FLAGS_ca.empty()) {
      if (FLAGS_cert.empty() && FLAGS_key.empty()) return connector;
      return absl::InvalidArgumentError("--cert and --key need --ca");
    }
    absl::StatusOr<std::unique_ptr<TlsDialer>> dialer =
        TlsDialer::Create({.ca_file = FLAGS_ca,
                           .cert_file = FLAGS_cert,
                           .key_file = FLAGS_key,
                           .alpn = {"h2"}});
    if (!dialer.ok()) return dialer.status();
    connector->dialer_ = *std::move(dialer);
    return connector;
  }

  absl::StatusOr<std::unique_ptr<v1::Control::Stub>> Connect(
      const Target& target, Deadline deadline) {
    if (dialer_ == nullptr || absl::StartsWith(target.address, "unix:")) {
      return v1::Control::NewStub(grpc::CreateChannel(
          target.address, grpc::InsecureChannelCredentials()));
    }
    absl::StatusOr<UniqueFd> fd =
        dialer_->Dial(target.address, absl::FromChrono(deadline) - absl::Now());
    if (!fd.ok()) return fd.status();
    return v1::Control::NewStub(
        grpc::CreateInsecureChannelFromFd(target.address, fd->Release()));
  }

 private:
  // Null without TLS.
  std::unique_ptr<TlsDialer> dialer_;
};

grpc::Status ToGrpc(const absl::Status& status) {
  // The codes are the same numbers in both.
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                      std::string(status.message()));
}

Answer Ask(Connector& connector, const Target& target, const std::string& line,
           Deadline deadline) {
  const auto stub = connector.Connect(target, deadline);
  if (!stub.ok()) return {.status = ToGrpc(stub.status())};
  grpc::ClientContext context;
  context.set_deadline(deadline);
  v1::ExecuteRequest request;
  request.set_command(line);
  const std::unique_ptr<grpc::ClientReader<v1::ExecuteReply>> reader =
      (*stub)->Execute(&context, request);
  Answer answer;
  v1::ExecuteReply reply;
  while (reader->Read(&reply)) answer.text += reply.text();
  answer.status = reader->Finish();
  return answer;
}

std::string ErrorText(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return absl::StrCat("no answer within ", FLAGS_timeout, " s");
    case grpc::StatusCode::UNAVAILABLE:
      return absl::StrCat("does not answer: ", status.error_message());
    default:
      return status.error_message();
  }
}

void Print(const Target& target, const Answer& answer, bool alone) {
  if (FLAGS_json) {
    nlohmann::json object = {{"process", target.name},
                             {"ok", answer.status.ok()},
                             {"text", answer.text}};
    if (!answer.status.ok()) object["error"] = ErrorText(answer.status);
    std::cout << object.dump(-1, ' ', false,
                             nlohmann::json::error_handler_t::replace)
              << '\n';
    return;
  }
  if (!alone) std::cout << "== " << target.name << '\n';
  std::cout << answer.text;
  if (!answer.text.empty() && answer.text.back() != '\n') std::cout << '\n';
  if (answer.status.ok()) return;
  std::cout.flush();
  std::cerr << (alone ? "bergenctl" : target.name) << ": "
            << ErrorText(answer.status) << '\n';
}

absl::StatusOr<v1::ListCommandsReply> ListCommands(Connector& connector,
                                                   const Target& target,
                                                   Deadline deadline) {
  const auto stub = connector.Connect(target, deadline);
  if (!stub.ok()) return stub.status();
  grpc::ClientContext context;
  context.set_deadline(deadline);
  v1::ListCommandsReply reply;
  const grpc::Status status =
      (*stub)->ListCommands(&context, v1::ListCommandsRequest(), &reply);
  if (!status.ok()) return absl::UnavailableError(ErrorText(status));
  return reply;
}

// For bash: the commands, and of each the arguments.
void PrintCompletion(const v1::ListCommandsReply& reply) {
  std::vector<std::string> names;
  std::string cases;
  for (const v1::CommandInfo& command : reply.commands()) {
    names.push_back(command.name());
    std::string arguments;
    for (const v1::ParameterInfo& parameter : command.parameters()) {
      absl::StrAppend(&arguments, parameter.name(), "= ");
    }
    absl::StrAppend(&cases, "      ", command.name(), ") words=\"", arguments,
                    "@all @supervisor\" ;;\n");
  }
  std::cout << "_bergenctl() {\n"
               "  local word words=\""
            << absl::StrJoin(names, " ")
            << " -s --address --json --timeout\"\n"
               "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
               "    case \"$word\" in\n"
            << cases
            << "    esac\n"
               "  done\n"
               "  COMPREPLY=($(compgen -W \"$words\" -- "
               "\"${COMP_WORDS[COMP_CWORD]}\"))\n"
               "  [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace\n"
               "}\n"
               "complete -F _bergenctl bergenctl\n";
}

absl::string_view RoleText(v1::Role role) {
  switch (role) {
    case v1::ROLE_VIEW:
      return "view";
    case v1::ROLE_OPERATE:
      return "operate";
    default:
      return "admin";
  }
}

// A page of all commands in Markdown.
void PrintReference(const v1::ListCommandsReply& reply) {
  std::cout << "# Commands\n\n"
               "For `nc` as they stand here; for `bergenctl` in words: `prof "
               "neutron seconds=10`.\n"
               "This page is what `bergenctl -s demo reference` prints.\n";
  for (const v1::CommandInfo& command : reply.commands()) {
    std::cout << "\n## " << command.name() << "\n\n`" << command.signature()
              << "`\n\n"
              << command.help() << " Needs the role `"
              << RoleText(command.role()) << "`"
              << (command.changes_state() ? "; each run is logged" : "")
              << ".\n";
    if (command.parameters().empty()) continue;
    std::cout << "\n| Argument | Is | |\n|---|---|---|\n";
    for (const v1::ParameterInfo& parameter : command.parameters()) {
      std::cout << "| `" << parameter.name() << "` | " << parameter.allowed()
                << " | " << parameter.help()
                << (parameter.required() ? "; required" : "") << " |\n";
    }
  }
}

// Whether another process, or the same one later, may answer.
bool MayAskAgain(const Answer& answer) {
  switch (answer.status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::CANCELLED:
      return true;
    default:
      return false;
  }
}

// The answer of the first process that has one.
absl::StatusOr<Answer> AskAny(Connector& connector,
                              const ControlRequest& request,
                              const std::string& line) {
  const absl::StatusOr<std::vector<Target>> targets = FindTargets(request);
  if (!targets.ok()) return targets.status();
  // One that hangs leaves time for the others.
  const absl::Duration share =
      std::max(absl::Seconds(FLAGS_timeout) / targets->size(), kLeastShare);
  Answer answer;
  for (const Target& target : *targets) {
    answer =
        Ask(connector, target, line, absl::ToChronoTime(absl::Now() + share));
    if (!MayAskAgain(answer)) break;
  }
  return answer;
}

// Has a process begin a reload, and asks until it has ended: whoever began it
// may be among those that are replaced.
absl::StatusOr<Answer> Reload(Connector& connector,
                              const ControlRequest& request) {
  const absl::Time deadline =
      absl::Now() + std::max(kLongestReload, absl::Seconds(FLAGS_timeout));
  const absl::StatusOr<Answer> asked = AskAny(connector, request, "reload()");
  if (!asked.ok() || !asked->status.ok()) return asked;
  uint64_t number = 0;
  const std::vector<absl::string_view> words =
      absl::StrSplit(asked->text, absl::MaxSplits(' ', 2));
  if (words.size() < 2 || !absl::SimpleAtoi(words[1], &number)) {
    return absl::InternalError(
        absl::StrCat("reload: not understood: ", asked->text));
  }
  const std::string line = absl::StrCat("reload_verdict(", number, ")");
  while (true) {
    const absl::StatusOr<Answer> verdict = AskAny(connector, request, line);
    if (!verdict.ok() || !MayAskAgain(*verdict) || absl::Now() >= deadline) {
      return verdict;
    }
    std::this_thread::sleep_for(kBetweenQuestions);
  }
}

int Fail(const absl::Status& status) {
  std::cerr << "bergenctl: " << status.message() << '\n';
  return kUsage;
}

// Puts what the processes have saved into one profile, and says what those have
// to say that have not.
int Merge(const SavedProfile& profile, const std::vector<Target>& targets,
          const std::vector<Answer>& answers) {
  std::vector<std::string> saved;
  for (size_t i = 0; i < targets.size(); ++i) {
    if (answers[i].status.ok()) {
      saved.push_back(answers[i].text);
    } else {
      Print(targets[i], answers[i], /*alone=*/false);
    }
  }
  if (saved.empty()) return kSomeFailed;
  Answer merged;
  const absl::StatusOr<std::vector<const ProfileFormat*>> formats =
      ParseProfileFormats(profile.formats);
  const absl::StatusOr<std::string> text =
      formats.ok() ? MergeSavedProfiles(saved, profile.name, *formats)
                   : absl::StatusOr<std::string>(formats.status());
  if (text.ok()) {
    merged.text = *text;
  } else {
    merged.text = absl::StrJoin(saved, "");
    merged.status = grpc::Status(grpc::StatusCode::FAILED_PRECONDITION,
                                 std::string(text.status().message()));
  }
  Print({.name = "all"}, merged, /*alone=*/true);
  return text.ok() && saved.size() == targets.size() ? 0 : kSomeFailed;
}

int Main(const std::vector<std::string>& words) {
  const absl::StatusOr<ControlRequest> request = ParseControlRequest(words);
  if (!request.ok()) return Fail(request.status());
  const absl::StatusOr<std::vector<Target>> targets = FindTargets(*request);
  if (!targets.ok()) return Fail(targets.status());
  const absl::StatusOr<std::unique_ptr<Connector>> connector =
      Connector::Create();
  if (!connector.ok()) return Fail(connector.status());
  if (const std::optional<SavedProfile> profile = ProfileToSave(*request);
      profile.has_value() && targets->size() > 1) {
    const absl::Status formats = ParseProfileFormats(profile->formats).status();
    if (!formats.ok()) return Fail(formats);
  }
  const Deadline deadline = absl::ToChronoTime(
      absl::Now() + absl::Seconds(FLAGS_timeout) + request->duration);
  if (request->line == kReload) {
    const absl::StatusOr<Answer> answer = Reload(**connector, *request);
    if (!answer.ok()) return Fail(answer.status());
    Print({.name = "reload"}, *answer, /*alone=*/true);
    return answer->status.ok() ? 0 : kSomeFailed;
  }
  if (request->supervisor) {
    const absl::StatusOr<Answer> answer =
        AskAny(**connector, *request, request->line);
    if (!answer.ok()) return Fail(answer.status());
    Print({.name = "supervisor"}, *answer, /*alone=*/true);
    return answer->status.ok() ? 0 : kSomeFailed;
  }
  if (request->line == kCompletion || request->line == kReference) {
    const absl::StatusOr<v1::ListCommandsReply> reply =
        ListCommands(**connector, targets->front(), deadline);
    if (!reply.ok()) return Fail(reply.status());
    if (request->line == kCompletion) {
      PrintCompletion(*reply);
    } else {
      PrintReference(*reply);
    }
    return 0;
  }

  // Each on its own thread, so that one that hangs delays nobody; all answers
  // are there by the deadline.
  std::vector<Answer> answers(targets->size());
  std::vector<std::thread> threads;
  std::vector<std::string> lines(targets->size(), request->line);
  if (lines.size() > 1) {
    for (size_t i = 0; i < lines.size(); ++i) {
      absl::StatusOr<std::string> line =
          LineForWorker(*request, (*targets)[i].worker);
      if (!line.ok()) return Fail(line.status());
      lines[i] = *std::move(line);
    }
  }
  for (size_t i = 0; i < targets->size(); ++i) {
    threads.emplace_back([&, i] {
      answers[i] = Ask(**connector, (*targets)[i], lines[i], deadline);
    });
  }
  for (std::thread& thread : threads) thread.join();
  if (const std::optional<SavedProfile> profile = ProfileToSave(*request);
      profile.has_value() && targets->size() > 1) {
    return Merge(*profile, *targets, answers);
  }
  for (size_t i = 0; i < targets->size(); ++i) {
    Print((*targets)[i], answers[i], targets->size() == 1);
  }
  const bool all_ok =
      std::all_of(answers.begin(), answers.end(),
                  [](const Answer& answer) { return answer.status.ok(); });
  return all_ok ? 0 : kSomeFailed;
}

}  // namespace
}  // namespace bergen::backdoor

int main(int argc, char** argv) {
  gflags::SetVersionString(bergen::kVersion);
  gflags::SetUsageMessage(
      "-s SERVICE COMMAND [ARGUMENT | NAME=VALUE]... [@WORKER | @all | "
      "@supervisor]\n"
      "Asks the processes of a running service; `bergenctl -s SERVICE help` "
      "lists the commands.");
  gflags::ParseCommandLineFlags(&argc, &argv, true);
  try {
    return bergen::backdoor::Main({argv + 1, argv + argc});
  } catch (const std::exception& error) {  // No memory, or no more threads.
    std::cerr << "bergenctl: " << error.what() << '\n';
    return bergen::backdoor::kUsage;
  }
}
