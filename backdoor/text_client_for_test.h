// SPDX-License-Identifier: Apache-2.0
//
// A client of the text door, for tests.
//
//   TextClientForTest client(listener);
//   client.Send("help()\n");
//   EXPECT_THAT(client.ReadAll(), HasSubstr("prof"));

#ifndef BACKDOOR_TEXT_CLIENT_FOR_TEST_H_
#define BACKDOOR_TEXT_CLIENT_FOR_TEST_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "service/listener.h"
#include "service/unique_fd.h"

namespace bergen::backdoor {

// Waits at most half a minute for anything, as a safety net. Not thread-safe.
class TextClientForTest {
 public:
  // Connects; aborts if that fails.
  explicit TextClientForTest(const Listener& listener);
  // On a connection that is there, such as a `TlsDialer`'s.
  explicit TextClientForTest(UniqueFd fd);

  void Send(absl::string_view text);
  // Half-closes: the server reads the end of the input.
  void EndInput();
  // Reads up to and including `end`; or all, if it does not come.
  std::string ReadUntil(absl::string_view end);
  // Reads until the server closes.
  std::string ReadAll();
  void Close() { fd_.Reset(); }

 private:
  // Appends to `text`; false at the end.
  bool Read(size_t most, std::string& text);

  UniqueFd fd_;
};

}  // namespace bergen::backdoor

#endif  // BACKDOOR_TEXT_CLIENT_FOR_TEST_H_
