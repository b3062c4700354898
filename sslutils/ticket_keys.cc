// SPDX-License-Identifier: Apache-2.0

#include "sslutils/ticket_keys.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace bergen::sslutils {
namespace {

constexpr uint64_t kMagic = 0x42677254696b3031;  // Changes with the layout.
// One makes tickets, the others open those that are still about.
constexpr size_t kSlots = 4;
constexpr size_t kWords = sizeof(TicketKey) / sizeof(uint64_t);
static_assert(sizeof(TicketKey) == kWords * sizeof(uint64_t));

void FillRandom(void* data, size_t size) {
  char* next = static_cast<char*>(data);
  while (size > 0) {
    const ssize_t got = getrandom(next, size, 0);
    if (got > 0) {
      next += got;
      size -= static_cast<size_t>(got);
    } else if (errno != EINTR) {
      abort();  // A key that can be guessed is worse than none.
    }
  }
}

}  // namespace

// What lies in the shared memory; zeros to begin with.
struct TicketKeys::Shared {
  struct Slot {
    // Twice the number of the key plus 1 while it is written, plus 2 once it
    // is complete. 0: no key.
    std::atomic<uint64_t> state;
    std::atomic<int64_t> made;  // Nanoseconds of the wall clock.
    std::atomic<uint64_t> words[kWords];
  };
  std::atomic<uint64_t> magic;
  std::atomic<uint64_t> current;  // Number of the newest complete key; from 1.
  Slot slots[kSlots];             // Key N is in slot N % kSlots.
};

absl::StatusOr<std::shared_ptr<TicketKeys>> TicketKeys::Create(
    const TicketKeysOptions& options) {
  constexpr char kWhat[] = "ticket keys";
  UniqueFd fd(
      memfd_create("bergen-ticket-keys", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd.ok()) return absl::ErrnoToStatus(errno, "ticket keys: memfd_create");
  absl::StatusOr<std::shared_ptr<TicketKeys>> keys =
      Map(std::move(fd), kWhat, options);
  if (!keys.ok()) return keys.status();
  // Nobody to whom it is passed on can cut it short under those who read it.
  if (fcntl((*keys)->fd(), F_ADD_SEALS,
            F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return absl::ErrnoToStatus(errno, kWhat);
  }
  return keys;
}

absl::StatusOr<std::shared_ptr<TicketKeys>> TicketKeys::FromFd(
    UniqueFd fd, const TicketKeysOptions& options) {
  const std::string what = absl::StrCat("ticket keys: descriptor ", fd.get());
  struct stat status = {};
  if (fstat(fd.get(), &status) != 0) return absl::ErrnoToStatus(errno, what);
  if (status.st_size == 0) {
    return absl::InvalidArgumentError(absl::StrCat(what, " holds no keys"));
  }
  fcntl(fd.get(), F_SETFD, FD_CLOEXEC);
  return Map(std::move(fd), what, options);
}

absl::StatusOr<std::shared_ptr<TicketKeys>> TicketKeys::OpenFile(
    const std::string& path, const TicketKeysOptions& options) {
  const std::string what = absl::StrCat("ticket keys: \"", path, "\"");
  UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
                   S_IRUSR | S_IWUSR));
  if (!fd.ok()) return absl::ErrnoToStatus(errno, what);
  struct stat status = {};
  if (fstat(fd.get(), &status) != 0) return absl::ErrnoToStatus(errno, what);
  if (!S_ISREG(status.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(what, " is no plain file"));
  }
  if (status.st_uid != geteuid() || (status.st_mode & 077) != 0) {
    return absl::PermissionDeniedError(
        absl::StrCat(what, " must belong to this user alone, with mode 0600"));
  }
  return Map(std::move(fd), what, options);
}

