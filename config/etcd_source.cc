// SPDX-License-Identifier: Apache-2.0

#include "config/etcd_source.h"

#include <pthread.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/random/random.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "config/etcd_key.h"
#include "grpcpp/grpcpp.h"
#include "third_party/etcd/kv.pb.h"
#include "third_party/etcd/rpc.grpc.pb.h"
#include "third_party/etcd/rpc.pb.h"

namespace bergen::config {
namespace internal {
namespace {

// A protobuf string as Abseil sees it, and the other way round.
absl::string_view View(const std::string& text) { return text; }

absl::Status CheckOptions(const EtcdOptions& options) {
  if (options.target.empty()) {
    return absl::InvalidArgumentError("etcd: the target must have a name");
  }
  if (options.prefix.empty() || absl::EndsWith(options.prefix, "/")) {
    return absl::InvalidArgumentError(
        absl::StrCat("etcd ", options.target, ": prefix ", options.prefix,
                     ": must not be empty nor end in a slash"));
  }
  for (const absl::Duration duration :
       {options.timeout, options.min_retry, options.watch_lifetime}) {
    if (duration <= absl::ZeroDuration()) {
      return absl::InvalidArgumentError(
          absl::StrCat("etcd ", options.target,
                       ": timeout, retry and lifetime must be positive"));
    }
  }
  if (options.max_retry < options.min_retry) {
    return absl::InvalidArgumentError(absl::StrCat(
        "etcd ", options.target, ": max_retry must be at least min_retry"));
  }
  return absl::OkStatus();
}

}  // namespace

// What is known of the store when it was read last.
struct EtcdReading {
  int64_t count = 0;  // Of all reads.
  uint64_t cluster = 0;
  int64_t revision = 0;
};

// What a source and its watch have in common. Thread-safe.
class EtcdStore {
 public:
  EtcdStore(std::shared_ptr<grpc::Channel> channel, EtcdOptions options)
      : options_(std::move(options)),
        place_(absl::StrCat("etcd ", options_.target)),
        channel_(std::move(channel)),
        kv_(etcdserverpb::KV::NewStub(channel_)),
        watch_(etcdserverpb::Watch::NewStub(channel_)) {}

  const EtcdOptions& options() const { return options_; }
  etcdserverpb::KV::Stub& kv() const { return *kv_; }
  etcdserverpb::Watch::Stub& watch() const { return *watch_; }

  absl::Status ToStatus(const grpc::Status& status) const {
    // The codes are the same numbers in both; a message is one line.
    return absl::Status(
        static_cast<absl::StatusCode>(status.error_code()),
        absl::StrCat(place_, ": ",
                     absl::StrReplaceAll(status.error_message(),
                                         {{"\n", " "}, {"\r", " "}})));
  }
  absl::Status Unavailable(absl::string_view problem) const {
    return absl::UnavailableError(absl::StrCat(place_, ": ", problem));
  }
  std::string Place() const {
    return absl::StrCat(place_, " ", options_.prefix);
  }

  EtcdReading reading() const {
    absl::MutexLock lock(&mutex_);
    return reading_;
  }
  void SetReading(const etcdserverpb::ResponseHeader& header) {
    absl::MutexLock lock(&mutex_);
    ++reading_.count;
    reading_.cluster = header.cluster_id();
    reading_.revision = header.revision();
  }

  // From now on the calls of this thread end when `StopWatch` is called.
  void EnterWatchThread() {
    absl::MutexLock lock(&mutex_);
    watch_thread_ = std::this_thread::get_id();
  }
  void AllowWatch() {
    absl::MutexLock lock(&mutex_);
    stopped_ = false;
  }
  void StopWatch() {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
    for (grpc::ClientContext* const call : calls_) call->TryCancel();
  }
  bool stopped() const {
    absl::MutexLock lock(&mutex_);
    return stopped_;
  }
  // Whether there is a reading after the one counted `count`. Waits for it,
  // unless the watch is stopped.
  bool AwaitReading(int64_t count, absl::Duration duration) const {
    absl::MutexLock lock(&mutex_);
    const auto is_over = [this, count]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return stopped_ || reading_.count != count;
    };
    mutex_.AwaitWithTimeout(absl::Condition(&is_over), duration);
    return reading_.count != count;
  }
  // Returns early if the watch is stopped.
  void WaitFor(absl::Duration duration) const {
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&stopped_), duration);
  }

  // A call, while it lasts; of one thread the last ends first. Those of the
  // watch's thread are cancelled by `StopWatch`, even if that was earlier.
  class Call {
   public:
    Call(EtcdStore& store, grpc::ClientContext& context) : store_(&store) {
      absl::MutexLock lock(&store_->mutex_);
      if (store_->watch_thread_ != std::this_thread::get_id()) return;
      store_->calls_.push_back(&context);
      is_known_ = true;
      if (store_->stopped_) context.TryCancel();
    }
    ~Call() {
      if (!is_known_) return;
      absl::MutexLock lock(&store_->mutex_);
      store_->calls_.pop_back();
    }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    EtcdStore* const store_;
    bool is_known_ = false;
  };

 private:
  const EtcdOptions options_;
  const std::string place_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<etcdserverpb::KV::Stub> kv_;
  const std::unique_ptr<etcdserverpb::Watch::Stub> watch_;

  mutable absl::Mutex mutex_;
  EtcdReading reading_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread::id watch_thread_ ABSL_GUARDED_BY(mutex_);
  // Of the watch's thread: the watch, and a read during it.
  std::vector<grpc::ClientContext*> calls_ ABSL_GUARDED_BY(mutex_);
};

