// SPDX-License-Identifier: Apache-2.0
//
// An answer that a test reads.

#ifndef BACKDOOR_STRING_OUTPUT_FOR_TEST_H_
#define BACKDOOR_STRING_OUTPUT_FOR_TEST_H_

#include <atomic>
#include <string>

#include "absl/strings/string_view.h"
#include "backdoor/command.h"

namespace bergen::backdoor {

class StringOutput : public Output {
 public:
  bool Write(absl::string_view text) override {
    text_ += std::string(text);
    return true;
  }
  bool cancelled() const override { return cancelled_; }

  const std::string& text() const { return text_; }
  // Thread-safe.
  void Cancel() { cancelled_ = true; }

 private:
  std::atomic<bool> cancelled_ = false;
  std::string text_;
};

}  // namespace bergen::backdoor

#endif  // BACKDOOR_STRING_OUTPUT_FOR_TEST_H_