absl::StatusOr<std::shared_ptr<TicketKeys>> TicketKeys::Map(
    UniqueFd fd, absl::string_view what, const TicketKeysOptions& options) {
  if (options.rotation < absl::Seconds(1)) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": rotation must be at least 1s, got ",
                     absl::FormatDuration(options.rotation)));
  }
  // One process at a time makes the first key. The lock goes with the
  // descriptor, so a process that is killed does not keep it.
  if (flock(fd.get(), LOCK_EX) != 0) return absl::ErrnoToStatus(errno, what);
  struct stat status = {};
  if (fstat(fd.get(), &status) != 0) return absl::ErrnoToStatus(errno, what);
  const bool fresh = status.st_size == 0;
  if (fresh && ftruncate(fd.get(), sizeof(Shared)) != 0) {
    return absl::ErrnoToStatus(errno, what);
  }
  if (!fresh && status.st_size != sizeof(Shared)) {
    return absl::InvalidArgumentError(absl::StrCat(what, " holds no keys"));
  }
  void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
                      MAP_SHARED, fd.get(), 0);
  if (memory == MAP_FAILED) return absl::ErrnoToStatus(errno, what);
  // Not into a core dump; best effort.
  madvise(memory, sizeof(Shared), MADV_DONTDUMP);
  auto keys = std::shared_ptr<TicketKeys>(new TicketKeys(
      std::move(fd), static_cast<Shared*>(memory), options.rotation));
  Shared& shared = *keys->shared_;
  if (fresh || shared.magic.load() == 0) {
    keys->Rotate(1, absl::Now());
    shared.magic.store(kMagic);
  }
  flock(keys->fd_.get(), LOCK_UN);
  if (shared.magic.load() != kMagic) {
    return absl::InvalidArgumentError(absl::StrCat(what, " holds no keys"));
  }
  return keys;
}

TicketKeys::TicketKeys(UniqueFd fd, Shared* shared, absl::Duration rotation)
    : fd_(std::move(fd)), shared_(shared), rotation_(rotation) {}

TicketKeys::~TicketKeys() { munmap(shared_, sizeof(Shared)); }

std::optional<TicketKey> TicketKeys::Read(size_t slot, absl::Time& made) const {
  const Shared::Slot& from = shared_->slots[slot];
  const uint64_t state = from.state.load(std::memory_order_acquire);
  if (state < 2 || state % 2 != 0) return std::nullopt;
  uint64_t words[kWords];
  for (size_t i = 0; i < kWords; ++i) {
    words[i] = from.words[i].load(std::memory_order_acquire);
  }
  made = absl::FromUnixNanos(from.made.load(std::memory_order_acquire));
  if (from.state.load(std::memory_order_relaxed) != state) return std::nullopt;
  TicketKey key;
  memcpy(&key, words, sizeof(key));
  return key;
}

void TicketKeys::Rotate(uint64_t number, absl::Time now) {
  Shared::Slot& slot = shared_->slots[number % kSlots];
  uint64_t state = slot.state.load(std::memory_order_relaxed);
  // Somebody else makes it, or has.
  if (state > number * 2 ||
      !slot.state.compare_exchange_strong(state, number * 2 + 1)) {
    return;
  }
  uint64_t words[kWords];
  FillRandom(words, sizeof(words));
  for (size_t i = 0; i < kWords; ++i) {
    slot.words[i].store(words[i], std::memory_order_release);
  }
  slot.made.store(absl::ToUnixNanos(now), std::memory_order_release);
  uint64_t writing = number * 2 + 1;
  // Fails if this took so long that a later key took the slot.
  if (!slot.state.compare_exchange_strong(writing, number * 2 + 2)) return;
  uint64_t current = shared_->current.load();
  while (current < number &&
         !shared_->current.compare_exchange_weak(current, number)) {
  }
}

TicketKey TicketKeys::Current(absl::Time now) {
  for (;;) {
    const uint64_t number = shared_->current.load(std::memory_order_acquire);
    absl::Time made;
    const std::optional<TicketKey> key = Read(number % kSlots, made);
    if (!key.has_value()) {
      // Overwritten meanwhile: there is a newer one, unless its maker was
      // killed.
      if (shared_->current.load(std::memory_order_acquire) == number) {
        Rotate(number + 1, now);
      }
      continue;
    }
    const absl::Duration age = now - made;
    if (age < rotation_ && age > -rotation_) return *key;
    // If whoever began to make the next one was killed, the one after that is
    // due when as much time has passed again. A clock that was set back counts
    // as one rotation.
    int64_t steps = std::max<int64_t>(1, age / rotation_);
    if (steps % kSlots == 0) ++steps;  // Never over the key in use.
    Rotate(number + static_cast<uint64_t>(steps), now);
    if (shared_->current.load(std::memory_order_acquire) == number) return *key;
  }
}

std::optional<TicketKey> TicketKeys::Find(absl::string_view name,
                                          absl::Time now) const {
  for (size_t slot = 0; slot < kSlots; ++slot) {
    absl::Time made;
    const std::optional<TicketKey> key = Read(slot, made);
    if (!key.has_value() || name.size() != key->name.size() ||
        memcmp(key->name.data(), name.data(), name.size()) != 0) {
      continue;
    }
    if (now - made >= kSlots * rotation_) return std::nullopt;
    return key;
  }
  return std::nullopt;
}

}  // namespace bergen::sslutils
