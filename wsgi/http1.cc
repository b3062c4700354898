// SPDX-License-Identifier: Apache-2.0
//
// The only file that includes Beast, which is slow to compile.

// With input split after the last chunk's line Beast reaches an assertion that
// does not hold, in code that is right without it.
#define BOOST_DISABLE_ASSERTS

#include "wsgi/http1.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "wsgi/characters.h"

namespace bergen::wsgi {
namespace {

namespace http = boost::beast::http;
using boost::beast::error_code;

absl::string_view View(boost::beast::string_view text) {
  return absl::string_view(text.data(), text.size());
}

// A name or an address, perhaps a port. Source: RFC 3986, 3.2.2, where an
// address of IPv6 is in brackets; what is in them is not looked at.
bool IsHost(absl::string_view text) {
  if (text.empty() || text[0] == ':') return false;
  const bool bracketed = text[0] == '[';
  size_t end = bracketed ? 1 : 0;
  while (end < text.size() && IsHostCharacter(text[end]) &&
         (bracketed || text[end] != ':')) {
    ++end;
  }
  if (bracketed && (end == text.size() || text[end++] != ']')) return false;
  return end == text.size() ||
         (text[end] == ':' && ConsistsOf<IsDigit>(text.substr(end + 1)));
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = absl::ascii_tolower(static_cast<unsigned char>(c));
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Decodes %XX; a percent sign without two digits stays as it is.
void DecodePath(absl::string_view raw, std::string& path) {
  path.clear();
  while (absl::StartsWith(raw, "//")) raw.remove_prefix(1);
  for (size_t percent; (percent = raw.find('%')) != raw.npos;) {
    path.append(raw.data(), percent);
    raw.remove_prefix(percent);
    const int high = raw.size() > 2 ? HexDigit(raw[1]) : -1;
    const int low = raw.size() > 2 ? HexDigit(raw[2]) : -1;
    if (high < 0 || low < 0) {
      path.push_back('%');
      raw.remove_prefix(1);
    } else {
      path.push_back(static_cast<char>(high * 16 + low));
      raw.remove_prefix(3);
    }
  }
  path.append(raw.data(), raw.size());
}

// What the line of each chunk may have, besides twice its data, and how much
// data counts for that.
constexpr int64_t kLineAllowance = 16;
constexpr uint64_t kLargeChunk = 1 << 20;

constexpr absl::string_view kTooLarge = "Request Header Fields Too Large";

// Of a target that is a path and nothing else, as it is.
bool IsPlainPathCharacter(char c) {
  return c != '%' && c != '?' && c != '#' && c != '\0';
}

constexpr Refusal kBadRequest = {400, "Bad Request", "malformed request"};

// What Beast says while it parses. Its own checks come first; ours are those
// that it leaves out.
class HeadParser : public http::basic_parser<true> {
 public:
  explicit HeadParser(Request& request) : request_(request) {
    // Checked by HeadScanner.
    header_limit(std::numeric_limits<uint32_t>::max());
    body_limit(std::numeric_limits<uint64_t>::max());
  }

  std::optional<Refusal> Parse() {
    error_code error;
    put(boost::asio::buffer(request_.head.data(), request_.head.size()), error);
    if (refusal_.has_value()) return refusal_;
    if (error == http::error::bad_version) return BadVersion();
    if (error || !is_header_done()) return kBadRequest;
    request_.chunked = chunked();
    request_.keep_alive = keep_alive();
    return Finish();
  }

 private:
  void Refuse(error_code& error, int status, absl::string_view reason,
              absl::string_view detail) {
    refusal_ = Refusal{status, reason, detail};
    error = http::error::bad_field;
  }

  void RefuseBad(error_code& error, absl::string_view detail) {
    Refuse(error, 400, "Bad Request", detail);
  }

  // Well-formed versions that are not ours deserve another answer.
  Refusal BadVersion() const {
    absl::string_view line = request_.request_line;
    for (int blank = 0; blank < 2; ++blank) {
      line.remove_prefix(std::min(line.find(' '), line.size() - 1) + 1);
    }
    if (line.size() == 8 && absl::StartsWith(line, "HTTP/") &&
        absl::ascii_isdigit(line[5]) && line[6] == '.' &&
        absl::ascii_isdigit(line[7])) {
      return {505, "HTTP Version Not Supported", "version is not 1.0 or 1.1"};
    }
    return kBadRequest;
  }

  void on_request_impl(http::verb, boost::beast::string_view method,
                       boost::beast::string_view target, int version,
                       error_code& error) override {
    request_.method = View(method);
    request_.target = View(target);
    request_.minor_version = version - 10;

    absl::string_view path = request_.target;
    if (request_.method == "CONNECT") {
      Refuse(error, 501, "Not Implemented", "CONNECT");
      return;
    }
    // Of most targets there is nothing to take apart.
    if (path[0] == '/' && ConsistsOf<IsPlainPathCharacter>(path) &&
        !absl::StartsWith(path, "//")) {
      request_.raw_path = path;
      request_.path.assign(path.data(), path.size());
      return;
    }
    if (path.find('#') != path.npos) {
      RefuseBad(error, "fragment in the request target");
      return;
    }
    if (path[0] != '/') {
      if (absl::StartsWithIgnoreCase(path, "http://")) {
        path.remove_prefix(7);
      } else if (absl::StartsWithIgnoreCase(path, "https://")) {
        path.remove_prefix(8);
      } else if (path != "*" || request_.method != "OPTIONS") {
        RefuseBad(error, "request target is neither a path nor a URL");
        return;
      }
      if (path != "*") {
        const size_t end = path.find_first_of("/?");
        authority_ = path.substr(0, end);
        path.remove_prefix(authority_.size());
        if (!IsHost(authority_)) {
          RefuseBad(error, "bad authority in the request target");
          return;
        }
      }
    }
    const size_t question = path.find('?');
    if (question != path.npos) {
      request_.query = path.substr(question + 1);
      path = path.substr(0, question);
    }
    // `http://host` and `http://host?query` mean the root.
    request_.raw_path = path.empty() ? "/" : path;
    DecodePath(request_.raw_path, request_.path);
    if (request_.path.find('\0') != std::string::npos) {
      RefuseBad(error, "NUL in the path");
    }
  }

  void on_field_impl(http::field field, boost::beast::string_view name_text,
                     boost::beast::string_view value_text,
                     error_code& error) override {
    const absl::string_view name = View(name_text);
    absl::string_view value = View(value_text);
    switch (field) {
      case http::field::content_length:
        uint64_t length;
        // SimpleAtoi tolerates signs and blanks.
        if (request_.content_length.has_value() || value.empty() ||
            !ConsistsOf<IsDigit>(value) || !absl::SimpleAtoi(value, &length)) {
          RefuseBad(error, "bad or repeated Content-Length");
          return;
        }
        request_.content_length = length;
        break;
      case http::field::transfer_encoding:
        if (request_.minor_version == 0) {
          RefuseBad(error, "Transfer-Encoding in HTTP/1.0");
          return;
        }
        if (!absl::EqualsIgnoreCase(value, "chunked")) {
          Refuse(error, 501, "Not Implemented",
                 "Transfer-Encoding other than chunked");
          return;
        }
        break;
      case http::field::host:
        if (has_host_ || !IsHost(value)) {
          RefuseBad(error, "bad, empty or repeated Host");
          return;
        }
        has_host_ = true;
        // Source: RFC 9112, 3.2.2: the target's authority replaces it.
        if (!authority_.empty()) value = authority_;
        break;
      case http::field::expect:
        if (request_.minor_version == 0) break;
        if (!absl::EqualsIgnoreCase(value, "100-continue")) {
          Refuse(error, 417, "Expectation Failed",
                 "Expect other than 100-continue");
          return;
        }
        request_.expects_continue = true;
        break;
      default:
        if (name.find('_') != name.npos ||
            absl::EqualsIgnoreCase(name, "proxy")) {
          return;
        }
        break;
    }
    Add(name, value);
  }

  void Add(absl::string_view name, absl::string_view value) {
    for (Header& header : request_.headers) {
      if (absl::EqualsIgnoreCase(header.name, name)) {
        request_.joined.push_back(std::make_unique<std::string>(
            absl::StrCat(header.value, ",", value)));
        header.value = *request_.joined.back();
        return;
      }
    }
    request_.headers.push_back({name, value});
  }

  std::optional<Refusal> Finish() {
    if (request_.minor_version >= 1 && !has_host_) {
      return Refusal{400, "Bad Request", "no Host in HTTP/1.1"};
    }
    if (!has_host_ && !authority_.empty()) Add("Host", authority_);
    return std::nullopt;
  }

  void on_response_impl(int, boost::beast::string_view, int,
                        error_code&) override {}
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<uint64_t>&,
                         error_code&) override {}
  size_t on_body_impl(boost::beast::string_view body, error_code&) override {
    return body.size();
  }
  void on_chunk_header_impl(uint64_t, boost::beast::string_view,
                            error_code&) override {}
  size_t on_chunk_body_impl(uint64_t, boost::beast::string_view body,
                            error_code&) override {
    return body.size();
  }
  void on_finish_impl(error_code&) override {}

  Request& request_;
  absl::string_view authority_;
  bool has_host_ = false;
  std::optional<Refusal> refusal_;
};

}  // namespace

HeadScanner::Verdict HeadScanner::Refuse(int status, absl::string_view reason,
                                         absl::string_view detail) {
  refusal_ = {status, reason, detail};
  return Verdict::kRefused;
}

bool HeadScanner::LineTooLong(size_t size) {
  if (!seen_request_line_) {
    if (size < limits_.max_request_line) return false;
    Refuse(414, "URI Too Long", "request line too long");
    return true;
  }
  if (size <= 2) return false;  // May be the empty line.
  const size_t room = limits_.max_headers_total - headers_size_;
  // Whichever limit the bytes reach first.
  if (limits_.max_header_line <= room + 1) {
    if (size < limits_.max_header_line) return false;
    Refuse(431, kTooLarge, "header line too long");
    return true;
  }
  if (size <= room) return false;
  Refuse(431, kTooLarge, "header lines too large together");
  return true;
}

HeadScanner::Verdict HeadScanner::Scan(absl::string_view received) {
  if (!past_begin_) {
    if (received.empty()) return Verdict::kNeedMore;
    if (received[0] == '\r' && begin_ == 0) {
      if (received.size() < 2) return Verdict::kNeedMore;
      if (received[1] != '\n') {
        return Refuse(400, "Bad Request", "bare CR before the request line");
      }
      begin_ = position_ = line_start_ = 2;
    }
    if (received.size() == begin_) return Verdict::kNeedMore;
    // So that what is not HTTP at all is told so at once.
    if (!IsTokenCharacter(received[begin_])) {
      return Refuse(400, "Bad Request", "no method");
    }
    past_begin_ = true;
  }
  for (;;) {
    const char* const found = static_cast<const char*>(
        memchr(received.data() + position_, '\n', received.size() - position_));
    if (found == nullptr) {
      position_ = received.size();
      // At least the line feed is still to come.
      return LineTooLong(position_ - line_start_ + 1) ? Verdict::kRefused
                                                      : Verdict::kNeedMore;
    }
    const size_t end = found - received.data() + 1;
    const size_t size = end - line_start_;
    if (LineTooLong(size)) return Verdict::kRefused;
    if (size < 2 || received[end - 2] != '\r') {
      return Refuse(400, "Bad Request", "bare LF");
    }
    // In other lines the parser finds it, when the head is complete; this one
    // could be all that the client thinks it has to send.
    if (!seen_request_line_ &&
        memchr(received.data() + line_start_, '\r', size - 2) != nullptr) {
      return Refuse(400, "Bad Request", "bare CR in the request line");
    }
    const absl::string_view line = received.substr(line_start_, size);
    line_start_ = position_ = end;
    if (!seen_request_line_) {
      seen_request_line_ = true;
      continue;
    }
    if (size == 2) return Verdict::kComplete;
    if (line[0] == ' ' || line[0] == '\t') {
      return Refuse(400, "Bad Request", "folded header line");
    }
    if (++headers_ > limits_.max_headers) {
      return Refuse(431, kTooLarge, "too many header lines");
    }
    headers_size_ += size;
    const char first = line[0] | 0x20;
    if ((first == 'c' && absl::StartsWithIgnoreCase(line, "content-length")) ||
        (first == 't' &&
         absl::StartsWithIgnoreCase(line, "transfer-encoding"))) {
      may_have_body_ = true;
    }
  }
}

void HeadScanner::Reset() {
  begin_ = position_ = line_start_ = 0;
  seen_request_line_ = past_begin_ = may_have_body_ = false;
  headers_ = 0;
  headers_size_ = 0;
}

std::optional<Refusal> ParseHead(Request& request) {
  request.query.reset();
  request.headers.clear();
  request.joined.clear();
  request.content_length.reset();
  request.chunked = false;
  request.keep_alive = false;
  request.expects_continue = false;
  request.method = request.target = request.raw_path = "";
  request.path.clear();
  request.major_version = 1;
  request.minor_version = 1;
  const absl::string_view head(request.head);
  request.request_line = head.substr(0, head.find('\r'));
  return HeadParser(request).Parse();
}

class ChunkDecoder::Parser : public http::basic_parser<true> {
 public:
  Parser() {
    body_limit(std::numeric_limits<uint64_t>::max());
    static constexpr absl::string_view kHead =
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    error_code error;
    put(boost::asio::buffer(kHead.data(), kHead.size()), error);
  }

