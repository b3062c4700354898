// SPDX-License-Identifier: Apache-2.0

#include "backdoor/output_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "service/unique_fd.h"

namespace bergen::backdoor {
namespace {

constexpr mode_t kMode = 0644;
// Other writers of the same name, or what they left behind, may be in the way.
constexpr int kAttempts = 100;

bool IsWritableDirectory(const char* path) {
  struct stat status = {};
  return stat(path, &status) == 0 && S_ISDIR(status.st_mode) &&
         access(path, W_OK | X_OK) == 0;
}

absl::Status WriteAll(int fd, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return absl::ErrnoToStatus(errno, "write");
    }
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

// A new file in `directory` that nobody else has; its name goes to `name`.
absl::StatusOr<UniqueFd> CreateTemporary(int directory,
                                         absl::string_view final_name,
                                         std::string& name) {
  for (int i = 0; i < kAttempts; ++i) {
    name = absl::StrCat(".", final_name, ".", getpid(), ".", i);
    UniqueFd fd(openat(directory, name.c_str(),
                       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                       kMode));
    if (fd.ok()) return fd;
    if (errno != EEXIST) break;
  }
  return absl::ErrnoToStatus(errno, "create");
}

}  // namespace

std::string DefaultOutputDirectory() {
  for (const char* variable : {"TMPDIR", "TEMP", "TMP"}) {
    const char* path = std::getenv(variable);
    if (path != nullptr && IsWritableDirectory(path)) return path;
  }
  for (const char* path : {"/tmp", "/var/tmp", "/usr/tmp", "."}) {
    if (IsWritableDirectory(path)) return path;
  }
  return "/tmp";
}

absl::Status CheckOutputName(absl::string_view name) {
  if (name.empty()) return absl::InvalidArgumentError("the name is empty");
  if (name.size() > kMaxOutputName) {
    return absl::InvalidArgumentError(
        absl::StrCat("the name has ", name.size(), " bytes; at most ",
                     kMaxOutputName, " are allowed"));
  }
  for (char c : name) {
    const unsigned char byte = static_cast<unsigned char>(c);
    if (c == '/' || byte < 0x20 || byte == 0x7f) {
      return absl::InvalidArgumentError(
          absl::StrCat("the name '", absl::Utf8SafeCHexEscape(name),
                       "' must be without '/' and control characters"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> WriteOutputFile(absl::string_view directory,
                                            absl::string_view name,
                                            absl::string_view suffix,
                                            absl::string_view bytes) {
  absl::Status status = CheckOutputName(name);
  if (!status.ok()) return status;
  const std::string file = absl::StrCat(name, suffix);
  const std::string path = absl::StrCat(directory, "/", file);
  const UniqueFd folder(
      open(std::string(directory).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder.ok()) return absl::ErrnoToStatus(errno, directory);

  std::string temporary;
  absl::StatusOr<UniqueFd> fd = CreateTemporary(folder.get(), file, temporary);
  if (!fd.ok()) {
    return absl::Status(fd.status().code(),
                        absl::StrCat(path, ": ", fd.status().message()));
  }
  absl::Cleanup remove = [&] { unlinkat(folder.get(), temporary.c_str(), 0); };
  status = WriteAll(fd->get(), bytes);
  if (!status.ok()) {
    return absl::Status(status.code(),
                        absl::StrCat(path, ": ", status.message()));
  }
  if (renameat(folder.get(), temporary.c_str(), folder.get(), file.c_str()) !=
      0) {
    return absl::ErrnoToStatus(errno, path);
  }
  std::move(remove).Cancel();
  return path;
}

}  // namespace bergen::backdoor
