// SPDX-License-Identifier: Apache-2.0
//
// Lends an object to signal handlers, and takes it back for certain.
//
//   HandlerGate<SampleBuffer> gate;        // its address goes with the signal
//   gate.Open(&buffer);
//   // In the handler, with the gate's `entrance()` from the signal's value:
//   HandlerGate<SampleBuffer>::Enter(entrance, [](SampleBuffer& buffer) {...});
//   gate.Close();                          // no handler uses `buffer` any more
//
// A handler can be late: its thread has taken the signal but not yet begun to
// run it. So what a signal's value points to is never freed: each gate leaves
// one page behind.

#ifndef BACKDOOR_HANDLER_GATE_H_
#define BACKDOOR_HANDLER_GATE_H_

#include <sched.h>
#include <sys/mman.h>

#include <atomic>
#include <new>

namespace bergen::backdoor {

// `Open` and `Close` are called by one thread at a time.
template <typename T>
class HandlerGate {
 public:
  class Entrance {
   private:
    friend class HandlerGate;
    std::atomic<int> inside{0};
    std::atomic<T*> object{nullptr};
  };

  HandlerGate() {
    // Not from the heap, so that leak checkers do not mind.
    void* page = mmap(nullptr, sizeof(Entrance), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page != MAP_FAILED) entrance_ = new (page) Entrance();
  }
  HandlerGate(const HandlerGate&) = delete;
  HandlerGate& operator=(const HandlerGate&) = delete;
  ~HandlerGate() {
    if (entrance_ != nullptr) Close();
  }

  // False if there was no memory; then nothing else may be called.
  bool ok() const { return entrance_ != nullptr; }
  Entrance* entrance() const { return entrance_; }

  void Open(T* object) { entrance_->object.store(object); }

  // Returns once no handler is inside; later ones are turned away.
  void Close() {
    entrance_->object.store(nullptr);
    while (entrance_->inside.load() != 0) sched_yield();
  }

  // Async-signal-safe, as far as `use` is. Does nothing if the gate is closed.
  template <typename Use>
  static void Enter(Entrance* entrance, const Use& use) {
    entrance->inside.fetch_add(1);
    T* const object = entrance->object.load();
    if (object != nullptr) use(*object);
    entrance->inside.fetch_sub(1);
  }

 private:
  Entrance* entrance_ = nullptr;
};

}  // namespace bergen::backdoor

#endif  // BACKDOOR_HANDLER_GATE_H_
