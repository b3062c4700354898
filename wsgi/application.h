// SPDX-License-Identifier: Apache-2.0
//
// The contract between the server and an application: PEP 3333 in C++.
//
//   class Hello : public bergen::wsgi::Application {
//    public:
//     absl::StatusOr<Body> operator()(Environ& environ,
//                                     StartResponse& start_response) override {
//       absl::Status started =
//           start_response("200 OK", {{"Content-Type", "text/plain"}});
//       if (!started.ok()) return started;
//       return Body("Hello, world!\n");
//     }
//   };
//
// Middleware is an application that calls another, with an environ it has
// added to or a `StartResponse` of its own.
//
// Source: PEP 3333. There is no `write` callable; an error is a Status, though
// an exception is caught too; `start_response` may be called again instead of
// taking `exc_info`.

#ifndef WSGI_APPLICATION_H_
#define WSGI_APPLICATION_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "wsgi/environ.h"

namespace bergen::wsgi {

// Takes status and headers of a response. They are sent when the first piece of
// the body is there; until then a further call replaces them.
class StartResponse {
 public:
  virtual ~StartResponse() = default;

  // `status` is a code of three digits, a blank and a phrase: `200 OK`. What is
  // passed need only live during the call. InvalidArgument, and nothing is
  // taken, if a name, a value or the status could not be sent as
  // they are (line ends above all), or if a header is the server's business:
  // Transfer-Encoding, Keep-Alive, Trailer, Upgrade, Proxy-*, and
  // Connection other than `close`, which closes. FailedPrecondition if the head
  // is sent.
  virtual absl::Status operator()(absl::string_view status,
                                  absl::Span<const Header> headers) = 0;
};

// A part of a regular file, whose descriptor is open as long as its source.
struct FileRange {
  int fd = -1;
  uint64_t offset = 0;
  uint64_t size = 0;
};

// A body that is made while it is sent. The server destroys it as soon as it
// needs no more, also when the client is gone or the server stops: what
// PEP 3333 calls `close()` is the destructor.
class BodySource {
 public:
  virtual ~BodySource() = default;

  // The next piece, which is sent at once; none at the end. An empty piece
  // sends nothing. It must stay as it is until the next call or destruction.
  // Called as fast as the client takes pieces, perhaps from another thread than
  // the application was, but never from two at a time. An error, or an
  // exception, cuts the connection if the head is sent, and is a 500 otherwise.
  virtual absl::StatusOr<std::optional<absl::string_view>> Next() = 0;

  // What is left of the body, if that is a part of a file (see file_body.h). A
  // server may then send bytes of it itself, and say so each time, instead of
  // calling `Next`. Middleware that passes these two on keeps that open.
  virtual std::optional<FileRange> File() { return std::nullopt; }
  virtual void SentFromFile(uint64_t /*size*/) {}

  // Once `Next` has told of the end: what is sent after a body of unknown
  // length, to clients of HTTP/1.1 and later; others never see it. Valid until
  // destruction.
  virtual absl::Span<const Header> Trailers() { return {}; }
};

// The body of a response: complete, or from a source.
class Body {
 public:
  Body() = default;
  explicit Body(std::string complete) : body_(std::move(complete)) {}
  // Requires a source.
  explicit Body(std::unique_ptr<BodySource> source)
      : body_(std::move(source)) {}

  // Null if the body is complete.
  BodySource* source() const {
    const auto* source = std::get_if<1>(&body_);
    return source == nullptr ? nullptr : source->get();
  }
  // Empty if it comes from a source.
  absl::string_view complete() const {
    const std::string* complete = std::get_if<0>(&body_);
    return complete == nullptr ? "" : absl::string_view(*complete);
  }

 private:
  std::variant<std::string, std::unique_ptr<BodySource>> body_;
};

// Called by several threads at once, unless its server has one thread.
class Application {
 public:
  virtual ~Application() = default;

  // Answers one request. `environ`, its input and `start_response` live until
  // the body is destroyed. `start_response` must have been called when this
  // returns, or when the body's source gives its first piece. An error or
  // an exception becomes a 500 without text (or with its text, if the server is
  // in debug mode) and is logged.
  virtual absl::StatusOr<Body> operator()(Environ& environ,
                                          StartResponse& start_response) = 0;
};

// An application that is a function or a lambda:
//
//   FunctionApplication app([](Environ&, StartResponse& start_response) { ...
//   });
template <typename Function>
class FunctionApplication : public Application {
 public:
  explicit FunctionApplication(Function function)
      : function_(std::move(function)) {}

  absl::StatusOr<Body> operator()(Environ& environ,
                                  StartResponse& start_response) override {
    return function_(environ, start_response);
  }

 private:
  Function function_;
};

}  // namespace bergen::wsgi

#endif  // WSGI_APPLICATION_H_
