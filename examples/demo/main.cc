// SPDX-License-Identifier: Apache-2.0
//
// A complete service: options, HTTP from forked workers, a periodic task,
// signals, the backdoor with its profiler, and the gRPC door. Made to be
// copied.

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "backdoor/activity_commands.h"
#include "backdoor/address.h"
#include "backdoor/builtin_commands.h"
#include "backdoor/calltrace.h"
#include "backdoor/command.h"
#include "backdoor/command_table.h"
#include "backdoor/config_commands.h"
#include "backdoor/console.h"
#include "backdoor/entrance.h"
#include "backdoor/grpc_server.h"
#include "backdoor/http_commands.h"
#include "backdoor/listen.h"
#include "backdoor/log_commands.h"
#include "backdoor/object_commands.h"
#include "backdoor/options.h"
#include "backdoor/output_file.h"
#include "backdoor/process_commands.h"
#include "backdoor/profiler.h"
#include "backdoor/roles.h"
#include "backdoor/run_directory.h"
#include "backdoor/task_commands.h"
#include "backdoor/text_server.h"
#include "backdoor/thread_dump.h"
#include "config/flags.h"
#include "config/registry.h"
#include "config/sources.h"
#include "config/version.h"
#include "examples/demo/app.h"
#include "examples/demo/log_file.h"
#include "examples/demo/options.h"
#include "gflags/gflags.h"
#include "launcher/crash_record.h"
#include "launcher/launch.h"
#include "launcher/launcher.h"
#include "launcher/main_status.h"
#include "launcher/options.h"
#include "launcher/phase.h"
#include "launcher/reload_state.h"
#include "periodic/activity.h"
#include "periodic/clock.h"
#include "periodic/options.h"
#include "periodic/periodic_tasks.h"
#include "periodic/random.h"
#include "periodic/run_control.h"
#include "periodic/task_activities.h"
#include "prometheus/collectable.h"
#include "service/inherited_listeners.h"
#include "service/listener.h"
#include "service/notify.h"
#include "service/service.h"
#include "service/service_group.h"
#include "service/task_service.h"
#include "spdlog/spdlog.h"
#include "sslutils/options.h"
#include "sslutils/server_context.h"
#include "wsgi/connection_state.h"
#include "wsgi/metrics.h"
#include "wsgi/metrics_board.h"
#include "wsgi/options.h"
#include "wsgi/server.h"

DEFINE_string(workers, "",
              "Worker processes; the same as --set demo.workers=N");

namespace bergen::demo {
namespace {

constexpr char kProgram[] = "Bergen demo";
// What `bergenctl -s` calls it.
constexpr char kService[] = "demo";
// The first worker of a demo without a configuration file gets 8002.
constexpr char kBackdoorPorts[] = "8002:8033";

// How long threads may take to say where they are.
constexpr absl::Duration kStackDeadline = absl::Seconds(1);

// The most workers at once, those included that are being replaced.
constexpr size_t kMetricsSlots = 4096;

// One may take a profile while others look.
constexpr int kConsoleThreads = 4;

// Of the thread that waits for clients, to say who they are.
constexpr absl::Duration kConnectionsDeadline = absl::Seconds(5);

using ListenerPtr = std::shared_ptr<Listener>;

// The periodic tasks of a worker, and its readiness.
class Tasks : public TaskService {
 public:
  Tasks(std::function<bool()> runs_external, Counters& counters,
        periodic::Clock& clock, periodic::Random& random, spdlog::logger& log)
      : TaskService({.runs_external = std::move(runs_external)}, clock, random,
                    log),
        counters_(&counters) {}

  absl::Status AddHeartbeat(absl::Duration interval) {
    return tasks()->Add({.name = "heartbeat", .timing = {.spacing = interval}},
                        [counters = counters_](const periodic::TaskRun&) {
                          ++counters->heartbeats;
                          return absl::OkStatus();
                        });
  }

  void PrepareStop() override { counters_->ready = false; }

 private:
  Counters* const counters_;
};

// What commands ask about, of which a reload in one process makes a second: the
// old ones still drain, and may outlive new ones that do not start.
// Thread-safe.
template <typename T>
class Current {
 public:
  void Add(const std::shared_ptr<T>& one) {
    const absl::MutexLock lock(&mutex_);
    all_.push_back(one);
  }
  // The newest at the end.
  std::vector<std::shared_ptr<T>> Get() {
    const absl::MutexLock lock(&mutex_);
    std::vector<std::shared_ptr<T>> alive;
    for (const std::weak_ptr<T>& one : all_) {
      if (std::shared_ptr<T> is = one.lock()) alive.push_back(std::move(is));
    }
    all_.assign(alive.begin(), alive.end());
    return alive;
  }

