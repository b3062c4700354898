// SPDX-License-Identifier: Apache-2.0
//
// Real programs, driven by signals. The ids are those of the conformity list.

#include "launcher/launch.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "config/option.h"
#include "config/registry.h"
#include "config/source.h"
#include "config/sources.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "launcher/crash_record.h"
#include "launcher/launcher.h"
#include "launcher/test_program.h"
#include "service/fake_notify_manager.h"
#include "service/listener.h"
#include "service/notify.h"
#include "service/service.h"
#include "service/service_group.h"
#include "service/unique_fd.h"
#include "tests/support/status_matchers.h"

namespace bergen::launcher {
namespace {

using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Voice = TestProgram::Voice;

// A service that says what is done to it, as `VERB NUMBER PID`.
struct Behaviour {
  std::function<absl::Status()> start = [] { return absl::OkStatus(); };
  std::function<void()> stop = [] {};
  std::function<absl::Status()> wait = [] { return absl::OkStatus(); };
};

class TestService : public Service {
 public:
  TestService(Voice& voice, const WorkerInfo& info, Behaviour behaviour)
      : voice_(&voice), info_(info), behaviour_(std::move(behaviour)) {}

  absl::string_view name() const override { return "test"; }
  absl::Status Start() override {
    Say("starting");
    absl::Status started = behaviour_.start();
    if (started.ok()) Say("started");
    return started;
  }
  void Stop() override {
    Say("stop");
    behaviour_.stop();
    const absl::MutexLock lock(&mutex_);
    stopped_ = true;
  }
  absl::Status Wait() override {
    {
      const absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&stopped_));
    }
    absl::Status finished = behaviour_.wait();
    Say("finished");
    return finished;
  }
  absl::Status Reset() override {
    Say("reset");
    return absl::OkStatus();
  }

 private:
  void Say(absl::string_view verb) {
    voice_->Say(absl::StrCat(verb, " ", info_.number, " ", ::getpid()));
  }

  Voice* const voice_;
  const WorkerInfo info_;
  const Behaviour behaviour_;
  absl::Mutex mutex_;
  bool stopped_ = false;
};

ServiceFactory Serve(Voice& voice, Behaviour behaviour = {}) {
  return [&voice, behaviour](const WorkerInfo& info, ServiceGroup& group) {
    group.Add(std::make_unique<TestService>(voice, info, behaviour));
    return absl::OkStatus();
  };
}

int RunLauncher(Voice& voice, ServiceFactory factory, LaunchOptions options) {
  absl::StatusOr<std::unique_ptr<Launcher>> launcher =
      Launch(voice.log(), std::move(factory), std::move(options));
  if (!launcher.ok()) {
    voice.Say(launcher.status().ToString());
    return 99;
  }
  const int status = (*launcher)->Wait();
  voice.Say(absl::StrCat("main returns ", status));
  return status;
}

std::function<absl::Duration()> Within(absl::Duration timeout) {
  return [timeout] { return timeout; };
}

struct Said {
  int number = -1;
  int pid = 0;
};

// Of a line `VERB NUMBER PID`.
Said Parse(const std::string& line) {
  const std::vector<std::string> words = absl::StrSplit(line, ' ');
  Said said;
  if (words.size() != 3 || !absl::SimpleAtoi(words[1], &said.number) ||
      !absl::SimpleAtoi(words[2], &said.pid)) {
    ADD_FAILURE() << "not VERB NUMBER PID: " << line;
  }
  return said;
}

// Pids by worker number.
std::vector<int> ReadStarted(TestProgram& program, int workers) {
  std::vector<int> pids(static_cast<size_t>(workers));
  for (int i = 0; i < workers; ++i) {
    const Said said = Parse(program.ReadUntil("started "));
    if (said.number >= 0 && said.number < workers) {
      pids[static_cast<size_t>(said.number)] = said.pid;
    }
  }
  return pids;
}

TEST(LaunchTest, RejectsWhatCannotBe) {
  TestProgram program([](Voice& voice) {
    const auto code = [&voice](const LaunchOptions& options) {
      return Launch(voice.log(), Serve(voice), options).status().code();
    };
    const auto invalid = absl::StatusCode::kInvalidArgument;
    return code({.workers = 0}) == invalid &&
                   code({.workers = -1}) == invalid &&
                   code({.start_timeout = absl::ZeroDuration()}) == invalid &&
                   code({.graceful_shutdown_timeout = {}}) == invalid &&
                   code({.restart_limits = {.give_up_after = -1}}) == invalid
               ? 0
               : 1;
  });
  EXPECT_EQ(program.ExitStatus(), 0);
}

TEST(LaunchTest, ARestartMethodIsReloadOrMutate) {
  EXPECT_THAT(ParseRestartMethod("reload"),
              IsOkAndHolds(RestartMethod::kReload));
  EXPECT_THAT(ParseRestartMethod("mutate"),
              IsOkAndHolds(RestartMethod::kMutate));
  EXPECT_THAT(
      ParseRestartMethod("Reload"),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("got 'Reload'")));
}

