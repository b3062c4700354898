// SPDX-License-Identifier: Apache-2.0
//
// A whole program for tests: a process of its own, with what it logs and says
// read line by line.
//
//   TestProgram program([](TestProgram::Voice& voice) {
//     voice.Say("hello");
//     return 7;
//   });
//   EXPECT_EQ(program.ReadUntil("hello"), "hello");
//   EXPECT_EQ(program.ExitStatus(), 7);

#ifndef LAUNCHER_TEST_PROGRAM_H_
#define LAUNCHER_TEST_PROGRAM_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "service/unique_fd.h"
#include "spdlog/spdlog.h"

namespace bergen::launcher {

// The tests' process must have no threads when one is made. Not thread-safe.
class TestProgram {
 public:
  // The program's side; its children have it too. Thread-safe.
  class Voice {
   public:
    Voice(int say_fd, int hear_fd);

    // One line, of less than a page, that the test reads.
    void Say(const std::string& line);
    // Blocks until the test calls `Release` once more, or is gone.
    void AwaitRelease();
    // Says `log: MESSAGE`.
    spdlog::logger& log() { return *log_; }

   private:
    int say_fd_;
    int hear_fd_;
    std::shared_ptr<spdlog::logger> log_;
  };

  // Forks a process that ends with the status that `main` returns.
  explicit TestProgram(const std::function<int(Voice&)>& main);
  // Kills the process if it still runs.
  ~TestProgram();

  pid_t pid() const { return pid_; }
  void Signal(int signal) const;
  // Lets one `AwaitRelease` return.
  void Release();

  // Reads lines up to the first that contains `text`, and returns that one. If
  // there is none, fails the test and returns an empty line.
  std::string ReadUntil(const std::string& text);

  // Reads all lines that are left: until the process and all its children are
  // gone.
  std::vector<std::string> ReadAll();

  // Blocks until the process has ended; its status, or minus the signal that
  // ended it.
  int ExitStatus();

 private:
  // False at the end; the deadline ends the whole test.
  bool ReadLine(std::string& line);

  pid_t pid_ = 0;
  bool reaped_ = false;
  UniqueFd listen_;  // What the program says.
  UniqueFd release_;
  std::string buffer_;
  std::vector<std::string> transcript_;
};

}  // namespace bergen::launcher

#endif  // LAUNCHER_TEST_PROGRAM_H_
