// SPDX-License-Identifier: Apache-2.0
//
// Builds an application from a paste-deploy file.
//
//   absl::StatusOr<std::unique_ptr<Application>> app = LoadPasteApp(
//       factories, "config:/etc/demo/api-paste.ini#main", {});
//   if (!app.ok()) return app.status();  // "/etc/demo/api-paste.ini:12: ..."
//
// Sections: `app:`, `application:`, `composite:`, `composit:`, `pipeline:`,
// `filter-app:`, `filter:`. In them: `use`, `paste.x_factory`, `filter-with`,
// `next`, `pipeline`, `require`, `set NAME`, `get NAME`.
//
// Source: paste.deploy.loadwsgi. Differences: errors have their place, and
// loops are errors with the way that leads round; `filter-with` also wraps
// pipelines and filter-apps, and `use = call:` works in filter-apps, where the
// original fails when the application is called or built; a global whose value
// becomes empty is empty; a `%` in a path or in the caller's globals is one;
// the name of a factory may begin on a line of its own.

#ifndef WSGI_PASTE_DEPLOY_H_
#define WSGI_PASTE_DEPLOY_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "wsgi/application.h"
#include "wsgi/paste_factories.h"

namespace bergen::wsgi {

// How deep sections may refer to sections, and how many parts an application
// may have.
inline constexpr size_t kMaxPasteDepth = 100;
inline constexpr size_t kMaxPasteParts = 10000;
inline constexpr size_t kMaxPasteFileSize = size_t{1} << 20;

// The text of a file of at most `kMaxPasteFileSize` bytes. NotFound,
// PermissionDenied and the like name it.
absl::StatusOr<std::string> ReadPasteFile(const std::string& path);

struct PasteLoadOptions {
  // Which application or filter; beats the `#NAME` of the URI. If neither says,
  // it is `main`. May be a URI itself.
  std::string name;
  // Directory that the path of a `config:` URI is relative to. Empty: it must
  // be absolute.
  std::string relative_to;
  // Added to `[DEFAULT]` unless it has them, and to the globals of factories.
  PasteSettings globals;
  std::function<absl::StatusOr<std::string>(const std::string& path)>
      read_file = ReadPasteFile;
};

// `uri` is `config:FILE`, `egg:DISTRIBUTION` or `call:MODULE:OBJECT`, with
// `#NAME`; in FILE, `%xx` is decoded. `factories` must outlive what is loaded.
//
// Errors begin with `FILE:LINE: `, as far as there is one:
//   NotFound: something that is named is not there: a section, a factory, a
//     file, a setting. See `IsPasteLookupError`.
//   InvalidArgument: the file is not well-formed; sections lead round in a
//     circle, or are nested beyond `kMaxPasteDepth`; or there are more than
//     `kMaxPasteParts`.
//   Whatever a factory returns.
absl::StatusOr<std::unique_ptr<Application>> LoadPasteApp(
    const PasteFactories& factories, absl::string_view uri,
    const PasteLoadOptions& options);
absl::StatusOr<Filter> LoadPasteFilter(const PasteFactories& factories,
                                       absl::string_view uri,
                                       const PasteLoadOptions& options);

// Whether `error` says that a name was not found, is ambiguous or lacks what
// belongs to it: a LookupError of the original. Those of factories never do.
bool IsPasteLookupError(const absl::Status& error);

}  // namespace bergen::wsgi

#endif  // WSGI_PASTE_DEPLOY_H_