  absl::Span<const Header> trailers() const { return trailers_; }
  absl::string_view TakeData() { return std::exchange(data_, {}); }
  // Of the chunks whose lines were read since the last call: how long their
  // lines may be.
  int64_t TakeAllowance() { return std::exchange(allowance_, 0); }

 private:
  void on_request_impl(http::verb, boost::beast::string_view,
                       boost::beast::string_view, int, error_code&) override {}
  void on_response_impl(int, boost::beast::string_view, int,
                        error_code&) override {}
  void on_field_impl(http::field, boost::beast::string_view name,
                     boost::beast::string_view value, error_code&) override {
    if (!past_head_) return;
    text_.push_back(
        std::make_unique<std::string>(absl::StrCat(View(name), View(value))));
    const absl::string_view both = *text_.back();
    trailers_.push_back(
        {both.substr(0, name.size()), both.substr(name.size())});
  }
  void on_header_impl(error_code&) override { past_head_ = true; }
  void on_body_init_impl(const boost::optional<uint64_t>&,
                         error_code&) override {}
  size_t on_body_impl(boost::beast::string_view body, error_code&) override {
    return body.size();
  }
  void on_chunk_header_impl(uint64_t size, boost::beast::string_view extensions,
                            error_code& error) override {
    allowance_ += kLineAllowance + 2 * static_cast<int64_t>(std::min<uint64_t>(
                                           size, kLargeChunk));
    // Beast lets control characters pass inside quotes. A line feed there would
    // be the end of the line to a careless proxy.
    if (!ConsistsOf<IsValueCharacter>(View(extensions))) {
      error = http::error::bad_chunk_extension;
    }
  }
  size_t on_chunk_body_impl(uint64_t, boost::beast::string_view body,
                            error_code&) override {
    data_ = View(body);
    return body.size();
  }
  void on_finish_impl(error_code&) override {}