TEST(LaunchTest, ServicesAreAddedBeforeWaitAndASingleProcessHasOneWorker) {
  TestProgram program([](Voice& voice) {
    for (int workers : {1, 2}) {
      auto launcher = Launch(voice.log(), Serve(voice), {.workers = workers});
      voice.Say((*launcher)->LaunchService(Serve(voice), 0).ToString());
      voice.Say((*launcher)->LaunchService(Serve(voice), 3).ToString());
      (*launcher)->Stop();
      (*launcher)->Wait();
      voice.Say((*launcher)->LaunchService(Serve(voice), 1).ToString());
      voice.Say(absl::StrCat("again ", (*launcher)->Wait()));
    }
    return 0;
  });
  program.ReadUntil("INVALID_ARGUMENT");
  program.ReadUntil("INVALID_ARGUMENT");
  program.ReadUntil("FAILED_PRECONDITION");
  program.ReadUntil("again 1");
  program.ReadUntil("INVALID_ARGUMENT");
  program.ReadUntil("OK");
  program.ReadUntil("FAILED_PRECONDITION");
  EXPECT_EQ(program.ExitStatus(), 0);
}

class LaunchWorkersTest : public ::testing::TestWithParam<int> {};

INSTANTIATE_TEST_SUITE_P(Workers, LaunchWorkersTest, ::testing::Values(1, 3));

// OS-202, OS-204, OS-207, OS-004, OS-009.
TEST_P(LaunchWorkersTest, TermStopsGracefullyWithStatusZero) {
  TestProgram program([](Voice& voice) {
    return RunLauncher(voice, Serve(voice), {.workers = GetParam()});
  });
  ReadStarted(program, GetParam());
  program.Signal(SIGTERM);
  const std::vector<std::string> rest = program.ReadAll();
  EXPECT_EQ(std::count_if(rest.begin(), rest.end(),
                          [](const std::string& line) {
                            return line.find("finished ") == 0;
                          }),
            GetParam());
  // No child has run on into `main`.
  EXPECT_EQ(std::count(rest.begin(), rest.end(), "main returns 0"), 1);
  EXPECT_EQ(program.ExitStatus(), 0);
}

TEST_P(LaunchWorkersTest, ATermBeforeWaitIsNotLost) {
  TestProgram program([](Voice& voice) {
    auto launcher = Launch(voice.log(), Serve(voice), {.workers = GetParam()});
    ::raise(SIGTERM);
    return (*launcher)->Wait();
  });
  program.ReadAll();
  EXPECT_EQ(program.ExitStatus(), 0);
}

// OX-001, OS-205.
TEST_P(LaunchWorkersTest, ASecondTermIsIgnored) {
  TestProgram program([](Voice& voice) {
    return RunLauncher(voice,
                       Serve(voice, {.wait =
                                         [&voice] {
                                           voice.AwaitRelease();
                                           return absl::OkStatus();
                                         }}),
                       {.workers = GetParam()});
  });
  ReadStarted(program, GetParam());
  program.Signal(SIGTERM);
  program.ReadUntil("Caught SIGTERM, stopping");
  program.ReadUntil("stop ");
  program.Signal(SIGTERM);
  program.ReadUntil("Caught SIGTERM again");
  for (int i = 0; i < GetParam(); ++i) program.Release();
  program.ReadAll();
  EXPECT_EQ(program.ExitStatus(), 0);
}

// OS-036, OS-199, OX-003, OX-004, OS-033, OS-206.
TEST_P(LaunchWorkersTest, AGracefulShutdownThatTakesTooLongEndsWithStatusOne) {
  const auto hang = [] {
    while (true) ::pause();
  };
  const std::vector<Behaviour> hanging = {
      {.stop = hang},
      {.wait =
           [hang] {
             hang();
             return absl::OkStatus();
           }},
  };
  for (const Behaviour& behaviour : hanging) {
    TestProgram program([&behaviour](Voice& voice) {
      return RunLauncher(
          voice, Serve(voice, behaviour),
          {.workers = GetParam(),
           .graceful_shutdown_timeout = Within(absl::Milliseconds(50))});
    });
    ReadStarted(program, GetParam());
    program.Signal(SIGTERM);
    program.ReadUntil(
        "Graceful shutdown timeout exceeded, instantaneous exiting");
    program.ReadAll();
    EXPECT_EQ(program.ExitStatus(), 1);
  }
}

