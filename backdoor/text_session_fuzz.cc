// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "backdoor/text_session.h"

namespace bergen::backdoor {
namespace {

constexpr size_t kMaxLine = 16;

void Require(bool condition) {
  if (!condition) std::abort();
}

// Each input byte pair is an event: what happens, and with how much of the
// rest.
void Converse(absl::string_view input) {
  absl::Time now = absl::UnixEpoch();
  TextSession session({.banner = "b\n", .max_line_length = kMaxLine}, now);
  bool running = false;
  size_t waiting = 0;  // Bytes handed over while the session wanted them.
  while (input.size() >= 2) {
    const int event = input[0] & 7;
    const size_t amount = static_cast<unsigned char>(input[1]);
    input.remove_prefix(2);
    switch (event) {
      case 0:
      case 1:
      case 2:
        if (session.wants_input()) {
          waiting += amount;
          session.OnInput(input.substr(0, amount), now);
          input = input.substr(std::min(amount, input.size()));
        }
        break;
      case 3:
        now += absl::Milliseconds(amount * 20);
        session.OnTime(now);
        break;
      case 4:
        session.OnEndOfInput(amount % 2 == 0 ? TextSession::End::kOrderly
                                             : TextSession::End::kCut,
                             now);
        break;
      case 5:
        if (running) session.OnResult(absl::OkStatus(), amount % 2, now);
        running = false;
        break;
      case 6:
        session.OnStop();
        break;
      default:
        break;
    }
    if (std::optional<std::string> line = session.TakeCommand()) {
      Require(!running && line->size() <= kMaxLine);
      Require(line->find('\n') == std::string::npos);
      running = true;
    }
    Require(!(session.finished() && running));
    session.TakeOutput();
  }
  // Whatever came before, an end leads to an end.
  session.OnEndOfInput(TextSession::End::kOrderly, now);
  for (size_t i = 0; !session.finished(); ++i) {
    Require(i <= waiting + 2);
    if (running || session.TakeCommand().has_value()) {
      session.OnResult(absl::OkStatus(), false, now);
      running = false;
    }
  }
}

}  // namespace
}  // namespace bergen::backdoor

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bergen::backdoor::Converse(
      absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
