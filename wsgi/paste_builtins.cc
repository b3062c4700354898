// SPDX-License-Identifier: Apache-2.0

#include "wsgi/paste_builtins.h"

#include "wsgi/static_files.h"
#include "wsgi/urlmap.h"

namespace bergen::wsgi {

absl::Status AddPasteBuiltins(PasteFactories& factories) {
  for (const char* name : {"egg:Paste#urlmap", "paste.urlmap:urlmap_factory"}) {
    absl::Status added = factories.AddComposite(name, UrlMapFactory);
    if (!added.ok()) return added;
  }
  for (const char* name : {"egg:Paste#static", "paste.urlparser:make_static"}) {
    absl::Status added = factories.AddApp(name, StaticFilesFactory);
    if (!added.ok()) return added;
  }
  return absl::OkStatus();
}

}  // namespace bergen::wsgi