TEST_P(LaunchWorkersTest, AStartThatHangsDoesNotOutliveTheGracefulTimeout) {
  TestProgram program([](Voice& voice) {
    return RunLauncher(
        voice,
        Serve(voice, {.start =
                          [] {
                            while (true) ::pause();
                            return absl::OkStatus();
                          }}),
        {.workers = GetParam(),
         .graceful_shutdown_timeout = Within(absl::Milliseconds(50))});
  });
  program.ReadUntil("starting ");
  program.Signal(SIGTERM);
  program.ReadUntil("Graceful shutdown timeout exceeded");
  program.ReadAll();
  EXPECT_EQ(program.ExitStatus(), 1);
}

// OX-005, OS-031, OS-034.
TEST_P(LaunchWorkersTest, IntEndsEverythingAtOnceWithStatusOne) {
  TestProgram program([](Voice& voice) {
    return RunLauncher(
        voice,
        Serve(voice, {.stop =
                          [] {
                            while (true) ::pause();
                          }}),
        {.workers = GetParam(),
         .graceful_shutdown_timeout = Within(absl::InfiniteDuration())});
  });
  ReadStarted(program, GetParam());
  program.Signal(SIGTERM);
  program.ReadUntil("stop ");
  program.Signal(SIGINT);
  program.ReadUntil("Caught SIGINT signal, instantaneous exiting");
  program.ReadAll();
  EXPECT_EQ(program.ExitStatus(), 1);
}

// OS-012.
TEST_P(LaunchWorkersTest, StopByCodeIsLikeTerm) {
  TestProgram program([](Voice& voice) {
    Launcher* self = nullptr;
    auto launcher =
        Launch(voice.log(), Serve(voice),
               {.workers = GetParam(), .on_phase = [&](Phase phase) {
                  voice.Say(std::string(PhaseName(phase)));
                  if (phase == Phase::kRunning) self->Stop();
                }});
    self = launcher->get();
    return self->Wait();
  });
  for (const char* phase : {"starting", "running", "stopping", "stopped"}) {
    program.ReadUntil(phase);
  }
  EXPECT_EQ(program.ExitStatus(), 0);
}

TEST_P(LaunchWorkersTest, ConnectionsAreRefusedWhileAcceptedOnesAreDrained) {
  absl::StatusOr<Listener> listener =
      Listener::ListenTcp("test", "127.0.0.1", 0, {});
  ASSERT_THAT(listener, IsOk());
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<in_port_t>(listener->port()));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto connect = [&address] {
    const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address),
                     sizeof(address)) == 0
               ? 0
               : errno;
  };

  TestProgram program([&listener](Voice& voice) {
    return RunLauncher(voice,
                       Serve(voice, {.wait =
                                         [&] {
                                           voice.AwaitRelease();
                                           return absl::OkStatus();
                                         }}),
                       {.workers = GetParam(), .listeners = {&*listener}});
  });
  ReadStarted(program, GetParam());
  EXPECT_EQ(connect(), 0);
  program.Signal(SIGTERM);
  // Until the launcher has come that far; the services wait to be released.
  while (connect() == 0) {
  }
  EXPECT_EQ(connect(), ECONNREFUSED);
  for (int i = 0; i < GetParam(); ++i) program.Release();
  program.ReadAll();
  EXPECT_EQ(program.ExitStatus(), 0);
}

// W-18.
TEST_P(LaunchWorkersTest, TheServiceManagerIsToldOnceEverythingHasStarted) {
  FakeNotifyManager manager;
  TestProgram program([&manager](Voice& voice) {
    return RunLauncher(
        voice,
        Serve(voice, {.start =
                          [&voice] {
                            voice.AwaitRelease();
                            return absl::OkStatus();
                          }}),
        {.workers = GetParam(), .notifier = Notifier(manager.name())});
  });
  for (int i = 0; i + 1 < GetParam(); ++i) {
    program.Release();
    program.ReadUntil("started ");
  }
  EXPECT_EQ(manager.Receive(), "nothing");
  program.Release();
  std::string said;
  while ((said = manager.Receive()) == "nothing") std::this_thread::yield();
  EXPECT_THAT(said, StartsWith("READY=1"));
  program.Signal(SIGTERM);
  EXPECT_EQ(program.ExitStatus(), 0);
  EXPECT_THAT(manager.Take(), ElementsAre(StartsWith("STOPPING=1\n")));
}

// OS-005.
TEST(LaunchInProcessTest, AFailedStartIsStatusOne) {
  TestProgram program([](Voice& voice) {
    return RunLauncher(
        voice,
        Serve(voice,
              {.start = [] { return absl::UnavailableError("no port"); }}),
        {});
  });
  EXPECT_THAT(program.ReadUntil("Error starting services"),
              HasSubstr("no port"));
  EXPECT_EQ(program.ExitStatus(), 1);
}

TEST(LaunchInProcessTest, AnErrorOfWaitIsStatusTwo) {
  TestProgram program([](Voice& voice) {
    return RunLauncher(
        voice,
        Serve(voice, {.wait = [] { return absl::DataLossError("lost"); }}), {});
  });
  program.ReadUntil("started ");
  program.Signal(SIGTERM);
  EXPECT_THAT(program.ReadUntil("Unhandled exception"), HasSubstr("lost"));
  EXPECT_EQ(program.ExitStatus(), 2);
}

