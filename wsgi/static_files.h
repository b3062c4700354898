// SPDX-License-Identifier: Apache-2.0
//
// Serves the files of a directory.
//
//   absl::StatusOr<std::unique_ptr<StaticFiles>> files =
//       StaticFiles::Create("/usr/share/demo/www", {});
//   if (!files.ok()) return files.status();
//
// Source: paste.urlparser.StaticURLParser for the behaviour, RFC 9110 for
// conditions and ranges. Differences: links lead nowhere outside the directory,
// hidden files are not served, and there are ranges.

#ifndef WSGI_STATIC_FILES_H_
#define WSGI_STATIC_FILES_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/unique_fd.h"
#include "wsgi/application.h"
#include "wsgi/environ.h"
#include "wsgi/paste_factories.h"

namespace bergen::wsgi {

struct StaticFilesOptions {
  // The file that is served for its directory; empty: there is none.
  std::string index = "index.html";
  // By extension, without the dot, in lower case: what differs from the usual,
  // such as {"xyz", "chemical/x-xyz"}.
  std::map<std::string, std::string> types;
  // For how long clients need not ask again, in whole seconds; none: they
  // guess.
  std::optional<absl::Duration> max_age;
};

// The media type for a name, `application/octet-stream` if it is not known.
absl::string_view MediaTypeOf(absl::string_view name);

// Thread-safe. PATH_INFO is the path below the directory.
//
// 404 for what is not a regular file in the directory, or is reached by a link
// that leads out of it, or has a name on its path that begins with a dot; 403
// if it may not be read; 405 for methods other than GET and HEAD. A directory
// with an index is redirected to its name with a slash. Answers have ETag and
// Last-Modified, and heed If-Match, If-None-Match, If-Modified-Since,
// If-Unmodified-Since and, for one range, Range and If-Range; several ranges
// are answered by the whole file.
class StaticFiles : public Application {
 public:
  // The directory is opened now, and may be moved or renamed. NotFound and the
  // like if it cannot be; Unimplemented if the kernel lacks openat2(2), older
  // than Linux 5.6.
  static absl::StatusOr<std::unique_ptr<StaticFiles>> Create(
      absl::string_view directory, StaticFilesOptions options);

  absl::StatusOr<Body> operator()(Environ& environ,
                                  StartResponse& start_response) override;

 private:
  StaticFiles(UniqueFd root, StaticFilesOptions options)
      : root_(std::move(root)), options_(std::move(options)) {}

  std::string TypeOf(absl::string_view name) const;

  UniqueFd root_;
  StaticFilesOptions options_;
};

// `egg:Paste#static`: the setting `document_root` names the directory, and
// `cache_max_age` the seconds of `max_age`. InvalidArgument if one is missing
// or malformed.
absl::StatusOr<std::unique_ptr<Application>> StaticFilesFactory(
    const PasteSettings& globals, const PasteSettings& locals);

}  // namespace bergen::wsgi

#endif  // WSGI_STATIC_FILES_H_