namespace {

// One stream of changes. Each function returns by its deadline; afterwards the
// stream is of no use.
class WatchStream {
 public:
  explicit WatchStream(EtcdStore& store)
      : store_(&store), call_(store, context_) {
    // A server that is not there yet is waited for, up to the deadline.
    context_.set_wait_for_ready(true);
  }

  ~WatchStream() {
    if (stream_ && !finished_) {
      context_.TryCancel();
      Finish().IgnoreError();
    }
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
  }

  WatchStream(const WatchStream&) = delete;
  WatchStream& operator=(const WatchStream&) = delete;

  bool Open(const etcdserverpb::WatchRequest& request, absl::Time deadline) {
    stream_ = store_->watch().AsyncWatch(&context_, &queue_, this);
    if (!Await(deadline)) return false;
    stream_->Write(request, this);
    return Await(deadline);
  }

  bool Read(etcdserverpb::WatchResponse& response, absl::Time deadline) {
    stream_->Read(&response, this);
    return Await(deadline);
  }

  bool timed_out() const { return timed_out_; }

  // Why a function above has failed.
  absl::Status Finish() {
    finished_ = true;
    grpc::Status status;
    stream_->Finish(&status, this);
    void* tag = nullptr;
    bool ok = false;
    queue_.Next(&tag, &ok);
    if (timed_out_) return store_->Unavailable("no answer in time");
    if (status.ok()) return store_->Unavailable("the server ended the watch");
    return store_->ToStatus(status);
  }

 private:
  // Waits for the one operation that was begun.
  bool Await(absl::Time deadline) {
    void* tag = nullptr;
    bool ok = false;
    switch (queue_.AsyncNext(&tag, &ok, absl::ToChronoTime(deadline))) {
      case grpc::CompletionQueue::GOT_EVENT:
        return ok;
      case grpc::CompletionQueue::TIMEOUT:
        timed_out_ = true;
        context_.TryCancel();
        queue_.Next(&tag, &ok);
        return false;
      case grpc::CompletionQueue::SHUTDOWN:
        return false;
    }
    return false;
  }

  EtcdStore* const store_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<etcdserverpb::WatchRequest,
                                                etcdserverpb::WatchResponse>>
      stream_;
  bool timed_out_ = false;
  bool finished_ = false;
  const EtcdStore::Call call_;  // Ends before the context does.
};

}  // namespace
}  // namespace internal

absl::StatusOr<std::unique_ptr<EtcdSource>> EtcdSource::Create(
    std::shared_ptr<grpc::Channel> channel, EtcdOptions options) {
  absl::Status status = internal::CheckOptions(options);
  if (!status.ok()) return status;
  auto store = std::make_shared<internal::EtcdStore>(std::move(channel),
                                                     std::move(options));
  return std::unique_ptr<EtcdSource>(new EtcdSource(std::move(store)));
}

EtcdSource::EtcdSource(std::shared_ptr<internal::EtcdStore> store)
    : store_(std::move(store)) {}

EtcdSource::~EtcdSource() = default;

absl::StatusOr<std::vector<Document>> EtcdSource::ReadAll() {
  const EtcdOptions& options = store_->options();
  EtcdRange range = RangeOfPrefix(options.prefix);
  etcdserverpb::RangeRequest request;
  request.set_key(std::move(range.first));
  request.set_range_end(std::move(range.end));
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + options.timeout));
  etcdserverpb::RangeResponse response;
  grpc::Status status;
  {
    const internal::EtcdStore::Call call(*store_, context);
    status = store_->kv().Range(&context, request, &response);
  }
  if (!status.ok()) return store_->ToStatus(status);

  // One place for all keys, as for the lines of a file: an option's current
  // name beats its deprecated ones.
  std::vector<Document> documents;
  Document& document = documents.emplace_back(store_->Place());
  document.Reserve(response.kvs_size());
  for (const mvccpb::KeyValue& entry : response.kvs()) {
    const std::optional<EtcdKey> key =
        ParseEtcdKey(options.prefix, internal::View(entry.key()));
    if (key) document.AddCopy(key->group, key->name, entry.value());
  }
  store_->SetReading(response.header());
  return documents;
}