 private:
  absl::Mutex mutex_;
  std::vector<std::weak_ptr<T>> all_ ABSL_GUARDED_BY(mutex_);
};

// Says at the gRPC door that everything before it has started.
class Readiness : public Service {
 public:
  Readiness(backdoor::GrpcServer& door, periodic::Clock& clock)
      : door_(&door), clock_(&clock) {}

  absl::string_view name() const override { return "readiness"; }
  absl::Status Start() override {
    door_->SetReady(true);
    return absl::OkStatus();
  }
  void Stop() override { stopped_.Set(); }
  absl::Status Wait() override {
    clock_->WaitUntil(stopped_, absl::InfiniteFuture());
    return absl::OkStatus();
  }

 private:
  backdoor::GrpcServer* const door_;
  periodic::Clock* const clock_;
  periodic::Event stopped_;
};

// The HTTP server, which commands may ask for a little longer than its group
// has it.
class SharedServer : public Service {
 public:
  explicit SharedServer(std::shared_ptr<wsgi::Server> server)
      : server_(std::move(server)) {}

  absl::string_view name() const override { return server_->name(); }
  absl::Status Start() override { return server_->Start(); }
  void PrepareStop() override { server_->PrepareStop(); }
  void Stop() override { server_->Stop(); }
  absl::Status Wait() override { return server_->Wait(); }
  absl::Status Reset() override { return server_->Reset(); }

 private:
  std::shared_ptr<wsgi::Server> server_;
};

// What a process has once, however often a reload builds its services anew:
// signals for profiles and stacks, and the commands that use them. Made in the
// process that runs the services.
class Diagnostics {
 public:
  static absl::StatusOr<std::unique_ptr<Diagnostics>> Create(
      int worker, pid_t supervisor, launcher::Launcher& launcher,
      config::Registry& registry, const prometheus::Collectable& metrics,
      spdlog::logger& log) {
    auto diagnostics = std::make_unique<Diagnostics>();
    absl::Status added = backdoor::AddBuiltinCommands(
        {.output_directory = backdoor::DefaultOutputDirectory(),
         .worker = worker},
        diagnostics->profiler_, diagnostics->tracer_, diagnostics->dumper_,
        diagnostics->table_);
    added.Update(backdoor::AddActivityCommands(
        [&tasks = diagnostics->tasks_] { return Activities(tasks); },
        diagnostics->dumper_, kStackDeadline, diagnostics->table_));
    added.Update(backdoor::AddObjectCommands(diagnostics->live_.objects,
                                             diagnostics->table_));
    added.Update(backdoor::AddConfigCommands(registry, diagnostics->table_));
    added.Update(backdoor::AddLogCommands({&log}, diagnostics->table_));
    added.Update(backdoor::AddProcessCommands(
        Control(worker, supervisor, launcher), diagnostics->table_));
    added.Update(backdoor::AddTaskCommands(
        [&tasks =
             diagnostics->tasks_]() -> std::shared_ptr<periodic::RunControl> {
          const auto all = tasks.Get();
          return all.empty() ? nullptr : all.back();
        },
        diagnostics->table_));
    added.Update(backdoor::AddHttpCommands(HttpControl(*diagnostics, metrics),
                                           diagnostics->table_));
    if (!added.ok()) return added;
    return diagnostics;
  }

  const backdoor::CommandTable& table() const { return table_; }
  backdoor::ThreadDumper& dumper() { return dumper_; }
  Current<periodic::RunControl>& tasks() { return tasks_; }
  Current<wsgi::Server>& servers() { return servers_; }
  Current<sslutils::ServerContext>& tls() { return tls_; }
  LiveThings& live() { return live_; }

 private:
  static std::vector<periodic::Activity> Activities(
      Current<periodic::RunControl>& tasks) {
    std::vector<periodic::Activity> all;
    for (const std::shared_ptr<periodic::RunControl>& some : tasks.Get()) {
      for (periodic::Activity& one :
           periodic::TaskActivities(*some, absl::Now())) {
        all.push_back(std::move(one));
      }
    }
    return all;
  }

