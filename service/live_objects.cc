// SPDX-License-Identifier: Apache-2.0

#include "service/live_objects.h"

#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <mutex>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace bergen {

absl::Duration LiveObjects::CoarseMonotonic() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return absl::DurationFromTimespec(now);
}

std::vector<LiveTypeInfo> LiveObjects::List() const {
  std::vector<LiveTypeInfo> infos;
  const absl::MutexLock lock(&mutex_);
  for (const LiveTypeBase* type : types_) infos.push_back(type->Info());
  return infos;
}

absl::StatusOr<std::vector<LiveObjectInfo>> LiveObjects::Find(
    absl::string_view type, size_t limit) const {
  const absl::MutexLock lock(&mutex_);
  for (const LiveTypeBase* one : types_) {
    if (one->name() == type) return one->Oldest(limit);
  }
  if (types_.empty()) {
    return absl::NotFoundError("no type has opted in");
  }
  const auto name = [](std::string* out, const LiveTypeBase* one) {
    absl::StrAppend(out, one->name());
  };
  return absl::NotFoundError(absl::StrCat("no type '", type, "' among ",
                                          absl::StrJoin(types_, ", ", name)));
}

LiveNode::LiveNode(LiveTypeBase* type, const void* object)
    : type_(type), object_(object) {
  if (type_ != nullptr) type_->Add(*this);
}

LiveNode::~LiveNode() {
  if (type_ != nullptr) type_->Remove(*this);
}

LiveTypeBase::LiveTypeBase(LiveObjects& registry, absl::string_view name,
                           Describe describe)
    : registry_(&registry), name_(name), describe_(std::move(describe)) {
  const absl::MutexLock lock(&registry_->mutex_);
  registry_->types_.push_back(this);
}

LiveTypeBase::~LiveTypeBase() {
  {
    const absl::MutexLock lock(&registry_->mutex_);
    auto& types = registry_->types_;
    types.erase(std::find(types.begin(), types.end(), this));
  }
  const int64_t left = Info().count;
  if (left == 0) return;
  std::fprintf(stderr, "live type %s: destroyed before %lld of its objects\n",
               name_.c_str(), static_cast<long long>(left));
  std::abort();
}

LiveTypeBase::Shard& LiveTypeBase::ShardOf(const LiveNode& node) {
  // Neighbours on the heap, and the stacks of threads, differ in some bits; the
  // product mixes them all into the highest.
  const auto address = reinterpret_cast<uintptr_t>(&node);
  return shards_[(address * 0x9E3779B97F4A7C15u) >> (64 - kShardBits)];
}

void LiveTypeBase::Add(LiveNode& node) {
  Shard& shard = ShardOf(node);
  const std::lock_guard lock(shard.mutex);
  // Under the lock, so that the ring is in the order of time.
  node.begin_ = registry_->clock_();
  node.next_ = &shard.ring;
  node.previous_ = shard.ring.previous_;
  node.previous_->next_ = &node;
  shard.ring.previous_ = &node;
  ++shard.count;
  ++shard.made;
}

void LiveTypeBase::Remove(LiveNode& node) {
  Shard& shard = ShardOf(node);
  const std::lock_guard lock(shard.mutex);
  node.previous_->next_ = node.next_;
  node.next_->previous_ = node.previous_;
  --shard.count;
}

LiveTypeInfo LiveTypeBase::Info() const {
  LiveTypeInfo info{.name = name_};
  for (Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    info.count += shard.count;
    info.made += shard.made;
    if (shard.count == 0) continue;
    info.oldest_age = std::max(info.oldest_age,
                               registry_->clock_() - shard.ring.next_->begin_);
  }
  return info;
}

std::vector<LiveObjectInfo> LiveTypeBase::Oldest(size_t limit) const {
  std::vector<LiveObjectInfo> all;
  for (Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    const absl::Duration now = registry_->clock_();
    size_t left = limit;
    for (const LiveNode* node = shard.ring.next_;
         node != &shard.ring && left > 0; node = node->next_, --left) {
      all.push_back({.address = node->object_,
                     .age = now - node->begin_,
                     .text = describe_(node->object_)});
    }
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const LiveObjectInfo& a, const LiveObjectInfo& b) {
                     return a.age > b.age;
                   });
  if (all.size() > limit) all.resize(limit);
  return all;
}

}  // namespace bergen
