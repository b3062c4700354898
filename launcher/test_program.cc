// SPDX-License-Identifier: Apache-2.0

#include "launcher/test_program.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <utility>

#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "spdlog/sinks/base_sink.h"

namespace bergen::launcher {
namespace {

// A net under a test that hangs; nothing is measured by it.
constexpr int kPatienceMilliseconds = 30'000;

class VoiceSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit VoiceSink(int fd) : fd_(fd) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    const std::string line =
        "log: " + std::string(message.payload.data(), message.payload.size()) +
        "\n";
    [[maybe_unused]] const ssize_t written =
        ::write(fd_, line.data(), line.size());
  }
  void flush_() override {}

  int fd_;
};

}  // namespace

TestProgram::Voice::Voice(int say_fd, int hear_fd)
    : say_fd_(say_fd),
      hear_fd_(hear_fd),
      log_(std::make_shared<spdlog::logger>(
          "test", std::make_shared<VoiceSink>(say_fd))) {
  log_->set_level(spdlog::level::debug);
}

void TestProgram::Voice::Say(const std::string& line) {
  const std::string text = line + "\n";
  [[maybe_unused]] const ssize_t written =
      ::write(say_fd_, text.data(), text.size());
}

void TestProgram::Voice::AwaitRelease() {
  char byte;
  while (::read(hear_fd_, &byte, 1) < 0 && errno == EINTR) {
  }
}

TestProgram::TestProgram(const std::function<int(Voice&)>& main) {
  int say[2];
  int hear[2];
  if (::pipe2(say, O_CLOEXEC) != 0 || ::pipe2(hear, O_CLOEXEC) != 0) {
    std::perror("TestProgram: pipe");
    std::abort();
  }
  std::fflush(nullptr);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::close(say[0]);
    ::close(hear[1]);
    Voice voice(say[1], hear[0]);
    const int status = main(voice);
    std::fflush(nullptr);
    ::_exit(status);
  }
  ::close(say[1]);
  ::close(hear[0]);
  listen_.Reset(say[0]);
  release_.Reset(hear[1]);
}

TestProgram::~TestProgram() {
  if (!reaped_) {
    Signal(SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
}

void TestProgram::Signal(int signal) const { ::kill(pid_, signal); }

void TestProgram::Release() {
  [[maybe_unused]] const ssize_t written = ::write(release_.get(), "r", 1);
}

bool TestProgram::ReadLine(std::string& line) {
  size_t end;
  while ((end = buffer_.find('\n')) == std::string::npos) {
    pollfd readable = {.fd = listen_.get(), .events = POLLIN};
    if (::poll(&readable, 1, kPatienceMilliseconds) == 0) {
      std::fprintf(stderr, "TestProgram: nothing happens; so far:\n%s\n",
                   absl::StrJoin(transcript_, "\n").c_str());
      Signal(SIGKILL);
      std::abort();
    }
    char chunk[4096];
    const ssize_t size = ::read(listen_.get(), chunk, sizeof(chunk));
    if (size <= 0) return false;
    buffer_.append(chunk, static_cast<size_t>(size));
  }
  line = buffer_.substr(0, end);
  buffer_.erase(0, end + 1);
  transcript_.push_back(line);
  return true;
}

std::string TestProgram::ReadUntil(const std::string& text) {
  std::string line;
  while (ReadLine(line)) {
    if (line.find(text) != std::string::npos) return line;
  }
  ADD_FAILURE() << "the program ended without saying '" << text
                << "'; it said:\n"
                << absl::StrJoin(transcript_, "\n");
  return {};
}

std::vector<std::string> TestProgram::ReadAll() {
  std::vector<std::string> lines;
  std::string line;
  while (ReadLine(line)) lines.push_back(line);
  return lines;
}

int TestProgram::ExitStatus() {
  // With nothing left to say; a deadline comes with it.
  ReadAll();
  int status = 0;
  ::waitpid(pid_, &status, 0);
  reaped_ = true;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace bergen::launcher
