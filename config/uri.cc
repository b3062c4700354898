// SPDX-License-Identifier: Apache-2.0

#include "config/uri.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdint>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace bergen::config {
namespace {

// `unreserved` and `sub-delims` of RFC 3986, besides letters and digits.
constexpr absl::string_view kUnreserved = "-._~";
constexpr absl::string_view kSubDelims = "!$&'()*+,;=";

// What a part of a URI may hold besides letters, digits and the above.
constexpr absl::string_view kInUser = ":";
constexpr absl::string_view kInHost = "";
constexpr absl::string_view kInPath = ":@/";
constexpr absl::string_view kInQuery = ":@/?";

absl::Status Wrong(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("not a URI: ", what));
}

bool IsEncoded(absl::string_view text) {
  return text.size() >= 3 && text[0] == '%' &&
         absl::ascii_isxdigit(static_cast<unsigned char>(text[1])) &&
         absl::ascii_isxdigit(static_cast<unsigned char>(text[2]));
}

// Whether `part` is made of what any part may hold and of `more`.
bool IsMadeOf(absl::string_view part, absl::string_view more) {
  while (!part.empty()) {
    const char c = part.front();
    const bool good = absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                      absl::StrContains(kUnreserved, c) ||
                      absl::StrContains(kSubDelims, c) ||
                      absl::StrContains(more, c);
    if (!good && !IsEncoded(part)) return false;
    part.remove_prefix(good ? 1 : 3);
  }
  return true;
}

absl::Status CheckPart(absl::string_view name, absl::string_view part,
                       absl::string_view more) {
  if (IsMadeOf(part, more)) return absl::OkStatus();
  return Wrong(absl::StrCat("its ", name,
                            " has a character that must be percent-encoded"));
}

bool IsScheme(absl::string_view text) {
  return !text.empty() &&
         absl::ascii_isalpha(static_cast<unsigned char>(text[0])) &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '+' || c == '-' || c == '.';
         });
}

bool IsIpv6(absl::string_view text) {
  if (absl::StrContains(text, '\0')) return false;
  in6_addr address{};
  return inet_pton(AF_INET6, std::string(text).c_str(), &address) == 1;
}

// `IPvFuture` of RFC 3986.
bool IsLaterIp(absl::string_view text) {
  if (text.empty() || text.front() != 'v') return false;
  text.remove_prefix(1);
  const size_t dot = text.find('.');
  if (dot == text.npos) return false;
  const absl::string_view version = text.substr(0, dot);
  const absl::string_view address = text.substr(dot + 1);
  return !version.empty() && !address.empty() &&
         std::all_of(version.begin(), version.end(),
                     [](unsigned char c) { return absl::ascii_isxdigit(c); }) &&
         !absl::StrContains(address, '%') && IsMadeOf(address, ":");
}

// What stands in brackets: an address, after which `%25` and a zone may stand.
bool IsIpLiteral(absl::string_view text) {
  if (IsLaterIp(text)) return true;
  constexpr absl::string_view kZone = "%25";
  const size_t end = text.find(kZone);
  if (end == text.npos) return IsIpv6(text);
  const absl::string_view zone = text.substr(end + kZone.size());
  const bool is_zone = !zone.empty() && IsMadeOf(zone, "") &&
                       std::none_of(zone.begin(), zone.end(), [](char c) {
                         return absl::StrContains(kSubDelims, c);
                       });
  return is_zone && IsIpv6(text.substr(0, end));
}

// A name that could be taken for an IPv4 address, and is none.
bool IsBadIpv4(absl::string_view host) {
  const std::vector<absl::string_view> numbers = absl::StrSplit(host, '.');
  if (numbers.size() != 4) return false;
  bool above = false;
  for (const absl::string_view number : numbers) {
    const bool is_number =
        !number.empty() && number.size() <= 3 &&
        std::all_of(number.begin(), number.end(),
                    [](unsigned char c) { return absl::ascii_isdigit(c); });
    if (!is_number) return false;
    int value = 0;
    above |= !absl::SimpleAtoi(number, &value) || value > 255;
  }
  return above;
}

absl::Status CheckPort(absl::string_view text) {
  const bool digits =
      std::all_of(text.begin(), text.end(),
                  [](unsigned char c) { return absl::ascii_isdigit(c); });
  int64_t port = 0;
  constexpr int64_t kMax = std::numeric_limits<uint16_t>::max();
  const bool good =
      text.empty() || (digits && absl::SimpleAtoi(text, &port) && port <= kMax);
  if (good) return absl::OkStatus();
  return Wrong(absl::StrCat("its port must be 0 to ", kMax));
}

