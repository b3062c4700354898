// SPDX-License-Identifier: Apache-2.0
//
// A part of a file as the body of a response. A server with a plain connection
// lets the kernel send it.
//
//   absl::Status started = start_response("200 OK", {});
//   if (!started.ok()) return started;
//   return Body(std::make_unique<FileBody>(std::move(fd), 0, size));
//
// Source: `wsgi.file_wrapper` of PEP 3333.

#ifndef WSGI_FILE_BODY_H_
#define WSGI_FILE_BODY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/unique_fd.h"
#include "wsgi/application.h"

namespace bergen::wsgi {

// Not thread-safe.
class FileBody : public BodySource {
 public:
  // `size` bytes of the regular file `fd` from `offset` on. A file that turns
  // out to be shorter is DataLoss.
  FileBody(UniqueFd fd, uint64_t offset, uint64_t size)
      : fd_(std::move(fd)), offset_(offset), left_(size) {}

  absl::StatusOr<std::optional<absl::string_view>> Next() override;
  std::optional<FileRange> File() override {
    return FileRange{fd_.get(), offset_, left_};
  }
  void SentFromFile(uint64_t size) override {
    offset_ += size;
    left_ -= size;
  }

 private:
  UniqueFd fd_;
  uint64_t offset_;
  uint64_t left_;
  std::string piece_;
};

}  // namespace bergen::wsgi

#endif  // WSGI_FILE_BODY_H_
