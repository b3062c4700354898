// SPDX-License-Identifier: Apache-2.0

#include "backdoor/run_directory.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <tuple>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "backdoor/output_file.h"
#include "service/unique_fd.h"

namespace bergen::backdoor {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxServiceName = 64;

bool IsNameCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' ||
         c == '_' || c == '.';
}

absl::Status CheckServiceName(absl::string_view service) {
  if (!service.empty() && service.size() <= kMaxServiceName &&
      std::all_of(service.begin(), service.end(), IsNameCharacter) &&
      absl::ascii_isalnum(static_cast<unsigned char>(service[0]))) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "service '", service, "': must be 1 to ", kMaxServiceName,
      " letters, digits, '-', '_' and '.', the first a letter or digit"));
}

// A directory that nobody else can put anything into.
absl::Status MakePrivate(const std::string& path) {
  if (::mkdir(path.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
    return absl::ErrnoToStatus(errno, path);
  }
  struct stat found = {};
  if (::lstat(path.c_str(), &found) != 0) {
    return absl::ErrnoToStatus(errno, path);
  }
  if (!S_ISDIR(found.st_mode) || found.st_uid != ::geteuid() ||
      (found.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, ": must be a directory of this user that no others may write"));
  }
  return absl::OkStatus();
}

bool Answers(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return false;
  std::memcpy(address.sun_path, path.data(), path.size());
  const UniqueFd fd(
      ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // EAGAIN: its queue is full, so there is one.
  return fd.ok() &&
         (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address),
                    sizeof(address)) == 0 ||
          errno == EAGAIN);
}

// Names in a directory; none if it cannot be read.
std::vector<std::string> NamesIn(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<Door> DoorsIn(const std::string& directory) {
  std::vector<Door> doors;
  for (const std::string& instance : NamesIn(directory)) {
    const std::string path = absl::StrCat(directory, "/", instance);
    for (const std::string& name : NamesIn(path)) {
      absl::string_view number = name;
      Door door = {.instance = instance, .path = absl::StrCat(path, "/", name)};
      if (absl::ConsumePrefix(&number, "worker-") &&
          absl::ConsumeSuffix(&number, ".sock") &&
          absl::SimpleAtoi(number, &door.worker) && Answers(door.path)) {
        doors.push_back(std::move(door));
      }
    }
  }
  std::sort(doors.begin(), doors.end(), [](const Door& a, const Door& b) {
    return std::tie(a.instance, a.worker) < std::tie(b.instance, b.worker);
  });
  return doors;
}

// Of programs that were killed. One that is just starting, and has made no
// socket yet, lives as its process does.
void RemoveEnded(const std::string& directory) {
  const std::vector<Door> doors = DoorsIn(directory);
  for (const std::string& instance : NamesIn(directory)) {
    pid_t pid = 0;
    if (!absl::SimpleAtoi(instance, &pid) || ::kill(pid, 0) == 0 ||
        errno != ESRCH ||
        std::any_of(doors.begin(), doors.end(), [&](const Door& door) {
          return door.instance == instance;
        })) {
      continue;
    }
    std::error_code ignored;
    fs::remove_all(absl::StrCat(directory, "/", instance), ignored);
  }
}

}  // namespace

std::string RunBase() {
  const char* const runtime = std::getenv("XDG_RUNTIME_DIR");
  if (runtime != nullptr && runtime[0] == '/') {
    return absl::StrCat(runtime, "/bergen");
  }
  return absl::StrCat(DefaultOutputDirectory(), "/bergen-", ::geteuid());
}

absl::StatusOr<std::string> MakeInstanceDirectory(absl::string_view base,
                                                  absl::string_view service) {
  absl::Status status = CheckServiceName(service);
  if (!status.ok()) return status;
  const std::string of_service = absl::StrCat(base, "/", service);
  const std::string directory = absl::StrCat(of_service, "/", ::getpid());
  status = MakePrivate(std::string(base));
  if (status.ok()) status = MakePrivate(of_service);
  if (status.ok()) {
    RemoveEnded(of_service);
    status = MakePrivate(directory);
  }
  if (!status.ok()) return status;
  return directory;
}

void RemoveInstanceDirectory(const std::string& directory) {
  ::rmdir(directory.c_str());
}

std::string WorkerSocket(absl::string_view directory, int worker) {
  return absl::StrCat(directory, "/worker-", worker, ".sock");
}

absl::StatusOr<std::vector<Door>> FindDoors(absl::string_view base,
                                            absl::string_view service) {
  const absl::Status name_ok = CheckServiceName(service);
  if (!name_ok.ok()) return name_ok;
  std::vector<Door> doors = DoorsIn(absl::StrCat(base, "/", service));
  if (!doors.empty()) return doors;
  std::vector<std::string> others;
  for (const std::string& name : NamesIn(std::string(base))) {
    if (!DoorsIn(absl::StrCat(base, "/", name)).empty()) others.push_back(name);
  }
  return absl::NotFoundError(absl::StrCat(
      "no process of service '", service, "' answers in ", base,
      others.empty() ? "" : "; there are ", absl::StrJoin(others, ", ")));
}

}  // namespace bergen::backdoor