  static backdoor::ProcessControl Control(int worker, pid_t supervisor,
                                          launcher::Launcher& launcher) {
    backdoor::ProcessControl control = {.program = kProgram,
                                        .version = kVersion,
                                        .worker = worker,
                                        .started = absl::Now(),
                                        .supervisor = supervisor};
    control.workers = [&launcher] { return launcher.Workers(); };
    control.set_workers = [&launcher](int service, int workers) {
      return launcher.SetWorkers(service, workers);
    };
    control.crashes = [&launcher] {
      std::vector<std::string> lines;
      for (const launcher::CrashRecord& crash : launcher.Crashes()) {
        lines.push_back(crash.ToString());
      }
      return lines;
    };
    control.reload = [&launcher] { launcher.Restart(); };
    control.reloads = [&launcher] {
      const launcher::ReloadState state = launcher.Reloads();
      return backdoor::ProcessControl::Reloads{
          .begun = state.begun, .ended = state.ended, .verdict = state.verdict};
    };
    return control;
  }

  static backdoor::HttpControl HttpControl(
      Diagnostics& of, const prometheus::Collectable& metrics) {
    backdoor::HttpControl control;
    control.metrics = [&metrics] { return wsgi::MetricsText({&metrics}); };
    control.connections = [&of]()
        -> absl::StatusOr<std::vector<backdoor::HttpControl::Connection>> {
      std::vector<backdoor::HttpControl::Connection> all;
      for (const std::shared_ptr<wsgi::Server>& server : of.servers_.Get()) {
        auto connections = server->Connections(kConnectionsDeadline);
        if (!connections.ok()) return connections.status();
        for (wsgi::ConnectionState& one : *connections) {
          all.push_back({.peer = std::move(one.peer),
                         .stage = std::string(wsgi::StageName(one.stage)),
                         .age = one.age,
                         .request = std::move(one.request)});
          for (wsgi::ConnectionState::Stream& stream : one.streams) {
            all.back().streams.push_back(
                {.number = stream.number,
                 .stage = std::string(wsgi::StageName(stream.stage)),
                 .age = stream.age,
                 .request = std::move(stream.request)});
          }
        }
      }
      return all;
    };
    control.certificates = [&of] {
      std::vector<backdoor::HttpControl::Certificate> all;
      for (const auto& context : of.tls_.Get()) {
        all.push_back({.name = "http", .expires = context->expires()});
      }
      return all;
    };
    return control;
  }

  backdoor::Profiler profiler_;
  backdoor::CallTracer tracer_;
  backdoor::ThreadDumper dumper_;
  Current<periodic::RunControl> tasks_;
  Current<wsgi::Server> servers_;
  Current<sslutils::ServerContext> tls_;
  LiveThings live_;
  backdoor::CommandTable table_;
};

// A door of worker `worker` at `address`, the value of the option
// `demo.KIND_listen`: `unix:PATH` or `HOST:PORT`, for workers after the first
// `PATH.N`, or the port N higher (0 stays 0).
absl::StatusOr<Listener> ListenDoor(absl::string_view kind,
                                    absl::string_view address, int worker,
                                    int unix_mode,
                                    InheritedListeners& inherited) {
  const std::string name = absl::StrCat(kind, ".", worker);
  absl::string_view path = address;
  if (absl::ConsumePrefix(&path, "unix:")) {
    return inherited.TakeOrListenUnix(
        name, worker == 0 ? std::string(path) : absl::StrCat(path, ".", worker),
        {.unix_mode = unix_mode});
  }
  const size_t colon = address.rfind(':');
  int port = 0;
  if (colon == absl::string_view::npos ||
      !absl::SimpleAtoi(address.substr(colon + 1), &port)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "demo.", kind, "_listen: must be unix:/path or host:port, got \"",
        address, "\""));
  }
  return inherited.TakeOrListenTcp(name, address.substr(0, colon),
                                   port == 0 ? 0 : port + worker, {});
}

// Whether `listener` is where the backdoor of worker `worker` may be.
bool Fits(const Listener& listener, const backdoor::Address& address,
          const std::string& host, int worker) {
  if (const auto* ports = std::get_if<backdoor::PortRange>(&address)) {
    return !listener.is_unix() && listener.host() == host &&
           (ports->first == 0 || (listener.port() >= ports->first &&
                                  listener.port() <= ports->last));
  }
  const auto& socket = std::get<backdoor::SocketTemplate>(address);
  return listener.is_unix() &&
         listener.host() ==
             backdoor::ExpandSocketTemplate(socket.text, getpid(), worker).path;
}

// Everything that is made before workers are forked, and what they have to
// know.
class Demo {
 public:
  Demo(config::Registry& registry, const DemoOptions& options,
       const backdoor::Options& backdoor, const periodic::Options& periodic,
       InheritedListeners inherited, spdlog::logger& log)
      : registry_(&registry),
        options_(options),
        backdoor_options_(backdoor),
        periodic_(periodic),
        inherited_(std::move(inherited)),
        log_(&log) {}
  Demo(const Demo&) = delete;
  Demo& operator=(const Demo&) = delete;
  ~Demo() {
    grpc_.clear();
    if (!run_directory_.empty()) {
      backdoor::RemoveInstanceDirectory(run_directory_);
    }
  }

