// SPDX-License-Identifier: Apache-2.0

#include "wsgi/http1.h"

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::wsgi {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// What comes of `input`, a request, if it arrives in two parts cut at `cut`,
// or, with `cut` 0, byte by byte: a description to be compared.
std::string Outcome(const std::string& input, size_t cut,
                    const HeadLimits& limits = {}) {
  size_t arrived = 0;
  const auto more = [&] {
    if (arrived == input.size()) return false;
    arrived =
        cut == 0 ? arrived + 1
                 : (arrived < cut ? std::min(cut, input.size()) : input.size());
    return true;
  };

  HeadScanner scanner(limits);
  HeadScanner::Verdict verdict = HeadScanner::Verdict::kNeedMore;
  while (verdict == HeadScanner::Verdict::kNeedMore && more()) {
    verdict = scanner.Scan(absl::string_view(input).substr(0, arrived));
  }
  if (verdict == HeadScanner::Verdict::kNeedMore) return "incomplete";
  std::optional<Refusal> refusal;
  Request request;
  if (verdict == HeadScanner::Verdict::kRefused) {
    refusal = scanner.refusal();
  } else {
    request.head = input.substr(scanner.head_begin(),
                                scanner.head_end() - scanner.head_begin());
    refusal = ParseHead(request);
  }
  if (refusal.has_value()) {
    return absl::StrCat(refusal->status, " ", refusal->reason, ": ",
                        refusal->detail);
  }

  std::string outcome = absl::StrCat(
      request.method, " ", request.path, "?", request.query.value_or("none"),
      " 1.", request.minor_version, request.keep_alive ? " keep" : " close",
      request.expects_continue ? " continue" : "");
  for (const Header& header : request.headers) {
    absl::StrAppend(&outcome, " [", header.name, "=", header.value, "]");
  }
  size_t used = scanner.head_end();
  if (request.content_length.has_value()) {
    absl::StrAppend(&outcome, " length ", *request.content_length);
  }
  if (!request.chunked) return outcome;

  ChunkDecoder decoder(limits.max_header_line);
  std::string body;
  for (;;) {
    const absl::StatusOr<ChunkDecoder::Step> step =
        decoder.Decode(absl::string_view(input).substr(used, arrived - used));
    if (!step.ok()) return absl::StrCat(outcome, " bad chunks");
    used += step->consumed;
    absl::StrAppend(&body, step->data);
    if (step->done) {
      for (const Header& trailer : decoder.trailers()) {
        absl::StrAppend(&body, " {", trailer.name, "=", trailer.value, "}");
      }
      break;
    }
    if (step->consumed == 0 && !more()) {
      return absl::StrCat(outcome, " chunks incomplete after ", body);
    }
  }
  return absl::StrCat(outcome, " chunks ", body, " rest ", input.substr(used));
}

struct Case {
  std::string input;
  std::string outcome;
};

std::string Post(absl::string_view fields) {
  return absl::StrCat("POST / HTTP/1.1\r\nHost: h\r\n", fields, "\r\n");
}

std::string Chunks(absl::string_view body) {
  return absl::StrCat(Post("Transfer-Encoding: chunked\r\n"), body);
}

constexpr absl::string_view kChunked =
    "POST /?none 1.1 keep [Host=h] [Transfer-Encoding=chunked]";

std::vector<Case> Cases() {
  return {
      // What is understood.
      {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET /?none 1.1 keep [Host=h]"},
      {"\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET /?none 1.1 keep [Host=h]"},
      {"GET /a%20b%2Fc%zz%4?q=%20 HTTP/1.1\r\nHost: h\r\n\r\n",
       "GET /a b/c%zz%4?q=%20 1.1 keep [Host=h]"},
      {"GET //x//y? HTTP/1.1\r\nHost: h\r\n\r\n",
       "GET /x//y? 1.1 keep [Host=h]"},
      {"GET / HTTP/1.0\r\n\r\n", "GET /?none 1.0 close"},
      {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
       "GET /?none 1.0 keep [Connection=Keep-Alive]"},
      {"GET / HTTP/1.1\r\nHost: h\r\nConnection: x, close\r\n\r\n",
       "GET /?none 1.1 close [Host=h] [Connection=x, close]"},
      {"GET http://other:80/p?q HTTP/1.1\r\nHost: h\r\n\r\n",
       "GET /p?q 1.1 keep [Host=other:80]"},
      {"GET https://other?q HTTP/1.0\r\n\r\n",
       "GET /?q 1.0 close [Host=other]"},
      {"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
       "OPTIONS *?none 1.1 keep [Host=h]"},
      {"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
       "GET /?none 1.1 keep [Host=[::1]:80]"},
      {"GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nB:\t 2 \r\na: 3\r\n\r\n",
       "GET /?none 1.1 keep [Host=h] [A=1,3] [B=2]"},
      {"GET / HTTP/1.1\r\nHost: h\r\nX_Y: 1\r\nProxy: p\r\n\r\n",
       "GET /?none 1.1 keep [Host=h]"},
      {Post("Content-Length: 05\r\n"),
       "POST /?none 1.1 keep [Host=h] [Content-Length=05] length 5"},
      {Post("Content-Length: 1\r\nExpect: 100-Continue\r\n"),
       "POST /?none 1.1 keep continue [Host=h] [Content-Length=1] "
       "[Expect=100-Continue] length 1"},
      {Chunks("5\r\nhello\r\n6;ext=\"a b\"\r\n world\r\n0\r\n\r\nnext"),
       absl::StrCat(kChunked, " chunks hello world rest next")},
      {Chunks("00a\r\n0123456789\r\n000;x\r\nTrailer: t\r\nA: b\r\n\r\n"),
       absl::StrCat(kChunked, " chunks 0123456789 {Trailer=t} {A=b} rest ")},
      {Chunks("5\r\nhel"),
       absl::StrCat(kChunked, " chunks incomplete after hel")},
      {"", "incomplete"},
      {"GET / HTT", "incomplete"},
      {"GET / HTTP/1.1\r\nHost: h\r\n\r", "incomplete"},

      // What is not.
      {" GET / HTTP/1.1\r\n\r\n", "400 Bad Request: no method"},
      {"\r\n\r\nGET / HTTP/1.1\r\n\r\n", "400 Bad Request: no method"},
      {"\rGET / HTTP/1.1\r\n\r\n",
       "400 Bad Request: bare CR before the request line"},
      {"\x16\x03\x01\x02", "400 Bad Request: no method"},
      {"GET /\r\n\r\n", "400 Bad Request: malformed request"},
      {"GET  / HTTP/1.1\r\nHost: h\r\n\r\n",
       "400 Bad Request: malformed request"},
      {"GET / HTTP/1.1 \r\nHost: h\r\n\r\n",
       "400 Bad Request: malformed request"},
      {"GET / x HTTP/1.1\r\nHost: h\r\n\r\n",
       "400 Bad Request: malformed request"},
      {"GET / http/1.1\r\nHost: h\r\n\r\n",
       "400 Bad Request: malformed request"},
      {"GET / HTTP/2.0\r\nHost: h\r\n\r\n",
       "505 HTTP Version Not Supported: version is not 1.0 or 1.1"},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
       "505 HTTP Version Not Supported: version is not 1.0 or 1.1"},
      {"GET /\x01 HTTP/1.1\r\nHost: h\r\n\r\n",
       "400 Bad Request: malformed request"},
      {"GET /#x HTTP/1.1\r\nHost: h\r\n\r\n",
       "400 Bad Request: fragment in the request target"},
      {"GET x HTTP/1.1\r\nHost: h\r\n\r\n",
       "400 Bad Request: request target is neither a path nor a URL"},
      {"GET * HTTP/1.1\r\nHost: h\r\n\r\n",
       "400 Bad Request: request target is neither a path nor a URL"},
      {"GET http://a@b/ HTTP/1.1\r\nHost: h\r\n\r\n",
       "400 Bad Request: bad authority in the request target"},
      {"CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n",
       "501 Not Implemented: CONNECT"},
      {"GET / HTTP/1.1\r\n\r\n", "400 Bad Request: no Host in HTTP/1.1"},
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
       "400 Bad Request: bad, empty or repeated Host"},
      {"GET / HTTP/1.1\r\nHost:\r\n\r\n",
       "400 Bad Request: bad, empty or repeated Host"},
      {"GET /%00 HTTP/1.1\r\nHost: h\r\n\r\n",
       "400 Bad Request: NUL in the path"},
      {"GET / HTTP/1.1\rHost: h\r\r\n",
       "400 Bad Request: bare CR in the request line"},
      {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
       "400 Bad Request: bad, empty or repeated Host"},
      {"GET / HTTP/1.1\r\nHost: a]\r\n\r\n",
       "400 Bad Request: bad, empty or repeated Host"},
      {"GET / HTTP/1.1\r\nHost: [[]\r\n\r\n",
       "400 Bad Request: bad, empty or repeated Host"},
      {"GET / HTTP/1.1\nHost: h\n\n", "400 Bad Request: bare LF"},
      {"GET / HTTP/1.1\r\nHost: h\n\r\n", "400 Bad Request: bare LF"},
      {Post("A: b\rC: d\r\n"), "400 Bad Request: malformed request"},
      {Post("A : b\r\n"), "400 Bad Request: malformed request"},
      {Post(": b\r\n"), "400 Bad Request: malformed request"},
      {Post("A\r\n"), "400 Bad Request: malformed request"},
      {Post("A: b\r\n c\r\n"), "400 Bad Request: folded header line"},
      {"GET / HTTP/1.1\r\n Host: h\r\n\r\n",
       "400 Bad Request: folded header line"},
      {Post("A: \x01\r\n"), "400 Bad Request: malformed request"},
      {Post(std::string("A: \0\r\n", 6)), "400 Bad Request: malformed request"},
      {Post("Content-Length: -1\r\n"), "400 Bad Request: malformed request"},
      {Post("Content-Length: +1\r\n"), "400 Bad Request: malformed request"},
      {Post("Content-Length: x\r\n"), "400 Bad Request: malformed request"},
      {Post("Content-Length:\r\n"), "400 Bad Request: malformed request"},
      {Post("Content-Length: 1, 1\r\n"),
       "400 Bad Request: bad or repeated Content-Length"},
      {Post("Content-Length: 1\r\nContent-Length: 1\r\n"),
       "400 Bad Request: bad or repeated Content-Length"},
      {Post("Content-Length: 18446744073709551616\r\n"),
       "400 Bad Request: malformed request"},
      {Post("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
       "400 Bad Request: malformed request"},
      {Post("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n"),
       "400 Bad Request: malformed request"},
      {Post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
       "400 Bad Request: malformed request"},
      {Post("Transfer-Encoding: gzip, chunked\r\n"),
       "501 Not Implemented: Transfer-Encoding other than chunked"},
      {Post("Transfer-Encoding: identity\r\n"),
       "501 Not Implemented: Transfer-Encoding other than chunked"},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
       "400 Bad Request: Transfer-Encoding in HTTP/1.0"},
      {Post("Expect: cake\r\n"),
       "417 Expectation Failed: Expect other than 100-continue"},
      {Chunks("x\r\n"), absl::StrCat(kChunked, " bad chunks")},
      {Chunks("-1\r\n"), absl::StrCat(kChunked, " bad chunks")},
      {Chunks("0x5\r\nhello\r\n\r\n"), absl::StrCat(kChunked, " bad chunks")},
      {Chunks("5\r\nhelloX\r\n0\r\n\r\n"),
       absl::StrCat(kChunked, " bad chunks")},
      {Chunks("5 \r\nhello\r\n"), absl::StrCat(kChunked, " bad chunks")},
      {Chunks("5;a=\"\n\"\r\nhello\r\n"),
       absl::StrCat(kChunked, " bad chunks")},
      {Chunks("11111111111111111\r\n"), absl::StrCat(kChunked, " bad chunks")},
      {Chunks("0\r\nContent-Length: 5\r\n\r\n"),
       absl::StrCat(kChunked, " bad chunks")},
      {Chunks("0\r\nA: b\r\n c\r\n\r\n"),
       absl::StrCat(kChunked, " bad chunks")},
      {Chunks("0\r\nA : b\r\n\r\n"), absl::StrCat(kChunked, " bad chunks")},
  };
}

