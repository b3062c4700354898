// SPDX-License-Identifier: Apache-2.0
//
// The head of one HTTP request, parsed. A value without behaviour: the parser
// (`http1.h`) fills it, `Environ` reads it.

#ifndef WSGI_REQUEST_H_
#define WSGI_REQUEST_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace bergen::wsgi {

// A header field. Whoever hands one out says how long the text lives.
struct Header {
  absl::string_view name;
  absl::string_view value;
};

// Its views point into `head`, so it is neither copied nor moved once parsed.
struct Request {
  Request() = default;
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  // From the first byte of the request line to the empty line, included.
  std::string head;

  absl::string_view request_line;  // Without the line end.
  absl::string_view method;
  absl::string_view target;  // As sent.
  // The part of the target before `?`, as sent, without scheme and authority.
  absl::string_view raw_path;
  // The part after `?`; none if there is no `?`.
  std::optional<absl::string_view> query;
  // `raw_path` with %XX decoded and leading slashes made one.
  std::string path;
  int major_version = 1;  // 1 or 2; HTTP/2 has a minor version of 1 here.
  int minor_version = 1;  // HTTP/1.x

  // In the order of the wire. Left out are names that contain an underscore,
  // which CGI names cannot tell from those with a dash, and `Proxy`, which they
  // cannot tell from the variable of that name. A repeated name occurs
  // once, its values joined by a comma.
  std::vector<Header> headers;

  // How the body is framed: by a length, by chunks, or there is none.
  std::optional<uint64_t> content_length;
  bool chunked = false;

  // What the client offers; the server may still close.
  bool keep_alive = true;
  // `Expect: 100-continue`
  bool expects_continue = false;

  // Storage of joined values.
  std::vector<std::unique_ptr<std::string>> joined;
};

}  // namespace bergen::wsgi

#endif  // WSGI_REQUEST_H_
