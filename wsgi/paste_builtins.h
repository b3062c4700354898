// SPDX-License-Identifier: Apache-2.0
//
// What Paste and oslo.middleware give to paste-deploy files, as far as it is
// here.
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
// static_files.h as `egg:Paste#static` and `paste.urlparser:make_static`, and
// request_id.h as `egg:oslo.middleware#request_id`,
// `oslo_middleware:RequestId.factory` and
// `oslo_middleware.request_id:RequestId.factory`.
// AlreadyExists if one of them is registered.
absl::Status AddPasteBuiltins(PasteFactories& factories);

}  // namespace bergen::wsgi

#endif  // WSGI_PASTE_BUILTINS_H_
