// SPDX-License-Identifier: Apache-2.0
//
// What Paste itself gives to paste-deploy files.
//
//   PasteFactories factories;
//   if (absl::Status added = AddPasteBuiltins(factories); !added.ok()) {
//     return added;
//   }

#ifndef WSGI_PASTE_BUILTINS_H_
#define WSGI_PASTE_BUILTINS_H_

#include "absl/status/status.h"
#include "wsgi/paste_factories.h"

namespace bergen::wsgi {

// Registers urlmap.h as `egg:Paste#urlmap` and `paste.urlmap:urlmap_factory`,
// and static_files.h as `egg:Paste#static` and `paste.urlparser:make_static`.
// AlreadyExists if one of them is registered.
absl::Status AddPasteBuiltins(PasteFactories& factories);

}  // namespace bergen::wsgi

#endif  // WSGI_PASTE_BUILTINS_H_
