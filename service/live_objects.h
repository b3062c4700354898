// SPDX-License-Identifier: Apache-2.0
//
// Which objects of a type there are at this moment: how many, how old, and a
// few of them in words. Only types that opt in are seen.
//
//   LiveObjects objects;
//   LiveType<Request> requests(objects, "Request",
//                              [](const Request& r) { return r.path(); });
//   class Request {
//    public:
//     Request(std::string path, LiveType<Request>* type)
//         : path_(std::move(path)), live_(type, this) {}
//    private:
//     const std::string path_;
//     LiveObject<Request> live_;  // The last member.
//   };
//   for (const LiveTypeInfo& type : objects.List()) Print(type);
//
// Source: `fo` of oslo.service's eventlet_backdoor, which asks the garbage
// collector.

#ifndef SERVICE_LIVE_OBJECTS_H_
#define SERVICE_LIVE_OBJECTS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace bergen {

struct LiveTypeInfo {
  std::string name;
  int64_t count = 0;          // Alive.
  int64_t made = 0;           // Since the type opted in.
  absl::Duration oldest_age;  // Zero if there is none.
};

struct LiveObjectInfo {
  const void* address = nullptr;  // May be gone, or another object's, by now.
  absl::Duration age;
  std::string text;
};

class LiveTypeBase;

// The types that have opted in. Thread-safe; outlives its types.
class LiveObjects {
 public:
  using Clock = absl::Duration (*)();

  // To within a few milliseconds, and in a few nanoseconds.
  static absl::Duration CoarseMonotonic();

  // `clock` never goes back.
  explicit LiveObjects(Clock clock = CoarseMonotonic) : clock_(clock) {}
  LiveObjects(const LiveObjects&) = delete;
  LiveObjects& operator=(const LiveObjects&) = delete;

  // In the order in which they opted in.
  std::vector<LiveTypeInfo> List() const;

  // Up to `limit` objects of the type, the oldest first. NotFound, with the
  // names that there are. While it looks, objects of the type can be neither
  // made nor destroyed.
  absl::StatusOr<std::vector<LiveObjectInfo>> Find(absl::string_view type,
                                                   size_t limit) const;

 private:
  friend class LiveTypeBase;

  const Clock clock_;
  mutable absl::Mutex mutex_;  // Locked before those of shards.
  std::vector<const LiveTypeBase*> types_ ABSL_GUARDED_BY(mutex_);
};

// A link in the list of the objects of a type.
class LiveNode {
 protected:
  LiveNode(LiveTypeBase* type, const void* object);
  LiveNode(const LiveNode&) = delete;
  LiveNode& operator=(const LiveNode&) = delete;
  ~LiveNode();

 private:
  friend class LiveTypeBase;
  friend class LiveObjects;

  LiveTypeBase* const type_;  // Null: in no list.
  const void* const object_;
  absl::Duration begin_;
  // Of the shard's ring, under its lock.
  LiveNode* previous_ = this;
  LiveNode* next_ = this;
};

// What types have in common. Thread-safe.
class LiveTypeBase {
 public:
  const std::string& name() const { return name_; }

 protected:
  using Describe = std::function<std::string(const void*)>;

  LiveTypeBase(LiveObjects& registry, absl::string_view name,
               Describe describe);
  // Aborts if an object is left.
  ~LiveTypeBase();
  LiveTypeBase(const LiveTypeBase&) = delete;
  LiveTypeBase& operator=(const LiveTypeBase&) = delete;

 private:
  friend class LiveNode;
  friend class LiveObjects;

  // So that threads seldom wait for each other; by the object's address.
  static constexpr size_t kShardBits = 4;
  static constexpr size_t kShards = size_t{1} << kShardBits;
  struct Anchor : LiveNode {
    Anchor() : LiveNode(nullptr, nullptr) {}
  };
  // A mutex that is cheap as long as nobody looks at the objects, which is
  // nearly always. Used through std::lock_guard.
  class SpinLock {
   public:
    void lock() {
      while (taken_.test_and_set(std::memory_order_acquire)) {
        std::this_thread::yield();
      }
    }
    void unlock() { taken_.clear(std::memory_order_release); }

   private:
    std::atomic_flag taken_;
  };
  struct Shard {
    SpinLock mutex;  // Of the rest.
    Anchor ring;     // The oldest comes next.
    int64_t count = 0;
    int64_t made = 0;
    // No two share what processors pass to each other.
    std::array<char, 64> gap = {};
  };

  Shard& ShardOf(const LiveNode& node);
  void Add(LiveNode& node);
  void Remove(LiveNode& node);
  LiveTypeInfo Info() const;
  std::vector<LiveObjectInfo> Oldest(size_t limit) const;

  LiveObjects* const registry_;
  const std::string name_;
  const Describe describe_;
  mutable std::array<Shard, kShards> shards_;
};

// A type that has opted in; its name need not be unique, but `Find` then sees
// the first only. Outlives its objects.
template <typename T>
class LiveType : public LiveTypeBase {
 public:
  // `describe` is called on another thread than the one that uses the object,
  // so it may read what does not change or is thread-safe. It must neither make
  // nor destroy objects of the type.
  LiveType(LiveObjects& registry, absl::string_view name,
           std::function<std::string(const T&)> describe)
      : LiveTypeBase(registry, name,
                     [describe = std::move(describe)](const void* object) {
                       return describe(*static_cast<const T*>(object));
                     }) {}
};

// The member that makes an object seen from its own construction to its own
// destruction; as the last member, all others are there while it is.
template <typename T>
class LiveObject : private LiveNode {
 public:
  // Null: not seen.
  LiveObject(LiveType<T>* type, const T* object) : LiveNode(type, object) {}
};

}  // namespace bergen

#endif  // SERVICE_LIVE_OBJECTS_H_