TEST(Http1Test, RequestsMeanTheSameHoweverTheyAreCut) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.input);
    EXPECT_EQ(Outcome(c.input, c.input.size() + 1), c.outcome);
    for (size_t cut = 0; cut < c.input.size(); ++cut) {
      ASSERT_EQ(Outcome(c.input, cut), c.outcome) << "cut at " << cut;
    }
  }
}

// `text` filled up to `size` before its line end.
std::string Line(std::string text, size_t size) {
  text.append(size - text.size() - 2, 'x');
  return text + "\r\n";
}

void ExpectOutcome(const std::string& input, const HeadLimits& limits,
                   absl::string_view prefix) {
  for (const size_t cut : {size_t{0}, size_t{10}, input.size() / 2,
                           input.size() - 1, input.size()}) {
    EXPECT_THAT(Outcome(input, cut, limits), StartsWith(std::string(prefix)))
        << "cut at " << cut;
  }
}

TEST(Http1Test, RequestLineIsRefusedFromItsLimitOn) {
  const HeadLimits limits = {.max_request_line = 100};
  const auto request = [](size_t size) {
    std::string target = "/";
    target.append(size - absl::string_view("GET / HTTP/1.1\r\n").size(), 'x');
    return absl::StrCat("GET ", target, " HTTP/1.1\r\nHost: h\r\n\r\n");
  };
  ExpectOutcome(request(99), limits, "GET /xxx");
  ExpectOutcome(request(100), limits, "414 URI Too Long");
  // Not even waited for.
  ExpectOutcome(request(1000).substr(0, 99), limits, "414 URI Too Long");
  ExpectOutcome(request(1000).substr(0, 98), limits, "incomplete");
}