TEST(LaunchInProcessTest, EndsWhenTheServicesFinishByThemselves) {
  TestProgram program([](Voice& voice) {
    return RunLauncher(
        voice,
        [](const WorkerInfo&, ServiceGroup&) { return absl::OkStatus(); }, {});
  });
  program.ReadUntil("main returns 0");
  EXPECT_EQ(program.ExitStatus(), 0);
}

// OS-008: new services serve before the old are stopped, in the same process.
TEST(LaunchInProcessTest, HupStartsNewServicesBeforeItStopsTheOld) {
  TestProgram program([](Voice& voice) {
    return RunLauncher(voice, Serve(voice), {.reload = [&voice] {
                         voice.Say("read");
                         return absl::OkStatus();
                       }});
  });
  const std::string first = program.ReadUntil("started ");
  for (int round = 0; round < 3; ++round) {
    program.Signal(SIGHUP);
    program.ReadUntil("read");
    EXPECT_EQ(program.ReadUntil("started "), first);
    program.ReadUntil("stop ");
    program.ReadUntil("finished ");
  }
  program.Signal(SIGTERM);
  program.ReadUntil("stop ");
  program.ReadAll();
  EXPECT_EQ(program.ExitStatus(), 0);
}

TEST(LaunchInProcessTest, AFailedReloadKeepsTheOldServices) {
  TestProgram program([](Voice& voice) {
    auto round = std::make_shared<std::atomic<int>>(0);
    return RunLauncher(
        voice,
        Serve(voice, {.start =
                          [round] {
                            return *round == 2 ? absl::AbortedError("bad start")
                                               : absl::OkStatus();
                          }}),
        {.reload = [round] {
          return ++*round == 1 ? absl::InvalidArgumentError("bad file")
                               : absl::OkStatus();
        }});
  });
  program.ReadUntil("started ");
  program.Signal(SIGHUP);
  EXPECT_THAT(program.ReadUntil("Reload failed"), HasSubstr("bad file"));
  program.Signal(SIGHUP);
  EXPECT_THAT(program.ReadUntil("Reload failed"), HasSubstr("bad start"));
  program.Signal(SIGHUP);
  program.ReadUntil("started ");
  program.ReadUntil("finished ");
  program.Signal(SIGTERM);
  program.ReadAll();
  EXPECT_EQ(program.ExitStatus(), 0);
}

// OS-010.
TEST(LaunchInProcessTest, MutateResetsTheServices) {
  TestProgram program([](Voice& voice) {
    return RunLauncher(
        voice, Serve(voice),
        {.restart_method = RestartMethod::kMutate, .mutate = [&voice] {
           voice.Say("mutated");
           return absl::OkStatus();
         }});
  });
  program.ReadUntil("started ");
  program.Signal(SIGHUP);
  program.ReadUntil("mutated");
  program.ReadUntil("reset ");
  program.Signal(SIGTERM);
  EXPECT_THAT(program.ReadAll(), Not(Contains(HasSubstr("started"))));
  EXPECT_EQ(program.ExitStatus(), 0);
}

TEST(LaunchInProcessTest, TermWinsOverAReload) {
  TestProgram program([](Voice& voice) {
    auto first = std::make_shared<std::atomic<bool>>(true);
    return RunLauncher(voice,
                       Serve(voice, {.start =
                                         [&voice, first] {
                                           if (!first->exchange(false)) {
                                             voice.AwaitRelease();
                                           }
                                           return absl::OkStatus();
                                         }}),
                       {});
  });
  program.ReadUntil("started ");
  program.Signal(SIGHUP);
  program.ReadUntil("starting ");
  program.Signal(SIGTERM);
  program.ReadUntil("stop ");
  program.ReadUntil("stop ");
  program.Release();
  program.ReadAll();
  EXPECT_EQ(program.ExitStatus(), 0);
}

TEST(LaunchInProcessTest, ServicesLaunchedTogetherShareTheProcess) {
  TestProgram program([](Voice& voice) {
    auto launcher = Launch(voice.log(), Serve(voice), {});
    if (!(*launcher)->LaunchService(Serve(voice), 1).ok()) return 99;
    return (*launcher)->Wait();
  });
  const std::string first = program.ReadUntil("started ");
  EXPECT_EQ(program.ReadUntil("started "), first);
  program.Signal(SIGTERM);
  program.ReadAll();
  EXPECT_EQ(program.ExitStatus(), 0);
}

