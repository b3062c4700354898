// SPDX-License-Identifier: Apache-2.0

#include "wsgi/environ.h"

#include <algorithm>
#include <array>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace bergen::wsgi {
namespace {

constexpr std::array<absl::string_view, 20> kBuiltins = {
    "REQUEST_METHOD",    "SCRIPT_NAME",
    "PATH_INFO",         "RAW_PATH_INFO",
    "QUERY_STRING",      "CONTENT_TYPE",
    "CONTENT_LENGTH",    "SERVER_NAME",
    "SERVER_PORT",       "REMOTE_ADDR",
    "REMOTE_PORT",       "SERVER_PROTOCOL",
    "GATEWAY_INTERFACE", "HTTPS",
    "wsgi.version",      "wsgi.url_scheme",
    "wsgi.multithread",  "wsgi.multiprocess",
    "wsgi.run_once",     "SERVER_SOFTWARE",
};

absl::string_view Text(bool value) { return value ? "true" : "false"; }

// Whether `key`, without its HTTP_, is the CGI name of header `name`.
bool IsCgiNameOf(absl::string_view key, absl::string_view name) {
  if (key.size() != name.size()) return false;
  for (size_t i = 0; i < key.size(); ++i) {
    const char c =
        name[i] == '-'
            ? '_'
            : absl::ascii_toupper(static_cast<unsigned char>(name[i]));
    if (key[i] != c) return false;
  }
  return true;
}

std::string CgiName(absl::string_view name) {
  std::string key = absl::StrCat("HTTP_", name);
  for (char& c : key) {
    c = c == '-' ? '_' : absl::ascii_toupper(static_cast<unsigned char>(c));
  }
  return key;
}

// These two have names of their own.
bool HasOwnVariable(absl::string_view header) {
  return absl::EqualsIgnoreCase(header, "content-type") ||
         absl::EqualsIgnoreCase(header, "content-length");
}

}  // namespace

absl::StatusOr<std::string> ReadAll(Input& input, size_t limit) {
  std::string all;
  char buffer[16384];
  for (;;) {
    const absl::StatusOr<size_t> size = input.Read(buffer, sizeof(buffer));
    if (!size.ok()) return size.status();
    if (*size == 0) return all;
    if (*size > limit - all.size()) {
      return absl::ResourceExhaustedError(
          absl::StrCat("request body: larger than ", limit, " bytes"));
    }
    all.append(buffer, *size);
  }
}

Environ::Environ(const Request& request, const ConnectionInfo& connection,
                 Input& input, spdlog::logger& errors)
    : request_(&request),
      connection_(&connection),
      input_(&input),
      errors_(&errors) {}

absl::string_view Environ::request_method() const {
  return *Get("REQUEST_METHOD");
}
absl::string_view Environ::script_name() const { return *Get("SCRIPT_NAME"); }
absl::string_view Environ::path_info() const { return *Get("PATH_INFO"); }
absl::string_view Environ::query_string() const {
  return Get("QUERY_STRING").value_or("");
}
absl::string_view Environ::content_type() const { return *Get("CONTENT_TYPE"); }
absl::string_view Environ::server_name() const { return *Get("SERVER_NAME"); }
absl::string_view Environ::server_port() const { return *Get("SERVER_PORT"); }
absl::string_view Environ::remote_addr() const { return *Get("REMOTE_ADDR"); }
absl::string_view Environ::remote_port() const { return *Get("REMOTE_PORT"); }
absl::string_view Environ::server_protocol() const {
  return *Get("SERVER_PROTOCOL");
}
absl::string_view Environ::url_scheme() const {
  return *Get("wsgi.url_scheme");
}

std::optional<absl::string_view> Environ::Header(absl::string_view name) const {
  for (const wsgi::Header& header : request_->headers) {
    if (absl::EqualsIgnoreCase(header.name, name)) return header.value;
  }
  return std::nullopt;
}