TEST(Http1Test, HeaderLineIsRefusedFromItsLimitOn) {
  const HeadLimits limits = {.max_header_line = 100};
  ExpectOutcome(Post(Line("A: ", 99)), limits, "POST /");
  ExpectOutcome(Post(Line("A: ", 100)), limits,
                "431 Request Header Fields Too Large: header line too long");
}

TEST(Http1Test, HeadersAreRefusedWhenTooLargeTogether) {
  const HeadLimits limits = {.max_headers_total = 200};
  const std::string host = "Host: h\r\n";
  ExpectOutcome(Post(Line("A: ", 100) + Line("B: ", 100 - host.size())), limits,
                "POST /");
  ExpectOutcome(Post(Line("A: ", 100) + Line("B: ", 101 - host.size())), limits,
                "431 Request Header Fields Too Large: header lines too large");
}

TEST(Http1Test, TooManyHeadersAreRefused) {
  std::string fields;
  for (int i = 0; i < 99; ++i) absl::StrAppend(&fields, "A", i, ": b\r\n");
  ExpectOutcome(Post(fields), {}, "POST /");
  ExpectOutcome(Post(fields + "Last: b\r\n"), {},
                "431 Request Header Fields Too Large: too many");
}

TEST(Http1Test, ChunkLinesHaveALimit) {
  const HeadLimits limits = {.max_header_line = 100};
  const std::string longer(100, 'x');
  EXPECT_THAT(Outcome(Chunks("1;" + longer + "\r\na\r\n0\r\n\r\n"), 0, limits),
              HasSubstr("bad chunks"));
  EXPECT_THAT(Outcome(Chunks("1;" + longer + "\r\na\r\n0\r\n\r\n"),
                      std::string::npos, limits),
              HasSubstr("bad chunks"));
  EXPECT_THAT(Outcome(Chunks("0\r\nA: " + longer + "\r\n\r\n"),
                      std::string::npos, limits),
              HasSubstr("bad chunks"));
  EXPECT_THAT(Outcome(Chunks("1;x\r\na\r\n0\r\nA: b\r\n\r\n"), 0, limits),
              HasSubstr("chunks a {A=b} rest"));
}