// OS-002, OX-016.
TEST(LaunchForkingTest, AKilledWorkerIsReplacedUnderItsNumber) {
  TestProgram program([](Voice& voice) {
    return RunLauncher(voice, Serve(voice), {.workers = 2});
  });
  const std::vector<int> pids = ReadStarted(program, 2);
  ::kill(pids[1], SIGKILL);
  program.ReadUntil(absl::StrCat("Child ", pids[1], " killed by signal 9"));
  Said again = Parse(program.ReadUntil("started "));
  EXPECT_EQ(again.number, 1);
  EXPECT_NE(again.pid, pids[1]);
  ::kill(pids[0], SIGTERM);
  program.ReadUntil(absl::StrCat("Child ", pids[0], " exited with status 0"));
  again = Parse(program.ReadUntil("started "));
  EXPECT_EQ(again.number, 0);
  ::kill(again.pid, SIGINT);
  program.ReadUntil(absl::StrCat("Child ", again.pid, " exited with status 1"));
  program.ReadUntil("started 0");
  program.Signal(SIGTERM);
  program.ReadAll();
  EXPECT_EQ(program.ExitStatus(), 0);
}

// OS-003, OX-006.
TEST(LaunchForkingTest, WorkersStopWhenTheSupervisorHasDied) {
  TestProgram program([](Voice& voice) {
    return RunLauncher(voice, Serve(voice), {.workers = 2});
  });
  ReadStarted(program, 2);
  program.Signal(SIGKILL);
  program.ReadUntil("Parent process has died unexpectedly, exiting");
  const std::vector<std::string> rest = program.ReadAll();
  EXPECT_THAT(rest, Contains(HasSubstr("finished")));
  EXPECT_EQ(program.ExitStatus(), -SIGKILL);
}

TEST(LaunchForkingTest, AHangingWorkerDoesNotOutliveTheSupervisorForLong) {
  TestProgram program([](Voice& voice) {
    return RunLauncher(
        voice,
        Serve(voice, {.stop =
                          [] {
                            while (true) ::pause();
                          }}),
        {.workers = 2,
         .graceful_shutdown_timeout = Within(absl::Milliseconds(50))});
  });
  ReadStarted(program, 2);
  program.Signal(SIGKILL);
  program.ReadUntil("Parent process has died unexpectedly, exiting");
  program.ReadUntil("Graceful shutdown timeout exceeded");
  program.ReadAll();
}

TEST(LaunchForkingTest, AParentThatDiesDuringAStartIsNoticed) {
  TestProgram program([](Voice& voice) {
    return RunLauncher(
        voice,
        Serve(voice, {.start =
                          [] {
                            while (true) ::pause();
                            return absl::OkStatus();
                          }}),
        {.workers = 2,
         .graceful_shutdown_timeout = Within(absl::Milliseconds(50))});
  });
  program.ReadUntil("Starting 2 workers");
  program.ReadUntil("starting ");
  program.Signal(SIGKILL);
  program.ReadUntil("Parent process has died unexpectedly, exiting");
  program.ReadAll();
}

// OS-022.
TEST(LaunchForkingTest, HandlersOfTheProgramAreCalledWhereTheyBelong) {
  TestProgram program([](Voice& voice) {
    const auto say = [&voice](const std::string& verb) {
      return
          [&voice, verb] { voice.Say(absl::StrCat(verb, " 0 ", ::getpid())); };
    };
    return RunLauncher(
        voice, Serve(voice),
        {.workers = 2,
         .signal_handlers = {
             {.signal = SIGALRM, .handler = say("first")},
             {.signal = SIGALRM, .handler = say("second")},
             {.signal = SIGALRM, .handler = say("worker"), .in_workers = true},
             {.signal = SIGTERM, .handler = say("term")}}});
  });
  const std::vector<int> pids = ReadStarted(program, 2);
  program.Signal(SIGALRM);
  EXPECT_EQ(Parse(program.ReadUntil("second ")).pid, program.pid());
  EXPECT_EQ(Parse(program.ReadUntil("first ")).pid, program.pid());
  ::kill(pids[1], SIGALRM);
  EXPECT_EQ(Parse(program.ReadUntil("worker ")).pid, pids[1]);
  program.Signal(SIGTERM);
  EXPECT_EQ(Parse(program.ReadUntil("term ")).pid, program.pid());
  EXPECT_THAT(program.ReadAll(),
              Not(Contains(AnyOf(HasSubstr("term "), HasSubstr("first ")))));
  EXPECT_EQ(program.ExitStatus(), 0);
}

TEST(LaunchInProcessTest, HandlersOfTheProgramAreCalledInASingleProcess) {
  TestProgram program([](Voice& voice) {
    return RunLauncher(
        voice, Serve(voice),
        {.signal_handlers = {
             {.signal = SIGWINCH, .handler = [&] { voice.Say("own"); }},
             {.signal = SIGWINCH,
              .handler = [&] { voice.Say("a worker's"); },
              .in_workers = true}}});
  });
  ReadStarted(program, 1);
  program.Signal(SIGWINCH);
  program.ReadUntil("a worker's");
  program.ReadUntil("own");
  program.Signal(SIGTERM);
  EXPECT_EQ(program.ExitStatus(), 0);
}