  // Opens the sockets, so that each worker has its own doors for good, and says
  // where they are.
  absl::Status Open() {
    const absl::StatusOr<ListenerOptions> listener_options =
        wsgi::ConfiguredListenerOptions(*registry_);
    if (!listener_options.ok()) return listener_options.status();
    absl::StatusOr<Listener> http =
        inherited_.TakeOrListenTcp("http", options_.bind_host.Get(),
                                   options_.bind_port.Get(), *listener_options);
    if (!http.ok()) return http.status();
    http_.emplace(*std::move(http));
    absl::StatusOr<wsgi::MetricsBoard> metrics =
        wsgi::MetricsBoard::Create(kMetricsSlots);
    if (!metrics.ok()) return metrics.status();
    metrics_.emplace(*std::move(metrics));
    if (options_.use_ssl.Get()) {
      absl::StatusOr<std::shared_ptr<sslutils::TicketKeys>> keys =
          sslutils::ConfiguredTicketKeys(
              *registry_, inherited_.TakeFd(sslutils::kTicketKeysName));
      if (!keys.ok()) return keys.status();
      ticket_keys_ = *std::move(keys);
    }
    // Wrong TLS options stop the start here, not in every worker.
    if (const auto tls = Tls(/*http2=*/true); !tls.ok()) {
      return tls.status();
    }

    absl::StatusOr<std::optional<backdoor::Address>> address =
        backdoor_options_.address();
    if (!address.ok()) return address.status();
    backdoor_address_ = *std::move(address);
    const absl::StatusOr<backdoor::RoleMap> roles = backdoor_options_.roles();
    if (!roles.ok()) return roles.status();
    door_options_ = backdoor_options_.listen_options(*roles);
    OpenRunDirectory();
    const auto last = static_cast<int>(options_.workers.Get()) - 1;
    if (absl::Status doors = OpenDoors(last); !doors.ok()) return doors;
    const auto entrance = DoorEntrance({});
    if (!entrance.ok()) return entrance.status();
    for (const auto* listeners : {&backdoors_, &grpc_}) {
      for (const ListenerPtr& listener : *listeners) {
        if (listener == nullptr) continue;
        const absl::Status checked =
            backdoor::Entrance::Check(*listener, *entrance);
        if (!checked.ok()) return checked;
      }
    }
    for (const std::string& name : inherited_.CloseRest()) {
      log_->warn("inherited listener {} is not used", name);
    }
    return absl::OkStatus();
  }

  // The doors of worker `last` and those before it, as far as they are not
  // open.
  absl::Status OpenDoors(int last) {
    for (auto worker = static_cast<int>(grpc_.size()); worker <= last;
         ++worker) {
      absl::StatusOr<ListenerPtr> grpc = OpenGrpc(worker);
      if (!grpc.ok()) return grpc.status();
      absl::StatusOr<ListenerPtr> console = OpenConsole(worker);
      if (!console.ok()) return console.status();
      grpc_.push_back(*std::move(grpc));
      consoles_.push_back(*std::move(console));
      backdoors_.push_back(OpenBackdoor(worker));
    }
    return absl::OkStatus();
  }

  // What `OpenDoors` has opened for `worker`, which there is no more, and for
  // those after it.
  void CloseDoors(int worker) {
    const auto left = std::min(static_cast<size_t>(worker), grpc_.size());
    grpc_.resize(left);
    consoles_.resize(left);
    backdoors_.resize(left);
  }

  // Before `Build`; outlives this.
  void set_launcher(launcher::Launcher& launcher) { launcher_ = &launcher; }

  Listener& http() { return *http_; }
  // Those that belong to one worker each and have a fixed address.
  std::vector<Listener*> doors() const {
    std::vector<Listener*> doors;
    for (const auto* listeners : {&backdoors_, &grpc_, &consoles_}) {
      // Each generation has a run directory of its own.
      if (listeners == &grpc_ && !run_directory_.empty()) continue;
      for (const ListenerPtr& listener : *listeners) {
        if (listener != nullptr) doors.push_back(listener.get());
      }
    }
    return doors;
  }

  // What a next generation gets besides its listeners.
  std::vector<NamedFd> other_fds() const {
    if (ticket_keys_ == nullptr) return {};
    return {{sslutils::kTicketKeysName, ticket_keys_->fd()}};
  }

