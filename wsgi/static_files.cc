// SPDX-License-Identifier: Apache-2.0

#include "wsgi/static_files.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "wsgi/file_body.h"
#include "wsgi/response.h"

namespace bergen::wsgi {
namespace {

// Small files are one write with their heads.
constexpr uint64_t kReadAtOnce = 65536;

struct MediaType {
  absl::string_view extension;
  absl::string_view type;
};

// Sorted. Source: the registry of media types, and what browsers expect.
constexpr MediaType kMediaTypes[] = {
    {"aac", "audio/aac"},
    {"avif", "image/avif"},
    {"bin", "application/octet-stream"},
    {"bmp", "image/bmp"},
    {"bz2", "application/x-bzip2"},
    {"css", "text/css"},
    {"csv", "text/csv"},
    {"epub", "application/epub+zip"},
    {"flac", "audio/flac"},
    {"gif", "image/gif"},
    {"gz", "application/gzip"},
    {"htm", "text/html"},
    {"html", "text/html"},
    {"ico", "image/x-icon"},
    {"ics", "text/calendar"},
    {"iso", "application/octet-stream"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript"},
    {"json", "application/json"},
    {"jsonld", "application/ld+json"},
    {"md", "text/markdown"},
    {"mjs", "text/javascript"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"mpeg", "video/mpeg"},
    {"oga", "audio/ogg"},
    {"ogg", "audio/ogg"},
    {"ogv", "video/ogg"},
    {"otf", "font/otf"},
    {"pdf", "application/pdf"},
    {"png", "image/png"},
    {"rst", "text/x-rst"},
    {"rtf", "application/rtf"},
    {"svg", "image/svg+xml"},
    {"tar", "application/x-tar"},
    {"tif", "image/tiff"},
    {"tiff", "image/tiff"},
    {"ttf", "font/ttf"},
    {"txt", "text/plain"},
    {"wasm", "application/wasm"},
    {"wav", "audio/wav"},
    {"webm", "video/webm"},
    {"webmanifest", "application/manifest+json"},
    {"webp", "image/webp"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"xhtml", "application/xhtml+xml"},
    {"xml", "text/xml"},
    {"xz", "application/x-xz"},
    {"yaml", "application/yaml"},
    {"yml", "application/yaml"},
    {"zip", "application/zip"},
    {"zst", "application/zstd"},
};

std::string ExtensionOf(absl::string_view name) {
  const size_t dot = name.rfind('.');
  return dot == name.npos ? "" : absl::AsciiStrToLower(name.substr(dot + 1));
}

absl::string_view TypeOfExtension(absl::string_view extension) {
  const MediaType* const found = std::lower_bound(
      std::begin(kMediaTypes), std::end(kMediaTypes), extension,
      [](const MediaType& type, absl::string_view wanted) {
        return type.extension < wanted;
      });
  return found != std::end(kMediaTypes) && found->extension == extension
             ? found->type
             : "application/octet-stream";
}

// Whatever `path`, relative, leads to without leaving `root`.
UniqueFd OpenBeneath(int root, const std::string& path, uint64_t flags) {
  open_how how = {};
  how.flags = flags | O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  int fd;
  do {
    fd = static_cast<int>(
        ::syscall(SYS_openat2, root, path.c_str(), &how, sizeof(how)));
    // EAGAIN: something was renamed on the way.
  } while (fd < 0 && (errno == EINTR || errno == EAGAIN));
  return UniqueFd(fd);
}

// A path below the root, or none if no file that is served can have it. The
// empty path is the root.
std::optional<std::string> RelativePath(absl::string_view path_info) {
  std::vector<absl::string_view> names =
      absl::StrSplit(path_info, '/', absl::SkipEmpty());
  for (const absl::string_view name : names) {
    if (name[0] == '.' || absl::StrContains(name, '\0')) return std::nullopt;
  }
  return absl::StrJoin(names, "/");
}

// As part of a URL.
std::string Encoded(absl::string_view path) {
  std::string out;
  for (const char c : path) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
        absl::StrContains("/-._~", c)) {
      out += c;
    } else {
      absl::StrAppendFormat(&out, "%%%02X", static_cast<unsigned char>(c));
    }
  }
  return out;
}

absl::StatusOr<Body> Answer(StartResponse& start_response,
                            absl::string_view status,
                            std::vector<Header> headers) {
  headers.push_back({"Content-Type", "text/plain"});
  absl::Status started = start_response(status, headers);
  if (!started.ok()) return started;
  return Body(absl::StrCat(status, "\n"));
}

absl::StatusOr<Body> NotFound(StartResponse& start_response) {
  return Answer(start_response, "404 Not Found", {});
}

// Answers why something could not be opened.
absl::StatusOr<Body> OpenError(int error, StartResponse& start_response) {
  switch (error) {
    case EACCES:
    case EPERM:
      return Answer(start_response, "403 Forbidden", {});
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return absl::ErrnoToStatus(error, "static file");
    default:  // Missing, a circle of links, out of the root, too long, ...
      return NotFound(start_response);
  }
}

std::optional<absl::Time> ParseHttpDate(absl::string_view text) {
  absl::Time time;
  for (const char* format :
       {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
        "%a %b %e %H:%M:%S %Y"}) {
    if (absl::ParseTime(format, text, &time, nullptr)) return time;
  }
  return std::nullopt;
}

// What conditions are about.
struct Version {
  std::string etag;
  absl::Time modified;  // In whole seconds.
};

// Whether a list of If-Match or If-None-Match names the file. A weak one is the
// same only if `weak`.
bool Names(absl::string_view list, absl::string_view etag, bool weak) {
  if (absl::StripAsciiWhitespace(list) == "*") return true;
  for (absl::string_view item : absl::StrSplit(list, ',')) {
    item = absl::StripAsciiWhitespace(item);
    if (weak) absl::ConsumePrefix(&item, "W/");
    if (item == etag) return true;
  }
  return false;
}

enum class Condition { kHolds, kNotModified, kFailed };

// Source: RFC 9110, 13.2.2.
Condition Check(const Environ& environ, const Version& version) {
  if (const auto match = environ.Header("if-match")) {
    if (!Names(*match, version.etag, false)) return Condition::kFailed;
  } else if (const auto text = environ.Header("if-unmodified-since")) {
    const std::optional<absl::Time> since = ParseHttpDate(*text);
    if (since.has_value() && version.modified > *since) {
      return Condition::kFailed;
    }
  }
  if (const auto none_match = environ.Header("if-none-match")) {
    if (Names(*none_match, version.etag, true)) return Condition::kNotModified;
  } else if (const auto text = environ.Header("if-modified-since")) {
    const std::optional<absl::Time> since = ParseHttpDate(*text);
    if (since.has_value() && version.modified <= *since) {
      return Condition::kNotModified;
    }
  }
  return Condition::kHolds;
}

struct Range {
  uint64_t begin = 0;
  uint64_t end = 0;  // Not included.
};

enum class RangeKind { kWhole, kPart, kUnsatisfiable };

// Source: RFC 9110, 14.
RangeKind ParseRange(const Environ& environ, const Version& version,
                     uint64_t size, Range& range) {
  range = {0, size};
  const std::optional<absl::string_view> header = environ.Header("range");
  if (!header.has_value()) return RangeKind::kWhole;
  if (const auto if_range = environ.Header("if-range")) {
    const std::optional<absl::Time> date = ParseHttpDate(*if_range);
    if (date.has_value() ? *date != version.modified
                         : *if_range != version.etag) {
      return RangeKind::kWhole;
    }
  }
  absl::string_view text = *header;
  const size_t dash = text.find('-');
  if (!absl::StartsWithIgnoreCase(text, "bytes=") || dash == text.npos) {
    return RangeKind::kWhole;
  }
  const absl::string_view first =
      absl::StripAsciiWhitespace(text.substr(6, dash - 6));
  const absl::string_view last =
      absl::StripAsciiWhitespace(text.substr(dash + 1));
  const auto is_number = [](absl::string_view number) {
    return number.find_first_not_of("0123456789") == number.npos;
  };
  uint64_t begin = 0;
  uint64_t end = 0;
  if (!is_number(first) || !is_number(last) ||
      (!first.empty() && !absl::SimpleAtoi(first, &begin)) ||
      (!last.empty() && !absl::SimpleAtoi(last, &end)) ||
      (first.empty() && last.empty()) ||
      (!first.empty() && !last.empty() && end < begin)) {
    return RangeKind::kWhole;
  }
  if (first.empty()) {
    if (end == 0 || size == 0) return RangeKind::kUnsatisfiable;
    range = {size - std::min(end, size), size};
    return RangeKind::kPart;
  }
  if (begin >= size) return RangeKind::kUnsatisfiable;
  range = {begin, last.empty() || end >= size ? size : end + 1};
  return RangeKind::kPart;
}

absl::StatusOr<Body> Content(UniqueFd fd, const Range& range) {
  auto file = std::make_unique<FileBody>(std::move(fd), range.begin,
                                         range.end - range.begin);
  if (range.end - range.begin > kReadAtOnce) return Body(std::move(file));
  std::string all;
  for (;;) {
    const absl::StatusOr<std::optional<absl::string_view>> piece = file->Next();
    if (!piece.ok()) return piece.status();
    if (!piece->has_value()) return Body(std::move(all));
    absl::StrAppend(&all, **piece);
  }
}

}  // namespace