// OS-006, OX-012.
TEST(LaunchForkingTest, HupAtAWorkerResetsItInPlace) {
  TestProgram program([](Voice& voice) {
    return RunLauncher(voice, Serve(voice), {.workers = 2});
  });
  const std::vector<int> pids = ReadStarted(program, 2);
  ::kill(pids[0], SIGHUP);
  program.ReadUntil("Child caught SIGHUP, handling");
  EXPECT_EQ(Parse(program.ReadUntil("reset ")).pid, pids[0]);
  program.Signal(SIGTERM);
  EXPECT_THAT(program.ReadAll(), Not(Contains(HasSubstr("started"))));
  EXPECT_EQ(program.ExitStatus(), 0);
}

// OS-007, OX-013, W-12: each old worker is stopped after its successor serves.
TEST(LaunchForkingTest, HupReplacesEveryWorkerOneAfterTheOther) {
  TestProgram program([](Voice& voice) {
    return RunLauncher(voice, Serve(voice), {.workers = 3, .reload = [&voice] {
                                               voice.Say("read");
                                               return absl::OkStatus();
                                             }});
  });
  std::vector<int> pids = ReadStarted(program, 3);
  for (int round = 0; round < 2; ++round) {
    program.Signal(SIGHUP);
    program.ReadUntil("read");
    std::vector<int> successors;
    for (int number = 0; number < 3; ++number) {
      const Said said =
          Parse(program.ReadUntil(absl::StrCat("started ", number, " ")));
      EXPECT_THAT(pids, Not(Contains(said.pid)));
      successors.push_back(said.pid);
    }
    program.ReadUntil("Reload finished");
    pids = successors;
  }
  program.Signal(SIGTERM);
  program.ReadAll();
  EXPECT_EQ(program.ExitStatus(), 0);
}

TEST(LaunchForkingTest, ASlowDrainDoesNotHoldAReloadUp) {
  TestProgram program([](Voice& voice) {
    return RunLauncher(voice,
                       Serve(voice, {.wait =
                                         [&voice] {
                                           voice.AwaitRelease();
                                           return absl::OkStatus();
                                         }}),
                       {.workers = 2});
  });
  ReadStarted(program, 2);
  program.Signal(SIGHUP);
  program.ReadUntil("Reload finished");
  for (int i = 0; i < 4; ++i) program.Release();
  program.ReadUntil("exited with status 0");
  program.Signal(SIGTERM);
  program.ReadAll();
  EXPECT_EQ(program.ExitStatus(), 0);
}

TEST(LaunchForkingTest, ABadReloadKeepsTheOldWorkers) {
  TestProgram program([](Voice& voice) {
    auto round = std::make_shared<int>(0);
    return RunLauncher(
        voice,
        [&voice, round](const WorkerInfo& info, ServiceGroup& group) {
          if (*round == 2) return absl::AbortedError("bad start");
          return Serve(voice)(info, group);
        },
        {.workers = 2, .reload = [round] {
           return ++*round == 1 ? absl::InvalidArgumentError("bad file")
                                : absl::OkStatus();
         }});
  });
  ReadStarted(program, 2);
  program.Signal(SIGHUP);
  EXPECT_THAT(program.ReadUntil("Reload failed"), HasSubstr("bad file"));
  program.Signal(SIGHUP);
  program.ReadUntil("bad start");
  program.ReadUntil("Reload ended early");
  program.Signal(SIGHUP);
  program.ReadUntil("Reload finished");
  program.Signal(SIGTERM);
  program.ReadAll();
  EXPECT_EQ(program.ExitStatus(), 0);
}

// OS-011, OX-012.
TEST(LaunchForkingTest, MutateReachesSupervisorAndWorkersWithoutARestart) {
  TestProgram program([](Voice& voice) {
    return RunLauncher(voice, Serve(voice),
                       {.workers = 2,
                        .restart_method = RestartMethod::kMutate,
                        .mutate = [&voice] {
                          voice.Say(absl::StrCat("mutated 0 ", ::getpid()));
                          return absl::OkStatus();
                        }});
  });
  const std::vector<int> pids = ReadStarted(program, 2);
  program.Signal(SIGHUP);
  EXPECT_EQ(Parse(program.ReadUntil("mutated ")).pid, program.pid());
  std::set<int> reset;
  for (int i = 0; i < 2; ++i) {
    reset.insert(Parse(program.ReadUntil("reset ")).pid);
  }
  EXPECT_EQ(reset, std::set<int>(pids.begin(), pids.end()));
  program.Signal(SIGTERM);
  EXPECT_THAT(program.ReadAll(), Not(Contains(HasSubstr("started"))));
  EXPECT_EQ(program.ExitStatus(), 0);
}