  // For people, and for tests, which look for the first line.
  void PrintWhere() const {
    const std::string url = absl::StrCat(
        options_.use_ssl.Get() ? "https" : "http", "://", http_->address());
    std::printf("listening on %s\n", url.c_str());
    std::printf("  curl %s/fib?n=30\n", url.c_str());
    if (!backdoors_.empty() && backdoors_[0] != nullptr) {
      std::printf(
          "  echo \"help\" | nc %s\n",
          backdoors_[0]->is_unix()
              ? absl::StrCat("-U ", backdoors_[0]->host()).c_str()
              : absl::StrCat("localhost ", backdoors_[0]->port()).c_str());
    }
    if (!grpc_.empty() && grpc_[0] != nullptr) {
      std::printf("  gRPC (bergen.backdoor.v1.Control) at %s%s\n",
                  grpc_[0]->is_unix() ? "unix:" : "",
                  grpc_[0]->address().c_str());
    }
    if (!consoles_.empty() && consoles_[0] != nullptr) {
      std::printf("  console of worker 0 at %s%s\n",
                  consoles_[0]->is_unix() ? "unix:" : "http://",
                  consoles_[0]->address().c_str());
    }
    if (!run_directory_.empty()) {
      std::printf("  bergenctl -s %s help\n", kService);
    }
    std::printf("  kill -HUP %d; kill %d\n", getpid(), getpid());
    std::fflush(stdout);
  }

  // The services of one worker.
  absl::Status Build(const launcher::WorkerInfo& worker, ServiceGroup& group) {
    if (getpid() != pid_) CloseOthersDoors(static_cast<size_t>(worker.number));
    const absl::StatusOr<const backdoor::CommandTable*> commands =
        Commands(worker.number);
    if (!commands.ok()) return commands.status();

    const ListenerPtr backdoor = BackdoorOf(worker.number);
    if (backdoor != nullptr) {
      auto entrance = DoorEntrance({});
      if (!entrance.ok()) return entrance.status();
      group.Add(std::make_unique<backdoor::TextServer>(
          backdoor, **commands,
          backdoor::TextServerOptions{.program = kProgram,
                                      .worker_number = worker.number,
                                      .entrance = *std::move(entrance)},
          *log_));
    }
    backdoor::GrpcServer* grpc_door = nullptr;
    if (const ListenerPtr grpc = grpc_[static_cast<size_t>(worker.number)]) {
      auto entrance = DoorEntrance({"h2"});
      if (!entrance.ok()) return entrance.status();
      auto door = std::make_unique<backdoor::GrpcServer>(
          grpc, **commands,
          backdoor::GrpcServerOptions{.worker_number = worker.number,
                                      .entrance = *std::move(entrance),
                                      .ready_at_start = false},
          *log_);
      grpc_door = door.get();
      group.Add(std::move(door));
    }

    const absl::Status console = AddConsole(worker, **commands, group);
    if (!console.ok()) return console;

    Counters& counters = group.Keep(std::make_unique<Counters>());
    counters.worker = worker.number;
    auto tasks = std::make_unique<Tasks>(periodic_.runs_external(), counters,
                                         clock_, random_, *log_);
    absl::Status added =
        tasks->AddHeartbeat(absl::Seconds(options_.heartbeat_interval.Get()));
    if (!added.ok()) return added;
    diagnostics_->tasks().Add(tasks->tasks());
    group.Add(std::move(tasks));

    absl::StatusOr<wsgi::ServerOptions> server_options =
        wsgi::ConfiguredOptions(*registry_);
    if (!server_options.ok()) return server_options.status();
    server_options->name = "http";
    server_options->inline_app = options_.inline_app.Get();
    server_options->multiprocess = worker.total > 1;
    server_options->vitals = worker.vitals;
    auto tls = Tls(server_options->http2);
    if (!tls.ok()) return tls.status();
    if (*tls != nullptr) diagnostics_->tls().Add(*tls);
    server_options->tls = *std::move(tls);
    auto claim = metrics_->MakeClaim();
    if (!claim.ok()) return claim.status();
    wsgi::MetricsSlot& slot = group.Keep(*std::move(claim)).slot();
    server_options->counters = &slot.server;
    const std::vector<const prometheus::Collectable*> of_all = {&*metrics_};
    wsgi::MetricsPage& page =
        group.Keep(std::make_unique<wsgi::MetricsPage>(of_all));
    App& app = group.Keep(std::make_unique<App>(*registry_, options_, counters,
                                                diagnostics_->live(), page));
    wsgi::RequestMetrics& counted =
        group.Keep(std::make_unique<wsgi::RequestMetrics>(app, slot));
    absl::StatusOr<std::unique_ptr<wsgi::Server>> server =
        wsgi::Server::Create(*log_, counted, {&*http_}, *server_options);
    if (!server.ok()) return server.status();
    std::shared_ptr<wsgi::Server> shared = *std::move(server);
    diagnostics_->servers().Add(shared);
    group.Add(std::make_unique<SharedServer>(std::move(shared)));
    if (grpc_door != nullptr) {
      group.Add(std::make_unique<Readiness>(*grpc_door, clock_));
    }
    return absl::OkStatus();
  }

