// SPDX-License-Identifier: Apache-2.0

#include "wsgi/file_body.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/status/status.h"

namespace bergen::wsgi {
namespace {

constexpr uint64_t kPieceSize = 65536;

}  // namespace

absl::StatusOr<std::optional<absl::string_view>> FileBody::Next() {
  if (left_ == 0) return std::nullopt;
  piece_.resize(std::min(left_, kPieceSize));
  ssize_t size;
  do {
    size = pread(fd_.get(), piece_.data(), piece_.size(),
                 static_cast<off_t>(offset_));
  } while (size < 0 && errno == EINTR);
  if (size < 0) return absl::ErrnoToStatus(errno, "file");
  if (size == 0) return absl::DataLossError("file: became shorter");
  SentFromFile(static_cast<uint64_t>(size));
  return absl::string_view(piece_).substr(0, static_cast<size_t>(size));
}

}  // namespace bergen::wsgi