// OX-007.
TEST(LaunchForkingTest, ACrashLoopIsThrottledAndStillStopsAtOnce) {
  TestProgram program([](Voice& voice) {
    return RunLauncher(
        voice,
        Serve(voice,
              {.start = [] { return absl::UnavailableError("no port"); }}),
        {.workers = 2,
         .restart_limits = {.first_delay = absl::Seconds(20), .jitter = 0}});
  });
  for (int i = 0; i < 3 + 1; ++i) {
    program.ReadUntil("exited with status 1, by itself");
  }
  program.ReadUntil("Forking too fast, sleeping 20s");
  program.Signal(SIGTERM);
  program.ReadAll();
  EXPECT_EQ(program.ExitStatus(), 0);
}

TEST(LaunchForkingTest, GivesUpWhenAskedTo) {
  TestProgram program([](Voice& voice) {
    return RunLauncher(voice, Serve(voice, {.start = []() -> absl::Status {
                                      throw std::runtime_error("x");
                                    }}),
                       {.workers = 2, .restart_limits = {.give_up_after = 2}});
  });
  program.ReadUntil("giving up");
  program.ReadAll();
  EXPECT_EQ(program.ExitStatus(), kExitGaveUp);
}

// OS-193.
TEST(LaunchForkingTest, EachServiceHasItsOwnWorkers) {
  TestProgram program([](Voice& voice) {
    auto launcher = Launch(voice.log(), Serve(voice), {.workers = 2});
    const auto other = [&voice](const WorkerInfo& info, ServiceGroup&) {
      voice.Say(absl::StrCat("other ", info.number, " of ", info.total));
      return absl::OkStatus();
    };
    if (!(*launcher)->LaunchService(other, 1).ok()) return 99;
    return (*launcher)->Wait();
  });
  program.ReadUntil("Starting 2 workers");
  program.ReadUntil("Starting 1 workers");
  program.ReadUntil("other 0 of 1");
  program.Signal(SIGTERM);
  program.ReadAll();
  EXPECT_EQ(program.ExitStatus(), 0);
}

// W-11.
TEST(LaunchForkingTest, ChildrenOfTheApplicationAreNotReaped) {
  TestProgram program([](Voice& voice) {
    const pid_t foreign = ::fork();
    if (foreign == 0) ::_exit(42);
    RunLauncher(voice, Serve(voice), {.workers = 2});
    int status = 0;
    return ::waitpid(foreign, &status, 0) == foreign ? WEXITSTATUS(status) : 1;
  });
  const std::vector<int> pids = ReadStarted(program, 2);
  ::kill(pids[0], SIGKILL);
  program.ReadUntil("started 0");
  program.Signal(SIGTERM);
  program.ReadAll();
  EXPECT_EQ(program.ExitStatus(), 42);
}

// Thread sanitizer ends a process that was forked beside threads.
#ifndef __SANITIZE_THREAD__
// OS-211, OS-212, W-02.
TEST(LaunchForkingTest, WarnsOfThreadsThatExistBeforeTheFork) {
  TestProgram program([](Voice& voice) {
    BlockHandledSignals();
    std::thread([] {
      while (true) ::pause();
    }).detach();
    return RunLauncher(voice, Serve(voice), {.workers = 2});
  });
  program.ReadUntil("2 threads exist before the fork");
  ReadStarted(program, 2);
  program.Signal(SIGTERM);
  program.ReadAll();
  EXPECT_EQ(program.ExitStatus(), 0);
}

#endif  // __SANITIZE_THREAD__

// W-09.
TEST(LaunchForkingTest, WhatAFactoryThrowsStaysInTheWorker) {
  TestProgram program([](Voice& voice) {
    return RunLauncher(voice,
                       [](const WorkerInfo&, ServiceGroup&) -> absl::Status {
                         throw std::runtime_error("thrown");
                       },
                       {.workers = 2});
  });
  EXPECT_THAT(program.ReadUntil("Error starting services"),
              HasSubstr("thrown"));
  program.ReadUntil("exited with status 1");
  program.Signal(SIGTERM);
  const std::vector<std::string> rest = program.ReadAll();
  EXPECT_EQ(std::count(rest.begin(), rest.end(), "main returns 0"), 1);
  EXPECT_EQ(program.ExitStatus(), 0);
}