  // In a worker that hangs, on a thread that does not.
  void LogStacks() {
    if (diagnostics_ == nullptr) return;
    const absl::StatusOr<backdoor::ThreadDump> dump =
        diagnostics_->dumper().Dump(kStackDeadline);
    log_->warn("stacks of all threads:\n{}",
               dump.ok() ? backdoor::FormatThreadDump(*dump)
                         : dump.status().ToString());
  }

 private:
  absl::Status AddConsole(const launcher::WorkerInfo& worker,
                          const backdoor::CommandTable& commands,
                          ServiceGroup& group) {
    const ListenerPtr listener = consoles_[static_cast<size_t>(worker.number)];
    if (listener == nullptr) return absl::OkStatus();
    const std::string& name = options_.console_role.Get();
    const backdoor::Role role = name == "admin"     ? backdoor::Role::kAdmin
                                : name == "operate" ? backdoor::Role::kOperate
                                                    : backdoor::Role::kView;
    group.Keep(std::make_unique<ListenerPtr>(listener));
    backdoor::Console& console = group.Keep(std::make_unique<backdoor::Console>(
        commands,
        backdoor::ConsoleOptions{.role = role, .worker = worker.number},
        *log_));
    absl::StatusOr<std::unique_ptr<wsgi::Server>> server =
        wsgi::Server::Create(*log_, console, {listener.get()},
                             {.name = "console", .pool_size = kConsoleThreads});
    if (!server.ok()) return server.status();
    group.Add(*std::move(server));
    return absl::OkStatus();
  }

  // In a worker: whoever holds a socket keeps clients waiting at it.
  void CloseOthersDoors(size_t own) {
    for (std::vector<ListenerPtr>* listeners :
         {&backdoors_, &grpc_, &consoles_}) {
      for (size_t i = 0; i < listeners->size(); ++i) {
        if (i != own) (*listeners)[i] = nullptr;
      }
    }
  }

  // Null without TLS.
  absl::StatusOr<std::shared_ptr<sslutils::ServerContext>> Tls(
      bool http2) const {
    if (!options_.use_ssl.Get()) return nullptr;
    const absl::StatusOr<bool> enabled = sslutils::IsEnabled(*registry_);
    if (!enabled.ok()) return enabled.status();
    if (!*enabled) {
      return absl::InvalidArgumentError(
          "demo.use_ssl: needs ssl.cert_file and ssl.key_file, which are not "
          "set");
    }
    std::vector<std::string> alpn = {"http/1.1"};
    if (http2) alpn.insert(alpn.begin(), "h2");
    return sslutils::Wrap(*registry_, alpn, ticket_keys_);
  }

  // Who gets in at a door, and how: by the options' values at this moment.
  absl::StatusOr<backdoor::EntranceOptions> DoorEntrance(
      const std::vector<std::string>& alpn) const {
    absl::StatusOr<backdoor::RoleMap> roles = backdoor_options_.roles();
    if (!roles.ok()) return roles.status();
    backdoor::EntranceOptions entrance = {.roles = *std::move(roles)};
    if (!backdoor_options_.backdoor_use_ssl.Get()) return entrance;
    absl::StatusOr<std::shared_ptr<sslutils::ServerContext>> tls =
        sslutils::Wrap(*registry_, alpn);
    if (!tls.ok()) return tls.status();
    entrance.tls = *std::move(tls);
    return entrance;
  }

  // Where bergenctl finds the workers. Without it they have no gRPC door.
  void OpenRunDirectory() {
    if (options_.grpc_listen.has_value()) return;
    absl::StatusOr<std::string> directory =
        backdoor::MakeInstanceDirectory(backdoor::RunBase(), kService);
    if (directory.ok()) {
      run_directory_ = *std::move(directory);
    } else {
      log_->warn("no gRPC: {}", std::string(directory.status().message()));
    }
  }

  // Null, with a line in the log, when the worker has to do without, and null
  // when only the worker itself can open it.
  ListenerPtr OpenBackdoor(int worker) {
    if (!backdoor_address_ || backdoor::NeedsWorkerPid(*backdoor_address_)) {
      return nullptr;
    }
    return Opened(worker);
  }