TEST(Http1Test, ExtensionsHaveALimitTogether) {
  std::string small;
  std::string large;
  for (int i = 0; i < 1000; ++i) {
    small += "1;x=y\r\na\r\n";
    large += "1;x=" + std::string(50, 'y') + "\r\na\r\n";
  }
  EXPECT_THAT(Outcome(Chunks(small + "0\r\n\r\n"), 0), HasSubstr("chunks a"));
  EXPECT_THAT(Outcome(Chunks(large + "0\r\n\r\n"), 0), HasSubstr("bad chunks"));
  // Data makes up for them.
  std::string much;
  for (int i = 0; i < 1000; ++i) {
    much +=
        "20;x=" + std::string(50, 'y') + "\r\n" + std::string(32, 'a') + "\r\n";
  }
  EXPECT_THAT(Outcome(Chunks(much + "0\r\n\r\n"), 0), HasSubstr("chunks a"));
}

// Each line of the corpus that begins with `> ` is bytes of its case.
std::vector<std::string> Corpus() {
  std::ifstream file("wsgi/testdata/http1_corpus.txt");
  std::vector<std::string> inputs;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    const bool data = line.rfind("> ", 0) == 0;
    if (data && !inside) inputs.emplace_back();
    inside = data;
    std::string bytes;
    if (!data) continue;
    EXPECT_TRUE(absl::CUnescape(line.substr(2), &bytes)) << line;
    inputs.back() += bytes;
  }
  return inputs;
}

TEST(Http1Test, CorpusMeansTheSameHoweverItIsCut) {
  const std::vector<std::string> corpus = Corpus();
  EXPECT_GT(corpus.size(), 100u);
  for (const std::string& input : corpus) {
    const std::string whole = Outcome(input, input.size() + 1);
    for (size_t cut = 0; cut < input.size(); ++cut) {
      ASSERT_EQ(Outcome(input, cut), whole) << input << "\ncut at " << cut;
    }
  }
}

TEST(Http1Test, ScannerTakesOneHeadOfSeveral) {
  const std::string first = "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n";
  const std::string second = "GET /2 HTTP/1.1\r\n";
  HeadScanner scanner(HeadLimits{});
  ASSERT_EQ(scanner.Scan(first + second), HeadScanner::Verdict::kComplete);
  EXPECT_EQ(scanner.head_begin(), 0u);
  EXPECT_EQ(scanner.head_end(), first.size());
  scanner.Reset();
  EXPECT_EQ(scanner.Scan(second), HeadScanner::Verdict::kNeedMore);
}

}  // namespace
}  // namespace bergen::wsgi