EtcdWatch::EtcdWatch(const EtcdSource& source, std::function<void()> on_change,
                     std::function<void(const absl::Status&)> on_status)
    : store_(source.store_),
      on_change_(std::move(on_change)),
      on_status_(std::move(on_status)) {}

EtcdWatch::~EtcdWatch() { Stop(); }

absl::Status EtcdWatch::Start() {
  if (thread_.joinable()) return absl::OkStatus();
  store_->AllowWatch();
  told_ = absl::UnknownError("");  // So that the first status is told.
  must_read_ = false;
  try {
    thread_ = std::thread([this] { Run(); });
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(
        absl::StrCat("etcd: cannot create a thread: ", error.what()));
  }
  return absl::OkStatus();
}

void EtcdWatch::Stop() {
  if (!thread_.joinable()) return;
  store_->StopWatch();
  thread_.join();
}

void EtcdWatch::Run() {
  pthread_setname_np(pthread_self(), "config-etcd");
  store_->EnterWatchThread();
  const EtcdOptions& options = store_->options();
  absl::BitGen random;
  retry_ = options.min_retry;
  while (!store_->stopped()) {
    const absl::Status status = WatchOnce();
    if (status.ok()) continue;
    Tell(status);
    // Not all programs at the same moment.
    store_->WaitFor(retry_ * absl::Uniform(random, 0.5, 1.0));
    retry_ = std::min(2 * retry_, options.max_retry);
  }
}

// Opens a watch and follows it until it fails or its time is over, which is OK.
absl::Status EtcdWatch::WatchOnce() {
  if (must_read_ || store_->reading().count == 0) {
    if (!HaveItRead()) return store_->Unavailable("the options were not read");
    must_read_ = false;
  }
  const internal::EtcdReading reading = store_->reading();
  const EtcdOptions& options = store_->options();
  EtcdRange range = RangeOfPrefix(options.prefix);
  etcdserverpb::WatchRequest request;
  etcdserverpb::WatchCreateRequest& create = *request.mutable_create_request();
  create.set_key(std::move(range.first));
  create.set_range_end(std::move(range.end));
  create.set_start_revision(reading.revision + 1);

  internal::WatchStream stream(*store_);
  const absl::Time open_by = absl::Now() + options.timeout;
  etcdserverpb::WatchResponse response;
  if (!stream.Open(request, open_by) || !stream.Read(response, open_by)) {
    return stream.Finish();
  }
  // Another cluster, or an older state of this one, has other changes behind
  // the same numbers.
  if (response.header().cluster_id() != reading.cluster ||
      response.header().revision() < reading.revision) {
    must_read_ = true;
    return store_->Unavailable("this is not what was read");
  }
  const absl::Time until = absl::Now() + options.watch_lifetime;
  while (!response.canceled()) {
    if (response.created()) {
      Tell(absl::OkStatus());
      retry_ = options.min_retry;
    }
    int64_t newest = 0;
    for (const mvccpb::Event& event : response.events()) {
      newest = std::max(newest, event.kv().mod_revision());
    }
    // What was read meanwhile is no news.
    if (newest > store_->reading().revision && !HaveItRead()) {
      return store_->Unavailable("the options were not read");
    }
    if (!stream.Read(response, until)) {
      if (stream.timed_out()) return absl::OkStatus();
      const absl::Status status = stream.Finish();
      // More changes at once than the channel takes: not again.
      must_read_ = absl::IsResourceExhausted(status);
      return status;
    }
  }
  // Usually because the changes since the read are forgotten (compaction).
  must_read_ = true;
  return store_->Unavailable(
      response.compact_revision() > 0
          ? absl::StrCat("changes before revision ",
                         response.compact_revision(), " are forgotten")
          : absl::StrCat("the server cancelled the watch: ",
                         response.cancel_reason()));
}

// Whether somebody has read the source since.
bool EtcdWatch::HaveItRead() {
  if (store_->stopped()) return false;
  const int64_t count = store_->reading().count;
  on_change_();
  return store_->AwaitReading(count,
                              std::min(retry_, store_->options().timeout));
}

void EtcdWatch::Tell(const absl::Status& status) {
  if (status == told_ || !on_status_ || store_->stopped()) return;
  told_ = status;
  on_status_(status);
}

}  // namespace bergen::config