  ListenerPtr BackdoorOf(int worker) {
    if (backdoors_[static_cast<size_t>(worker)] != nullptr) {
      return backdoors_[static_cast<size_t>(worker)];
    }
    if (!backdoor_address_ || !backdoor::NeedsWorkerPid(*backdoor_address_)) {
      return nullptr;
    }
    // A reload in one process: the services before this one still have it.
    ListenerPtr listener = own_backdoor_.lock();
    if (listener == nullptr) {
      listener = Opened(worker);
      own_backdoor_ = listener;
    }
    return listener;
  }

  // Null without a console.
  absl::StatusOr<ListenerPtr> OpenConsole(int worker) {
    if (!options_.console_listen.has_value() ||
        options_.console_listen.Get().empty()) {
      return nullptr;
    }
    absl::StatusOr<Listener> console =
        ListenDoor("console", options_.console_listen.Get(), worker,
                   door_options_.unix_mode, inherited_);
    if (!console.ok()) return console.status();
    if (!console->is_unix() && !backdoor::IsConsoleAddress(console->host())) {
      return absl::InvalidArgumentError(
          absl::StrCat("demo.console_listen: must be a unix socket or a "
                       "loopback address, got ",
                       console->address()));
    }
    return std::make_shared<Listener>(*std::move(console));
  }

  // Null without a gRPC door.
  absl::StatusOr<ListenerPtr> OpenGrpc(int worker) {
    absl::StatusOr<Listener> grpc = absl::NotFoundError("");
    if (!run_directory_.empty()) {
      grpc = Listener::ListenUnix(
          absl::StrCat("grpc.", worker),
          backdoor::WorkerSocket(run_directory_, worker), {.unix_mode = 0600});
    } else if (options_.grpc_listen.has_value() &&
               !options_.grpc_listen.Get().empty()) {
      grpc = ListenDoor("grpc", options_.grpc_listen.Get(), worker,
                        door_options_.unix_mode, inherited_);
    } else {
      return nullptr;
    }
    if (!grpc.ok()) return grpc.status();
    return std::make_shared<Listener>(*std::move(grpc));
  }

  ListenerPtr Opened(int worker) {
    const std::string name = absl::StrCat("backdoor.", worker);
    std::optional<Listener> inherited =
        inherited_.Take(name, [this, worker](const Listener& listener) {
          return Fits(listener, *backdoor_address_, door_options_.host, worker);
        });
    if (inherited.has_value()) {
      return std::make_shared<Listener>(*std::move(inherited));
    }
    absl::StatusOr<Listener> listener = backdoor::OpenBackdoorListener(
        *backdoor_address_, worker, door_options_, *log_);
    if (!listener.ok()) {
      log_->warn("worker {}: no backdoor: {}", worker,
                 std::string(listener.status().message()));
      return nullptr;
    }
    listener->set_name(name);
    return std::make_shared<Listener>(*std::move(listener));
  }

  absl::StatusOr<const backdoor::CommandTable*> Commands(int worker) {
    if (diagnostics_ == nullptr) {
      absl::StatusOr<std::unique_ptr<Diagnostics>> made =
          Diagnostics::Create(worker, getpid() == pid_ ? 0 : getppid(),
                              *launcher_, *registry_, *metrics_, *log_);
      if (!made.ok()) return made.status();
      diagnostics_ = *std::move(made);
    }
    return &diagnostics_->table();
  }

  const pid_t pid_ = getpid();  // Of the process that opens doors.
  config::Registry* registry_;
  DemoOptions options_;
  backdoor::Options backdoor_options_;
  periodic::Options periodic_;
  InheritedListeners inherited_;
  spdlog::logger* log_;
  launcher::Launcher* launcher_ = nullptr;
  periodic::RealClock clock_;
  periodic::SystemRandom random_;
  std::optional<Listener> http_;
  std::optional<wsgi::MetricsBoard> metrics_;
  std::string run_directory_;  // Empty: gRPC is elsewhere, or nowhere.
  // Shared by all workers, and by those that replace them.
  std::shared_ptr<sslutils::TicketKeys> ticket_keys_;
  std::optional<backdoor::Address> backdoor_address_;
  backdoor::BackdoorListenOptions door_options_;
  std::vector<ListenerPtr> backdoors_;  // By worker; null: none.
  std::vector<ListenerPtr> grpc_;       // By worker; null: none.
  std::vector<ListenerPtr> consoles_;   // By worker; null: none.
  // Of the process that runs services; `Build` calls come one at a time.
  std::weak_ptr<Listener> own_backdoor_;
  std::unique_ptr<Diagnostics> diagnostics_;
};

