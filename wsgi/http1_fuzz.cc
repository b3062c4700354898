// SPDX-License-Identifier: Apache-2.0
//
// Any bytes: whole and cut in two they must come to the same.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "wsgi/http1.h"

namespace bergen::wsgi {
namespace {

constexpr HeadLimits kLimits = {.max_request_line = 200,
                                .max_header_line = 100,
                                .max_headers_total = 300,
                                .max_headers = 5};

// The data of the chunks, or `bad`.
std::string Decode(absl::string_view input, size_t cut) {
  ChunkDecoder decoder(kLimits.max_header_line);
  std::string body;
  size_t used = 0;
  size_t arrived = cut;
  for (;;) {
    const absl::StatusOr<ChunkDecoder::Step> step =
        decoder.Decode(input.substr(used, arrived - used));
    if (!step.ok()) return "bad";
    if (step->consumed > arrived - used) abort();
    used += step->consumed;
    absl::StrAppend(&body, step->data);
    if (step->done) return absl::StrCat(body, "|", input.substr(used));
    if (step->consumed > 0) continue;
    if (arrived == input.size()) return absl::StrCat(body, "...");
    arrived = input.size();
  }
}

std::string Outcome(absl::string_view input, size_t cut) {
  HeadScanner scanner(kLimits);
  HeadScanner::Verdict verdict = scanner.Scan(input.substr(0, cut));
  if (verdict == HeadScanner::Verdict::kNeedMore) verdict = scanner.Scan(input);
  if (verdict == HeadScanner::Verdict::kNeedMore) return "more";
  if (verdict == HeadScanner::Verdict::kRefused) {
    return absl::StrCat(scanner.refusal().status, scanner.refusal().detail);
  }
  Request request;
  request.head = std::string(input.substr(
      scanner.head_begin(), scanner.head_end() - scanner.head_begin()));
  if (const std::optional<Refusal> refusal = ParseHead(request)) {
    return absl::StrCat(refusal->status, refusal->detail);
  }
  if (request.chunked && request.content_length.has_value()) abort();
  for (const Header& header : request.headers) {
    if (header.value.find_first_of(absl::string_view("\r\n\0", 3)) !=
        absl::string_view::npos) {
      abort();
    }
  }
  std::string outcome =
      absl::StrCat(request.method, request.path, request.headers.size());
  if (!request.chunked) return outcome;
  const absl::string_view rest = input.substr(scanner.head_end());
  return absl::StrCat(
      outcome,
      Decode(rest, cut > scanner.head_end() ? cut - scanner.head_end() : 0));
}

}  // namespace
}  // namespace bergen::wsgi

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const absl::string_view input(reinterpret_cast<const char*>(data) + 1,
                                size - 1);
  const size_t cut = input.empty() ? 0 : data[0] % (input.size() + 1);
  if (bergen::wsgi::Outcome(input, cut) !=
      bergen::wsgi::Outcome(input, input.size())) {
    abort();
  }
  return 0;
}