  bool past_head_ = false;
  std::vector<Header> trailers_;
  std::vector<std::unique_ptr<std::string>> text_;  // What they point to.
  absl::string_view data_;
  int64_t allowance_ = 0;
};

ChunkDecoder::ChunkDecoder(size_t max_line)
    : max_line_(max_line), parser_(std::make_unique<Parser>()) {}

ChunkDecoder::~ChunkDecoder() = default;

absl::Span<const Header> ChunkDecoder::trailers() const {
  return parser_->trailers();
}

absl::StatusOr<ChunkDecoder::Step> ChunkDecoder::Decode(
    absl::string_view input) {
  Step step;
  if (input.empty()) return step;
  error_code error;
  step.consumed =
      parser_->put(boost::asio::buffer(input.data(), input.size()), error);
  step.data = parser_->TakeData();
  step.done = parser_->is_done();
  if (error && error != http::error::need_more) {
    return absl::InvalidArgumentError(
        absl::StrCat("request body: bad chunk: ", error.message()));
  }
  // Without data, what was used up, or would be, is lines.
  const size_t line = error ? input.size() + 1 : step.consumed;
  if (step.data.empty() && line > max_line_) {
    return absl::InvalidArgumentError(absl::StrCat(
        "request body: chunk line longer than ", max_line_, " bytes"));
  }
  if (error) {
    step.consumed = 0;
    return step;
  }
  const absl::string_view lines =
      input.substr(0, step.consumed - step.data.size());
  // Beast would unfold them.
  if (lines.find("\r\n ") != lines.npos || lines.find("\r\n\t") != lines.npos) {
    return absl::InvalidArgumentError("request body: folded trailer line");
  }
  excess_ = std::max<int64_t>(0, excess_ + static_cast<int64_t>(lines.size()) -
                                     parser_->TakeAllowance());
  if (excess_ > static_cast<int64_t>(max_line_)) {
    return absl::InvalidArgumentError(
        "request body: chunk extensions too large together");
  }
  return step;
}

}  // namespace bergen::wsgi