absl::StatusOr<int> Run(std::vector<std::string> arguments,
                        config::CommandLine command_line) {
  const Notifier notifier = Notifier::FromEnvironment();
  absl::StatusOr<InheritedListeners> inherited =
      InheritedListeners::FromEnvironment();
  if (!inherited.ok()) return inherited.status();
  config::Registry registry;
  const absl::StatusOr<DemoOptions> options = RegisterOpts(registry);
  if (!options.ok()) return options.status();
  const absl::StatusOr<launcher::Options> launcher_options =
      launcher::RegisterOpts(registry);
  if (!launcher_options.ok()) return launcher_options.status();
  const absl::StatusOr<backdoor::Options> backdoor_options =
      backdoor::RegisterOpts(registry);
  if (!backdoor_options.ok()) return backdoor_options.status();
  const absl::StatusOr<periodic::Options> periodic_options =
      periodic::RegisterOpts(registry);
  if (!periodic_options.ok()) return periodic_options.status();
  absl::Status registered = wsgi::RegisterOpts(registry);
  registered.Update(sslutils::RegisterOpts(registry));
  registered.Update(registry.SetDefault(config::kDefaultGroup, "backdoor_port",
                                        kBackdoorPorts));
  if (!registered.ok()) return registered;

  if (!FLAGS_workers.empty()) {
    command_line.flag_values.push_back({.flag = "--workers",
                                        .group = "demo",
                                        .name = "workers",
                                        .text = FLAGS_workers});
  }
  const absl::StatusOr<config::Report> report =
      registry.Load(config::MakeSources(command_line));
  if (!report.ok()) return report.status();
  const auto sink = std::make_shared<LogSink>(options->log_file.Get());
  if (absl::Status opened = sink->Open(); !opened.ok()) return opened;
  spdlog::logger log("demo", sink);
  log.set_pattern("%Y-%m-%d %H:%M:%S.%e %P %l %v");
  for (const std::string& warning : report->warnings) log.warn("{}", warning);
  if (options->debug.Get()) log.set_level(spdlog::level::debug);

  Demo demo(registry, *options, *backdoor_options, *periodic_options,
            *std::move(inherited), log);
  if (const absl::Status opened = demo.Open(); !opened.ok()) {
    return opened;
  }
  const absl::StatusOr<launcher::RestartMethod> restart_method =
      launcher::ParseRestartMethod(options->restart_method.Get());
  if (!restart_method.ok()) return restart_method.status();
  auto launcher = launcher::Launch(
      registry, log,
      [&demo](const launcher::WorkerInfo& worker, ServiceGroup& group) {
        return demo.Build(worker, group);
      },
      {.workers = static_cast<int>(options->workers.Get()),
       .restart_method = *restart_method,
       .reopen_logs = [sink] { return sink->Open(); },
       .log_stacks = [&demo] { demo.LogStacks(); },
       .listeners = {&demo.http()},
       .upgrade_command = std::move(arguments),
       .other_listeners = [&demo] { return demo.doors(); },
       .other_fds = demo.other_fds(),
       .before_fork =
           [&demo](const launcher::WorkerInfo& worker) {
             return demo.OpenDoors(worker.number);
           },
       .after_removal =
           [&demo](const launcher::WorkerInfo& worker) {
             demo.CloseDoors(worker.number);
           },
       .worker_count =
           [&options] { return static_cast<int>(options->workers.Get()); },
       .notifier = notifier,
       .on_phase =
           [&log](launcher::Phase phase) {
             log.info("phase: {}", std::string(launcher::PhaseName(phase)));
           }});
  if (!launcher.ok()) return launcher.status();
  demo.set_launcher(**launcher);
  demo.PrintWhere();
  return (*launcher)->Wait();
}

int Main(int argc, char** argv) {
  // As they were given, for the program that replaces this one.
  std::vector<std::string> arguments(argv, argv + argc);
  gflags::SetVersionString(kVersion);
  gflags::SetUsageMessage(
      "[--config_file=FILE]... [--config_dir=DIR]... [--set "
      "GROUP.NAME=VALUE]... [--workers=N]");
  absl::StatusOr<config::CommandLine> command_line =
      config::ParseCommandLine(&argc, &argv);
  return launcher::MainStatus(
      "demo", command_line.ok()
                  ? Run(std::move(arguments), *std::move(command_line))
                  : command_line.status());
}

}  // namespace
}  // namespace bergen::demo

int main(int argc, char** argv) { return bergen::demo::Main(argc, argv); }
