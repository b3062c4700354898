// SPDX-License-Identifier: Apache-2.0
//
// Which one of many processes does what only one may do at a time.
//
//   if (const std::optional<Term> term = leadership.Lead()) {
//     storage.Write(rows, term->fencing_token);
//   }

#ifndef PERIODIC_LEADERSHIP_H_
#define PERIODIC_LEADERSHIP_H_

#include <cstdint>
#include <optional>
#include <stop_token>

namespace bergen::periodic {

// The time from when a process begins to lead to when it no longer does.
struct Term {
  // Greater than that of every term before, of whichever process. Whoever is
  // asked to do something for a term refuses one with a smaller token than the
  // greatest it has seen: a process may have been paused for longer than its
  // term, and not know yet.
  int64_t fencing_token = 0;
  // Requested before the term ends. Work that goes on after that is not the
  // only one of its kind.
  std::stop_token ends;
};

// Thread-safe.
class Leadership {
 public:
  virtual ~Leadership() = default;

  // The term, if this process leads, or can at once. Does not block for others.
  virtual std::optional<Term> Lead() = 0;
};

}  // namespace bergen::periodic

#endif  // PERIODIC_LEADERSHIP_H_