absl::Status CheckAuthority(absl::string_view authority) {
  const size_t at = authority.find('@');
  if (at != authority.npos) {
    const absl::string_view user = authority.substr(0, at);
    if (user.empty()) return Wrong("its user is empty");
    const absl::Status status = CheckPart("user", user, kInUser);
    if (!status.ok()) return status;
    authority.remove_prefix(at + 1);
  }
  size_t end = authority.find(':');
  if (absl::StartsWith(authority, "[")) {
    const size_t close = authority.find(']');
    if (close == authority.npos ||
        !IsIpLiteral(authority.substr(1, close - 1))) {
      return Wrong("what stands in [] is not an IPv6 address");
    }
    end = close + 1;
    if (end < authority.size() && authority[end] != ':') {
      return Wrong("only a port may follow the host in []");
    }
  } else {
    const absl::string_view host = authority.substr(0, end);
    if (host.empty()) return Wrong("it has no host");
    const absl::Status status = CheckPart("host", host, kInHost);
    if (!status.ok()) return status;
    if (IsBadIpv4(host)) {
      return Wrong("its host is not an IPv4 address: above 255");
    }
  }
  if (end >= authority.size()) return absl::OkStatus();
  return CheckPort(authority.substr(end + 1));
}

// Cuts `text` before the first of `ends`; returns what was before.
absl::string_view CutAt(absl::string_view ends, absl::string_view& text) {
  const absl::string_view part = text.substr(0, text.find_first_of(ends));
  text.remove_prefix(part.size());
  return part;
}

absl::Status CheckUri(absl::string_view text,
                      const std::vector<std::string>& schemes) {
  const size_t colon = text.find(':');
  const absl::string_view scheme =
      colon == text.npos ? absl::string_view() : text.substr(0, colon);
  if (!IsScheme(scheme)) return Wrong("it does not begin with a scheme");
  text.remove_prefix(colon + 1);
  if (!absl::StartsWith(text, "//")) {
    return Wrong("no // and host follow its scheme");
  }
  text.remove_prefix(2);
  absl::Status status = CheckAuthority(CutAt("/?#", text));
  if (!status.ok()) return status;
  status = CheckPart("path", CutAt("?#", text), kInPath);
  if (!status.ok()) return status;
  const absl::string_view query = CutAt("#", text);
  if (!query.empty()) status = CheckPart("query", query.substr(1), kInQuery);
  if (!status.ok()) return status;
  if (!text.empty()) status = CheckPart("fragment", text.substr(1), kInQuery);
  if (!status.ok()) return status;
  const bool is_allowed =
      schemes.empty() ||
      std::any_of(schemes.begin(), schemes.end(),
                  [&](const std::string& allowed) {
                    return absl::EqualsIgnoreCase(allowed, scheme);
                  });
  if (is_allowed) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("its scheme must be one of ", absl::StrJoin(schemes, ", ")));
}

}  // namespace

absl::StatusOr<Uri> ValueType<Uri>::Parse(absl::string_view text,
                                          const Rules& rules) {
  Uri value{std::string(text)};
  const absl::Status status = Check(value, rules);
  if (!status.ok()) return status;
  return value;
}

absl::Status ValueType<Uri>::Check(const Uri& value, const Rules& rules) {
  const absl::Status status = CheckUri(value.text, rules.schemes);
  if (!status.ok()) return status;
  if (rules.max_length > 0 && value.text.size() > rules.max_length) {
    return absl::InvalidArgumentError(
        absl::StrCat("longer than ", rules.max_length, " characters"));
  }
  return absl::OkStatus();
}

absl::Status ValueType<Uri>::CheckRules(const Rules& rules) {
  for (const std::string& scheme : rules.schemes) {
    if (IsScheme(scheme)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("one of its schemes is none: ", internal::Quoted(scheme)));
  }
  return absl::OkStatus();
}

std::vector<std::string> ValueType<Uri>::RuleLines(const Rules& rules) {
  std::vector<std::string> lines;
  if (rules.max_length > 0) {
    lines.push_back(absl::StrCat("at most ", rules.max_length, " characters"));
  }
  if (!rules.schemes.empty()) {
    lines.push_back(absl::StrCat("its scheme is one of ",
                                 absl::StrJoin(rules.schemes, ", ")));
  }
  return lines;
}

}  // namespace bergen::config
