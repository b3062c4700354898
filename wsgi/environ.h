// SPDX-License-Identifier: Apache-2.0
//
// What an application is told about a request: the environ of PEP 3333, typed
// where C++ code reads it and by name where middleware adds to it.
//
//   if (environ.request_method() != "POST") return MethodNotAllowed();
//   std::optional<absl::string_view> etag = environ.Header("If-None-Match");
//   absl::StatusOr<std::string> body = ReadAll(environ.input(), 1 << 20);
//
// Source: PEP 3333 and the environ of oslo.service's server. Here
// SERVER_PROTOCOL is the true one, `wsgi.errors` is a logger, and
// the raw headers are `headers()`.

#ifndef WSGI_ENVIRON_H_
#define WSGI_ENVIRON_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "spdlog/fwd.h"
#include "wsgi/request.h"
#include "wsgi/tls_info.h"

namespace bergen::wsgi {

// The body of a request, `wsgi.input`. Used by one thread at a time.
class Input {
 public:
  virtual ~Input() = default;

  // Blocks until at least one byte is there, and returns how many were put into
  // `buffer`; 0 means the end. `size` must be positive. After an error every
  // call returns it again: DeadlineExceeded if the client was silent for too
  // long, Unavailable if it is gone, InvalidArgument if it broke the
  // chunked encoding, ResourceExhausted if the body is larger than allowed.
  // An application that returns one of these as its own error leaves the
  // answer to the server (408, none, 400 and 413).
  virtual absl::StatusOr<size_t> Read(char* buffer, size_t size) = 0;

  // Once `Read` has told of the end: what followed a chunked body, as it came.
  // These are not headers, and nothing that decides about access may come from
  // them (RFC 9110, 6.5.1).
  virtual absl::Span<const wsgi::Header> trailers() const { return {}; }
};

// All that is left of `input`. ResourceExhausted if it is more than `limit`
// bytes; otherwise the errors of `Input::Read`.
absl::StatusOr<std::string> ReadAll(Input& input, size_t limit);

// What an environ says that is the same for all requests of a connection.
struct ConnectionInfo {
  // Numeric addresses of this connection's two ends. UNIX: `unix`, empty.
  std::string server_name;
  std::string server_port;
  std::string remote_addr;
  std::string remote_port;
  bool https = false;
  // Null without TLS.
  std::shared_ptr<const TlsInfo> tls;
  // Other processes serve the same application.
  bool multiprocess = false;
  // Requests are handled by several threads.
  bool multithread = true;
};

// Used by one thread at a time. Text that it returns lives as long as the
// request, or until the same variable is set.
class Environ {
 public:
  // All must outlive it.
  Environ(const Request& request, const ConnectionInfo& connection,
          Input& input, spdlog::logger& errors);

  Environ(const Environ&) = delete;
  Environ& operator=(const Environ&) = delete;

  absl::string_view request_method() const;
  // The part of the path that led to this application, and the rest of
  // it; percent-decoded.
  absl::string_view script_name() const;
  absl::string_view path_info() const;
  // Without `?`; empty also if there is no `?`, where `Get` has no
  // QUERY_STRING.
  absl::string_view query_string() const;
  // `text/plain` if the client does not say.
  absl::string_view content_type() const;
  // None without a body, and for one of unknown length.
  std::optional<uint64_t> content_length() const {
    return request_->content_length;
  }
  absl::string_view server_name() const;
  absl::string_view server_port() const;
  absl::string_view remote_addr() const;
  absl::string_view remote_port() const;
  // `HTTP/1.1` and the like.
  absl::string_view server_protocol() const;
  // `http` or `https`
  absl::string_view url_scheme() const;
  // What `Get` says in its SSL_ variables; null without TLS.
  const TlsInfo* tls() const { return connection_->tls.get(); }

  // A header's value by its name on the wire, ignoring case.
  std::optional<absl::string_view> Header(absl::string_view name) const;
  // In the order of the wire; see `Request::headers`.
  absl::Span<const wsgi::Header> headers() const { return request_->headers; }

  Input& input() const { return *input_; }
  // For middleware: what `input` returns from now on. It must outlive the use
  // of this environ, or be replaced by what was there before.
  void set_input(Input& input) { input_ = &input; }
  // `wsgi.errors`
  spdlog::logger& errors() const { return *errors_; }

  // A variable by its name in PEP 3333, such as `HTTP_ACCEPT` or
  // `wsgi.url_scheme`, one of tls_info.h, or one that was set.
  std::optional<absl::string_view> Get(absl::string_view key) const;
  // For middleware: what `Get` and the accessors return from now on.
  void Set(absl::string_view key, absl::string_view value);
  // Moves the first `size` bytes of PATH_INFO to the end of SCRIPT_NAME.
  // Requires that there are so many.
  void ShiftPath(size_t size);
  // Every variable once, in no particular order. `wsgi.input` and `wsgi.errors`
  // are not text and left out.
  void ForEach(
      absl::FunctionRef<void(absl::string_view key, absl::string_view value)>
          visit) const;

 private:
  const std::string* Overridden(absl::string_view key) const;
  // The variables that the server sets, headers apart.
  std::optional<absl::string_view> Builtin(absl::string_view key) const;

  const Request* request_;
  const ConnectionInfo* connection_;
  Input* input_;
  spdlog::logger* errors_;
  size_t script_size_ = 0;  // How much of request_->path is SCRIPT_NAME.
  std::vector<std::pair<std::string, std::string>> overrides_;
};

}  // namespace bergen::wsgi

#endif  // WSGI_ENVIRON_H_