absl::string_view MediaTypeOf(absl::string_view name) {
  return TypeOfExtension(ExtensionOf(name));
}

absl::StatusOr<std::unique_ptr<StaticFiles>> StaticFiles::Create(
    absl::string_view directory, StaticFilesOptions options) {
  if (absl::StrContains(options.index, '/') ||
      absl::StartsWith(options.index, ".")) {
    return absl::InvalidArgumentError(absl::StrCat(
        "static files: index is no name of a file: ", options.index));
  }
  const std::string path(directory);
  UniqueFd root(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root.ok()) {
    return absl::ErrnoToStatus(errno, absl::StrCat("static files: ", path));
  }
  const UniqueFd same = OpenBeneath(root.get(), ".", O_DIRECTORY);
  if (!same.ok()) {
    return absl::ErrnoToStatus(errno, absl::StrCat("static files: ", path));
  }
  return std::unique_ptr<StaticFiles>(
      new StaticFiles(std::move(root), std::move(options)));
}

std::string StaticFiles::TypeOf(absl::string_view name) const {
  const auto own = options_.types.find(ExtensionOf(name));
  return own != options_.types.end() ? own->second
                                     : std::string(MediaTypeOf(name));
}

absl::StatusOr<Body> StaticFiles::operator()(Environ& environ,
                                             StartResponse& start_response) {
  if (environ.request_method() != "GET" && environ.request_method() != "HEAD") {
    return Answer(start_response, "405 Method Not Allowed",
                  {{"Allow", "GET, HEAD"}});
  }
  std::optional<std::string> path = RelativePath(environ.path_info());
  if (!path.has_value()) return NotFound(start_response);
  const bool is_directory =
      path->empty() || absl::EndsWith(environ.path_info(), "/");
  if (is_directory) {
    if (options_.index.empty()) return NotFound(start_response);
    absl::StrAppend(&*path, path->empty() ? "" : "/", options_.index);
  }
  UniqueFd fd = OpenBeneath(root_.get(), *path, 0);
  struct stat info;
  if (!fd.ok() || ::fstat(fd.get(), &info) != 0) {
    return OpenError(errno, start_response);
  }
  if (S_ISDIR(info.st_mode) && !is_directory && !options_.index.empty() &&
      OpenBeneath(root_.get(), absl::StrCat(*path, "/", options_.index), 0)
          .ok()) {
    const absl::string_view query = environ.query_string();
    const std::string location =
        absl::StrCat(Encoded(environ.script_name()), "/", Encoded(*path), "/",
                     query.empty() ? "" : "?", query);
    return Answer(start_response, "301 Moved Permanently",
                  {{"Location", location}});
  }
  // A request for the directory itself, relative to which links are meant.
  if (!S_ISREG(info.st_mode)) return NotFound(start_response);

  const uint64_t size = static_cast<uint64_t>(info.st_size);
  const Version version = {
      absl::StrFormat("\"%x-%x\"", size,
                      absl::ToUnixNanos(absl::TimeFromTimespec(info.st_mtim))),
      absl::FromTimeT(info.st_mtim.tv_sec)};
  const std::string modified = HttpDate::Format(info.st_mtim.tv_sec);
  std::vector<Header> headers = {{"ETag", version.etag},
                                 {"Last-Modified", modified},
                                 {"Accept-Ranges", "bytes"},
                                 {"X-Content-Type-Options", "nosniff"}};
  std::string max_age;
  if (options_.max_age.has_value()) {
    max_age = absl::StrCat("max-age=", absl::ToInt64Seconds(*options_.max_age));
    headers.push_back({"Cache-Control", max_age});
  }
  switch (Check(environ, version)) {
    case Condition::kFailed:
      return Answer(start_response, "412 Precondition Failed", {});
    case Condition::kNotModified: {
      absl::Status started = start_response("304 Not Modified", headers);
      if (!started.ok()) return started;
      return Body();
    }
    case Condition::kHolds:
      break;
  }

  Range range;
  absl::string_view status = "200 OK";
  std::string content_range;
  // A range is of what GET would send.
  if (environ.request_method() == "GET") {
    switch (ParseRange(environ, version, size, range)) {
      case RangeKind::kUnsatisfiable:
        content_range = absl::StrCat("bytes */", size);
        return Answer(start_response, "416 Range Not Satisfiable",
                      {{"Content-Range", content_range}});
      case RangeKind::kPart:
        status = "206 Partial Content";
        content_range =
            absl::StrCat("bytes ", range.begin, "-", range.end - 1, "/", size);
        headers.push_back({"Content-Range", content_range});
        break;
      case RangeKind::kWhole:
        break;
    }
  } else {
    range = {0, size};
  }
  const std::string type = TypeOf(*path);
  const std::string length = absl::StrCat(range.end - range.begin);
  headers.push_back({"Content-Type", type});
  headers.push_back({"Content-Length", length});
  absl::Status started = start_response(status, headers);
  if (!started.ok()) return started;
  if (environ.request_method() == "HEAD") return Body();
  return Content(std::move(fd), range);
}

absl::StatusOr<std::unique_ptr<Application>> StaticFilesFactory(
    const PasteSettings&, const PasteSettings& locals) {
  const std::optional<absl::string_view> root = locals.Get("document_root");
  if (!root.has_value()) {
    return absl::InvalidArgumentError("static files: no document_root");
  }
  StaticFilesOptions options;
  if (const auto text = locals.Get("cache_max_age")) {
    uint32_t seconds;
    if (!absl::SimpleAtoi(*text, &seconds)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "static files: cache_max_age is no number of seconds: ", *text));
    }
    options.max_age = absl::Seconds(seconds);
  }
  absl::StatusOr<std::unique_ptr<StaticFiles>> files =
      StaticFiles::Create(*root, std::move(options));
  if (!files.ok()) return files.status();
  return *std::move(files);
}

}  // namespace bergen::wsgi
