// SPDX-License-Identifier: Apache-2.0
//
// Memory for 100,000 of something costs more to get than to fill if the kernel
// is asked for it page by page, as happens when it is first written to.

#ifndef CONFIG_PREFAULT_H_
#define CONFIG_PREFAULT_H_

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

namespace bergen::config {

// Has the kernel give the pages of `size` bytes at once, which are about to be
// written to and may have any content. Only a matter of speed: a kernel that
// cannot do it (before Linux 5.14) does not.
inline void Prefault(void* data, size_t size) {
  constexpr size_t kWorthwhile = 32768;
  constexpr uintptr_t kHugePage = uintptr_t{1} << 21;
#ifdef MADV_POPULATE_WRITE
  constexpr int kPopulateWrite = MADV_POPULATE_WRITE;
#else
  constexpr int kPopulateWrite = 23;
#endif
  if (size < kWorthwhile) return;
  const auto advise = [&](uintptr_t page, int advice) {
    const auto begin = reinterpret_cast<uintptr_t>(data);
    const uintptr_t first = (begin + page - 1) & ~(page - 1);
    const uintptr_t end = (begin + size) & ~(page - 1);
    if (first >= end) return;
    madvise(reinterpret_cast<void*>(first), end - first, advice);
  };
  advise(kHugePage, MADV_HUGEPAGE);
  advise(static_cast<uintptr_t>(sysconf(_SC_PAGESIZE)), kPopulateWrite);
}

// `vector.resize(size)`, where that makes it grow much.
template <typename Vector>
void Resize(Vector& vector, size_t size) {
  vector.reserve(size);
  if (size > vector.size()) {
    Prefault(vector.data() + vector.size(),
             (size - vector.size()) * sizeof(vector[0]));
  }
  vector.resize(size);
}

}  // namespace bergen::config

#endif  // CONFIG_PREFAULT_H_
