// SPDX-License-Identifier: Apache-2.0

#include "wsgi/request_id.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"

namespace bergen::wsgi {
namespace {

constexpr absl::string_view kKey = "bergen.request_id";

// `error` with the same code, so that the server answers it the same.
absl::Status WithId(const absl::Status& error, absl::string_view id) {
  absl::Status with_id(error.code(),
                       absl::StrCat(error.message(), " [", id, "]"));
  error.ForEachPayload([&with_id](absl::string_view url, const auto& payload) {
    with_id.SetPayload(url, payload);
  });
  return with_id;
}

class StartWithId : public StartResponse {
 public:
  StartWithId(StartResponse& start_response, std::string id)
      : start_response_(&start_response), id_(std::move(id)) {}

  absl::Status operator()(absl::string_view status,
                          absl::Span<const Header> headers) override {
    std::vector<Header> all(headers.begin(), headers.end());
    if (std::none_of(all.begin(), all.end(), [](const Header& header) {
          return absl::EqualsIgnoreCase(header.name, kRequestIdHeader);
        })) {
      all.push_back({kRequestIdHeader, id_});
    }
    return (*start_response_)(status, all);
  }

  const std::string& id() const { return id_; }

 private:
  StartResponse* start_response_;
  std::string id_;
};

// Keeps what the application may still call.
class BodyWithId : public BodySource {
 public:
  BodyWithId(std::unique_ptr<StartWithId> start, Body body)
      : start_(std::move(start)), body_(std::move(body)) {}

  absl::StatusOr<std::optional<absl::string_view>> Next() override {
    absl::StatusOr<std::optional<absl::string_view>> piece =
        body_.source()->Next();
    if (!piece.ok()) return WithId(piece.status(), start_->id());
    return piece;
  }
  std::optional<FileRange> File() override { return body_.source()->File(); }
  void SentFromFile(uint64_t size) override {
    body_.source()->SentFromFile(size);
  }
  absl::Span<const Header> Trailers() override {
    return body_.source()->Trailers();
  }

 private:
  std::unique_ptr<StartWithId> start_;
  Body body_;  // Destroyed before what it uses.
};

}  // namespace

bool IsGoodRequestId(absl::string_view id) {
  return !id.empty() && id.size() <= kMaxRequestIdSize &&
         std::all_of(id.begin(), id.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                  absl::StrContains("-_.~+/=:@", c);
         });
}

std::string NewRequestId() {
  uint8_t bytes[16];
  // So few bytes are never cut short, and the system always has them.
  while (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes)) {
    if (errno != EINTR) std::abort();
  }
  bytes[6] = (bytes[6] & 0x0f) | 0x40;  // Version 4, random.
  bytes[8] = (bytes[8] & 0x3f) | 0x80;  // The variant of RFC 9562.
  const std::string hex = absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(bytes), sizeof(bytes)));
  const absl::string_view digits = hex;
  return absl::StrCat(
      "req-", digits.substr(0, 8), "-", digits.substr(8, 4), "-",
      digits.substr(12, 4), "-",
      absl::StrCat(digits.substr(16, 4), "-", digits.substr(20)));
}

absl::string_view RequestId(const Environ& environ) {
  return environ.Get(kKey).value_or("");
}

absl::StatusOr<Body> RequestIds::operator()(Environ& environ,
                                            StartResponse& start_response) {
  std::string id(environ.Header(kRequestIdHeader).value_or(""));
  if (!IsGoodRequestId(id)) id = make_();
  environ.Set(kKey, id);
  environ.Set("HTTP_X_REQUEST_ID", id);
  auto start = std::make_unique<StartWithId>(start_response, std::move(id));
  absl::StatusOr<Body> body = (*app_)(environ, *start);
  if (!body.ok()) return WithId(body.status(), start->id());
  if (body->source() == nullptr) return body;
  return Body(std::make_unique<BodyWithId>(std::move(start), *std::move(body)));
}

}  // namespace bergen::wsgi
