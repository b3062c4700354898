// SPDX-License-Identifier: Apache-2.0

#include "wsgi/paste_builtins.h"

#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "wsgi/application.h"
#include "wsgi/request_id.h"
#include "wsgi/static_files.h"
#include "wsgi/urlmap.h"

namespace bergen::wsgi {
namespace {

absl::StatusOr<Filter> RequestIdFilter(const PasteSettings&,
                                       const PasteSettings&) {
  return Filter([](std::unique_ptr<Application> next)
                    -> absl::StatusOr<std::unique_ptr<Application>> {
    return std::make_unique<RequestIds>(std::move(next));
  });
}

}  // namespace

absl::Status AddPasteBuiltins(PasteFactories& factories) {
  for (const char* name : {"egg:Paste#urlmap", "paste.urlmap:urlmap_factory"}) {
    absl::Status added = factories.AddComposite(name, UrlMapFactory);
    if (!added.ok()) return added;
  }
  for (const char* name : {"egg:Paste#static", "paste.urlparser:make_static"}) {
    absl::Status added = factories.AddApp(name, StaticFilesFactory);
    if (!added.ok()) return added;
  }
  for (const char* name :
       {"egg:oslo.middleware#request_id", "oslo_middleware:RequestId.factory",
        "oslo_middleware.request_id:RequestId.factory"}) {
    absl::Status added = factories.AddFilter(name, RequestIdFilter);
    if (!added.ok()) return added;
  }
  return absl::OkStatus();
}

}  // namespace bergen::wsgi