TEST(LaunchForkingTest, AWorkerChangesTheNumberOfWorkersAndSeesCrashes) {
  TestProgram program([](Voice& voice) {
    std::unique_ptr<Launcher> launcher;
    const ServiceFactory factory = [&](const WorkerInfo& info,
                                       ServiceGroup& group) {
      if (info.service == 1) {
        if (info.number == 0) {
          voice.Say(launcher->SetWorkers(2, 1).ToString());
          voice.Say(launcher->SetWorkers(1, 0).ToString());
          voice.Say(launcher->SetWorkers(1, kMostWorkers + 1).ToString());
          voice.Say(launcher->SetWorkers(1, 2).ToString());
        }
        if (info.number == 1) voice.Say(absl::StrCat("second 1 ", ::getpid()));
        for (const CrashRecord& crash : launcher->Crashes()) {
          voice.Say(absl::StrCat("crash of ", crash.service, ".", crash.number,
                                 ": ", crash.end.ToString()));
        }
      }
      voice.Say(absl::StrCat("service ", info.service, " in ", ::getpid(),
                             " of ", absl::StrJoin(launcher->Workers(), ",")));
      return Serve(voice)(info, group);
    };
    launcher = *Launch(voice.log(), factory, {.workers = 2});
    const absl::Status added = launcher->LaunchService(factory, 1);
    return added.ok() ? launcher->Wait() : 99;
  });
  for (int i = 0; i < 3; ++i) program.ReadUntil("INVALID_ARGUMENT");
  program.ReadUntil("service 1: 2 workers from now on, 1 before");
  const Said second = Parse(program.ReadUntil("second "));
  ::kill(second.pid, SIGKILL);
  program.ReadUntil("by itself");
  program.ReadUntil("crash of ");
  program.ReadUntil(" of 2,2");
  program.ReadUntil("started ");
  program.Signal(SIGTERM);
  EXPECT_EQ(program.ExitStatus(), 0);
}

TEST(LaunchInProcessTest, HasOneWorkerForEachServiceAndNoOthers) {
  TestProgram program([](Voice& voice) {
    std::vector<int> services;
    const ServiceFactory factory = [&services](const WorkerInfo& info,
                                               ServiceGroup&) {
      services.push_back(info.service);
      return absl::OkStatus();
    };
    auto launcher = Launch(voice.log(), factory, {});
    (*launcher)->LaunchService(factory, 1).IgnoreError();
    (*launcher)->Wait();
    return absl::IsFailedPrecondition((*launcher)->SetWorkers(0, 2)) &&
                   (*launcher)->Workers() == std::vector<int>({1, 1}) &&
                   (*launcher)->Crashes().empty() &&
                   services == std::vector<int>({0, 1})
               ? 0
               : 1;
  });
  EXPECT_EQ(program.ExitStatus(), 0);
}

TEST(LaunchForkingTest, ABurstOfHupsEndsInReloadsAndNothingElse) {
  TestProgram program([](Voice& voice) {
    return RunLauncher(voice, Serve(voice), {.workers = 2});
  });
  ReadStarted(program, 2);
  for (int i = 0; i < 20; ++i) program.Signal(SIGHUP);
  program.ReadUntil("Reload finished");
  program.Signal(SIGTERM);
  program.ReadAll();
  EXPECT_EQ(program.ExitStatus(), 0);
}

// A registry that reads one file, on the other side of the fork too.
class LaunchRegistryTest : public ::testing::TestWithParam<int> {
 protected:
  LaunchRegistryTest() {
    EXPECT_NE(::mkdtemp(folder_.data()), nullptr);
    path_ = folder_ + "/launch_test.conf";
    Write("first");
  }
  ~LaunchRegistryTest() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& greeting) {
    std::ofstream(path_) << "[demo]\ngreeting = " << greeting << "\n";
  }

  std::string folder_ = "/tmp/launch_test.XXXXXX";
  std::string path_;
};

INSTANTIATE_TEST_SUITE_P(Workers, LaunchRegistryTest, ::testing::Values(1, 2));

// W-12, OX-013: the new values are there when the new services start.
TEST_P(LaunchRegistryTest, HupReadsTheFilesAgainAndKeepsBadOnesOut) {
  TestProgram program([this](Voice& voice) {
    config::Registry registry;
    const auto greeting = registry.Register(
        "demo", config::Option<std::string>{.name = "greeting"});
    std::vector<std::unique_ptr<config::Source>> sources;
    sources.push_back(std::make_unique<config::FileSource>(path_));
    if (!registry.Load(std::move(sources)).ok()) return 98;
    auto launcher = Launch(registry, voice.log(),
                           [&](const WorkerInfo& info, ServiceGroup& group) {
                             voice.Say("greeting " + greeting->Get());
                             return Serve(voice)(info, group);
                           },
                           {.workers = GetParam()});
    return launcher.ok() ? (*launcher)->Wait() : 99;
  });
  program.ReadUntil("graceful_shutdown_timeout");  // The dump.
  ReadStarted(program, GetParam());

  Write("second");
  program.Signal(SIGHUP);
  program.ReadUntil("option demo.greeting: first -> second");
  for (int i = 0; i < GetParam(); ++i) program.ReadUntil("greeting second");

  std::ofstream(path_) << "[demo\n";
  program.Signal(SIGHUP);
  program.ReadUntil("Reload failed");
  program.Signal(SIGTERM);
  program.ReadAll();
  EXPECT_EQ(program.ExitStatus(), 0);
}

}  // namespace
}  // namespace bergen::launcher
