// SPDX-License-Identifier: Apache-2.0
//
// A fresh folder whose path is short enough for a unix socket in it; Bazel's
// own is not always.
//
//   const ShortTempDirForTest dir;
//   Listener::ListenUnix("x", dir.path() + "/x.sock", {});

#ifndef BACKDOOR_SHORT_TEMP_DIR_FOR_TEST_H_
#define BACKDOOR_SHORT_TEMP_DIR_FOR_TEST_H_

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

namespace bergen::backdoor {

// Removed, with what is in it, by the destructor.
class ShortTempDirForTest {
 public:
  ShortTempDirForTest() {
    char path[] = "/tmp/backdoor.XXXXXX";
    if (mkdtemp(path) == nullptr) {
      std::perror(path);
      std::abort();
    }
    path_ = path;
  }
  ShortTempDirForTest(const ShortTempDirForTest&) = delete;
  ShortTempDirForTest& operator=(const ShortTempDirForTest&) = delete;
  ~ShortTempDirForTest() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace bergen::backdoor

#endif  // BACKDOOR_SHORT_TEMP_DIR_FOR_TEST_H_
