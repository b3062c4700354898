// SPDX-License-Identifier: Apache-2.0

#include "periodic/named_thread.h"

#include <pthread.h>

#include <string>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace bergen::periodic {
namespace {

constexpr size_t kLongestName = 15;  // pthread_setname_np(3)

}  // namespace

absl::StatusOr<std::thread> StartThread(absl::string_view name,
                                        std::function<void()> body) {
  try {
    return std::thread([short_name = std::string(name.substr(0, kLongestName)),
                        body = std::move(body)] {
      pthread_setname_np(pthread_self(), short_name.c_str());
      body();
    });
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(
        absl::StrCat("thread ", name, ": ", error.what()));
  }
}

}  // namespace bergen::periodic