std::optional<absl::string_view> Environ::Get(absl::string_view key) const {
  if (const std::string* value = Overridden(key)) return *value;
  if (const std::optional<absl::string_view> value = Builtin(key)) return value;
  if (!absl::ConsumePrefix(&key, "HTTP_")) return std::nullopt;
  for (const wsgi::Header& header : request_->headers) {
    if (IsCgiNameOf(key, header.name) && !HasOwnVariable(header.name)) {
      return header.value;
    }
  }
  return std::nullopt;
}

void Environ::Set(absl::string_view key, absl::string_view value) {
  const auto found =
      std::find_if(overrides_.begin(), overrides_.end(),
                   [key](const auto& entry) { return entry.first == key; });
  if (found != overrides_.end()) {
    found->second = std::string(value);
  } else {
    overrides_.emplace_back(key, value);
  }
}

void Environ::ShiftPath(size_t size) {
  if (Overridden("SCRIPT_NAME") == nullptr &&
      Overridden("PATH_INFO") == nullptr) {
    script_size_ += size;
    return;
  }
  const std::string path(path_info());
  const absl::string_view rest(path);
  Set("SCRIPT_NAME", absl::StrCat(script_name(), rest.substr(0, size)));
  Set("PATH_INFO", rest.substr(size));
}

void Environ::ForEach(
    absl::FunctionRef<void(absl::string_view, absl::string_view)> visit) const {
  for (const absl::string_view key : kBuiltins) {
    if (Overridden(key) != nullptr) continue;
    if (const std::optional<absl::string_view> value = Builtin(key)) {
      visit(key, *value);
    }
  }
  if (connection_->tls != nullptr) {
    ForEachTlsVariable(*connection_->tls,
                       [&](absl::string_view key, absl::string_view value) {
                         if (Overridden(key) == nullptr) visit(key, value);
                       });
  }
  for (const wsgi::Header& header : request_->headers) {
    if (HasOwnVariable(header.name)) continue;
    const std::string key = CgiName(header.name);
    if (Overridden(key) == nullptr) visit(key, header.value);
  }
  for (const auto& [key, value] : overrides_) visit(key, value);
}

const std::string* Environ::Overridden(absl::string_view key) const {
  for (const auto& entry : overrides_) {
    if (entry.first == key) return &entry.second;
  }
  return nullptr;
}

std::optional<absl::string_view> Environ::Builtin(absl::string_view key) const {
  const absl::string_view path = request_->path;
  if (key == "REQUEST_METHOD") return request_->method;
  if (key == "SCRIPT_NAME") return path.substr(0, script_size_);
  if (key == "PATH_INFO") return path.substr(script_size_);
  if (key == "RAW_PATH_INFO") return request_->raw_path;
  if (key == "QUERY_STRING") return request_->query;
  if (key == "CONTENT_TYPE") {
    return Header("content-type").value_or("text/plain");
  }
  if (key == "CONTENT_LENGTH") return Header("content-length");
  if (key == "SERVER_NAME") return connection_->server_name;
  if (key == "SERVER_PORT") return connection_->server_port;
  if (key == "REMOTE_ADDR") return connection_->remote_addr;
  if (key == "REMOTE_PORT") return connection_->remote_port;
  if (key == "SERVER_PROTOCOL") {
    if (request_->major_version == 2) return "HTTP/2.0";
    return request_->minor_version == 0 ? "HTTP/1.0" : "HTTP/1.1";
  }
  if (key == "SERVER_SOFTWARE") return "bergen";
  if (key == "GATEWAY_INTERFACE") return "CGI/1.1";
  if (key == "HTTPS" && connection_->https) return "on";
  if (key == "wsgi.version") return "(1, 0)";
  if (key == "wsgi.url_scheme") return connection_->https ? "https" : "http";
  if (key == "wsgi.multithread") return Text(connection_->multithread);
  if (key == "wsgi.multiprocess") return Text(connection_->multiprocess);
  if (key == "wsgi.run_once") return Text(false);
  if (connection_->tls == nullptr) return std::nullopt;
  return TlsVariable(*connection_->tls, key);
}

}  // namespace bergen::wsgi
