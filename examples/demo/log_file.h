// SPDX-License-Identifier: Apache-2.0
//
// Where the demo's log goes: the standard error, or a file that can be moved
// away and opened anew (logrotate).

#ifndef EXAMPLES_DEMO_LOG_FILE_H_
#define EXAMPLES_DEMO_LOG_FILE_H_

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "service/unique_fd.h"
#include "spdlog/sinks/base_sink.h"

namespace bergen::demo {

// Each line is one write at the end of the file, so several processes can share
// it. Thread-safe.
class LogSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  // An empty path is the standard error; `Open` opens any other.
  explicit LogSink(std::string path) : path_(std::move(path)) {}

  // Opens the file, or opens it again. After an error the lines go where they
  // went before.
  absl::Status Open() {
    if (path_.empty()) return absl::OkStatus();
    UniqueFd opened(
        ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640));
    if (!opened.ok()) {
      return absl::ErrnoToStatus(errno, absl::StrCat("log_file ", path_));
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    file_ = std::move(opened);
    return absl::OkStatus();
  }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    // A log that cannot be written must not stop the service.
    [[maybe_unused]] const ssize_t written = ::write(
        file_.ok() ? file_.get() : STDERR_FILENO, line.data(), line.size());
  }
  void flush_() override {}

  const std::string path_;
  UniqueFd file_;
};

}  // namespace bergen::demo

#endif  // EXAMPLES_DEMO_LOG_FILE_H_
