// SPDX-License-Identifier: Apache-2.0

#include "wsgi/validator.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "wsgi/application.h"
#include "wsgi/environ.h"
#include "wsgi/request.h"
#include "wsgi/test_client.h"

namespace bergen::wsgi {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Headers = std::vector<Header>;
using Pieces = std::vector<absl::StatusOr<std::string>>;
using Function =
    std::function<absl::StatusOr<Body>(Environ& environ, StartResponse& start)>;
using NextFunction =
    std::function<absl::StatusOr<std::optional<absl::string_view>>()>;

constexpr Header kText = {"Content-Type", "text/plain"};

class FunctionSource : public BodySource {
 public:
  explicit FunctionSource(NextFunction next) : next_(std::move(next)) {}

  absl::StatusOr<std::optional<absl::string_view>> Next() override {
    return next_();
  }

 private:
  NextFunction next_;
};

Body BodyFrom(NextFunction next) {
  return Body(std::make_unique<FunctionSource>(std::move(next)));
}

Body BodyOf(Pieces pieces) {
  return BodyFrom([pieces = std::move(pieces), at = size_t{0}]() mutable
                  -> absl::StatusOr<std::optional<absl::string_view>> {
    if (at == pieces.size()) return std::nullopt;
    const absl::StatusOr<std::string>& piece = pieces[at++];
    if (!piece.ok()) return piece.status();
    return *piece;
  });
}

// Answers the same to every request.
Function Answer(const std::string& status, const Headers& headers,
                const std::string& body) {
  return [=](Environ&, StartResponse& start) -> absl::StatusOr<Body> {
    // Whoever ignores an error is told all the same.
    start(status, headers).IgnoreError();
    return Body(body);
  };
}

class ValidatorTest : public ::testing::Test {
 protected:
  absl::StatusOr<TestResponse> Call(Function function,
                                    const TestRequest& request = {}) {
    breaks_.clear();
    FunctionApplication app(std::move(function));
    Validator validator(
        app, [this](absl::string_view what) { breaks_.emplace_back(what); });
    // What middleware in front of the application would do.
    FunctionApplication in_front(
        [&](Environ& environ, StartResponse& start_response) {
          for (const auto& [key, value] : variables_) environ.Set(key, value);
          return validator(environ, start_response);
        });
    return TestClient(in_front).Call(request);
  }

  // The one break of the contract, which must make the request fail.
  std::string Break(Function function, const TestRequest& request = {}) {
    const absl::StatusOr<TestResponse> response =
        Call(std::move(function), request);
    if (breaks_.size() != 1) {
      return absl::StrCat(breaks_.size(),
                          " breaks: ", ::testing::PrintToString(breaks_));
    }
    EXPECT_THAT(response,
                StatusIs(absl::StatusCode::kInternal,
                         absl::StrCat("contract broken: ", breaks_[0])));
    return breaks_[0];
  }

  // Of a caller that sets a variable of the environ.
  std::string EnvironBreak(absl::string_view key, absl::string_view value) {
    variables_ = {{std::string(key), std::string(value)}};
    return Break(Answer("200 OK", {kText}, "x"));
  }

  std::vector<std::pair<std::string, std::string>> variables_;
  std::vector<std::string> breaks_;
};

TEST_F(ValidatorTest, WhatKeepsTheContractPassesUnchanged) {
  const absl::StatusOr<TestResponse> response = Call(
      [](Environ& environ, StartResponse& start) -> absl::StatusOr<Body> {
        const absl::StatusOr<std::string> body = ReadAll(environ.input(), 100);
        if (!body.ok()) return body.status();
        absl::Status started = start("201 Created", {kText,
                                                     {"Content-Length", "5"},
                                                     {"Connection", "close"},
                                                     {"Set-Cookie", "a"},
                                                     {"Set-Cookie", "b"}});
        if (!started.ok()) return started;
        return BodyOf({"", *body, "", "lo"});
      },
      {.method = "POST", .body = "hel"});
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->status, "201 Created");
  EXPECT_THAT(response->pieces, ElementsAre("hel", "lo"));
  EXPECT_EQ(response->Header("Content-Length"), "5");
  EXPECT_THAT(breaks_, IsEmpty());
}

TEST_F(ValidatorTest, AnswersWithoutABodyNeedNoType) {
  for (const char* status : {"204 No Content", "304 Not Modified", "200 OK"}) {
    EXPECT_THAT(Call(Answer(status, {}, "")), IsOk()) << status;
  }
  EXPECT_THAT(Call(Answer("304 Not Modified", {{"Content-Length", "9"}}, "")),
              IsOk());
  EXPECT_THAT(Call(Answer("200 OK", {kText, {"Content-Length", "9"}}, ""),
                   {.method = "HEAD"}),
              IsOk());
  EXPECT_THAT(breaks_, IsEmpty());
}

TEST_F(ValidatorTest, AnErrorIsNoBreak) {
  EXPECT_THAT(Call([](Environ&, StartResponse&) -> absl::StatusOr<Body> {
                return absl::NotFoundError("x");
              }),
              StatusIs(absl::StatusCode::kNotFound, "x"));
  EXPECT_THAT(Call([](Environ&, StartResponse& start) -> absl::StatusOr<Body> {
                EXPECT_THAT(start("200 OK", {kText}), IsOk());
                return BodyOf({"a", absl::NotFoundError("x")});
              }),
              StatusIs(absl::StatusCode::kNotFound, "x"));
  EXPECT_THAT(breaks_, IsEmpty());
}

TEST_F(ValidatorTest, StartResponseMayBeCalledAgainBeforeTheFirstPiece) {
  EXPECT_THAT(
      Call([](Environ&, StartResponse& start) -> absl::StatusOr<Body> {
        EXPECT_THAT(start("204 No Content", {}), IsOk());
        return BodyFrom([&start, at = 0]() mutable
                        -> absl::StatusOr<std::optional<absl::string_view>> {
          if (at++ > 0) return std::nullopt;
          EXPECT_THAT(start("200 OK", {kText}), IsOk());
          return "x";
        });
      }),
      IsOk());
  EXPECT_THAT(breaks_, IsEmpty());
}

TEST_F(ValidatorTest, StartResponseMustBeCalled) {
  EXPECT_EQ(Break([](Environ&, StartResponse&) { return Body("x"); }),
            "body: a piece, but start_response has not been called");
  EXPECT_EQ(Break([](Environ&, StartResponse&) { return Body(); }),
            "start_response has not been called");
  EXPECT_EQ(Break([](Environ&, StartResponse&) {
              return BodyOf({"", "x"});
            }),
            "body: a piece, but start_response has not been called");
  EXPECT_EQ(Break([](Environ&, StartResponse&) { return BodyOf({""}); }),
            "start_response has not been called");
}

TEST_F(ValidatorTest, StartResponseMustNotBeCalledOnceThereIsAPiece) {
  EXPECT_EQ(
      Break([](Environ&, StartResponse& start) -> absl::StatusOr<Body> {
        EXPECT_THAT(start("200 OK", {kText}), IsOk());
        return BodyFrom([&start, at = 0]() mutable
                        -> absl::StatusOr<std::optional<absl::string_view>> {
          if (at++ > 0) {
            EXPECT_FALSE(start("200 OK", {kText}).ok());
          }
          return "x";
        });
      }),
      "start_response: called when the first piece was given");
}

TEST_F(ValidatorTest, TheStatusIsChecked) {
  for (const char* status : {"", "200", "200 ", "200OK", "2x0 OK", "200  OK"}) {
    Call(Answer(status, {kText}, "x")).IgnoreError();
    ASSERT_FALSE(breaks_.empty()) << status;
    EXPECT_THAT(breaks_[0], HasSubstr("is not like \"200 OK\"")) << status;
  }
  for (const char* status : {"100 Continue", "199 X", "600 X", "000 X"}) {
    Call(Answer(status, {kText}, "x")).IgnoreError();
    ASSERT_FALSE(breaks_.empty()) << status;
    EXPECT_THAT(breaks_[0], HasSubstr("is not from 200 to 599")) << status;
  }
  Call(Answer("200 OK\r\nX: y", {kText}, "x")).IgnoreError();
  ASSERT_FALSE(breaks_.empty());
  EXPECT_THAT(breaks_[0],
              HasSubstr("control characters in the status: \"200 OK\\r"));
}

TEST_F(ValidatorTest, HeadersAreChecked) {
  const struct {
    std::string status;
    Headers headers;
    std::string what;
  } kCases[] = {
      {"200 OK", {{"", "x"}}, "\"\": the name is no token"},
      {"200 OK", {{"a b", "x"}}, "the name is no token"},
      {"200 OK", {{"a\n", "x"}}, "the name is no token"},
      {"200 OK", {{"Status", "200 OK"}}, "the status is no header"},
      {"200 OK", {{"a-", "x"}}, "the name ends with - or _"},
      {"200 OK", {{"a_", "x"}}, "the name ends with - or _"},
      {"200 OK", {{"a", "x\r\nb: c"}}, "control characters in the value"},
      {"200 OK", {{"a", absl::string_view("\0", 1)}}, "control characters"},
      {"200 OK", {{"Connection", "upgrade"}}, "it is the server's business"},
      {"200 OK", {{"Connection", "keep-alive"}}, "the server's business"},
      {"200 OK", {{"transfer-encoding", "chunked"}}, "the server's business"},
      {"200 OK", {{"Upgrade", "h2c"}}, "the server's business"},
      {"200 OK", {{"Trailer", "a"}}, "the server's business"},
      {"200 OK", {{"content-length", "x"}}, "it is no number"},
      {"200 OK", {{"Content-Length", "-1"}}, "it is no number"},
      {"200 OK",
       {{"Content-Length", "99999999999999999999"}},
       "it is no number"},
      {"200 OK", {kText, kText}, "there must be no second one"},
      {"200 OK", {{"ETag", "a"}, {"etag", "b"}}, "there must be no second one"},
      {"200 OK",
       {{"Content-Length", "0"}, {"Content-Length", "0"}},
       "there must be no second one"},
      {"302 Found",
       {{"Location", "/"}, {"Location", "/"}},
       "there must be no second one"},
      {"204 No Content", {{"Content-Length", "0"}}, "a 204 has no body"},
      {"204 No Content", {kText}, "a 204 has no body"},
      {"304 Not Modified", {kText}, "a 304 has no body"},
  };
  for (const auto& test : kCases) {
    const absl::StatusOr<TestResponse> response =
        Call([&](Environ&, StartResponse& start) -> absl::StatusOr<Body> {
          absl::Status started = start(test.status, test.headers);
          EXPECT_FALSE(started.ok()) << test.what;
          return started;
        });
    EXPECT_THAT(response, StatusIs(absl::StatusCode::kInternal,
                                   HasSubstr("contract broken")));
    EXPECT_THAT(breaks_, ElementsAre(HasSubstr(test.what)));
  }
}

TEST_F(ValidatorTest, TheBodyIsAsLongAsItsLengthSays) {
  const auto answer = [](const std::string& length, Pieces pieces) {
    return [=](Environ&, StartResponse& start) -> absl::StatusOr<Body> {
      absl::Status started =
          start("200 OK", {kText, {"Content-Length", length}});
      if (!started.ok()) return started;
      return BodyOf(pieces);
    };
  };
  EXPECT_THAT(Call(answer("3", {"a", "bc"})), IsOk());
  EXPECT_EQ(Break(answer("4", {"a", "bc"})),
            "body: 3 bytes, but Content-Length says 4");
  EXPECT_EQ(Break(answer("2", {"a", "bc"})),
            "body: longer than Content-Length says: 2");
  EXPECT_EQ(Break(Answer("200 OK", {kText, {"Content-Length", "2"}}, "abc")),
            "body: longer than Content-Length says: 2");
  EXPECT_EQ(Break(Answer("200 OK", {kText, {"Content-Length", "4"}}, "abc")),
            "body: 3 bytes, but Content-Length says 4");
}

TEST_F(ValidatorTest, ABodyNeedsATypeAndAStatusThatHasOne) {
  EXPECT_EQ(Break(Answer("200 OK", {}, "x")), "body: there is no Content-Type");
  EXPECT_EQ(Break(Answer("204 No Content", {}, "x")), "body: a 204 has none");
  EXPECT_EQ(Break(Answer("304 Not Modified", {}, "x")), "body: a 304 has none");
}

TEST_F(ValidatorTest, ReadsMustBeOfSomethingIntoSomething) {
  const auto read = [](char* buffer, size_t size) {
    return [=](Environ& environ, StartResponse& start) -> absl::StatusOr<Body> {
      EXPECT_FALSE(environ.input().Read(buffer, size).ok());
      EXPECT_THAT(start("200 OK", {kText}), IsOk());
      return Body("x");
    };
  };
  char buffer[8];
  EXPECT_EQ(Break(read(buffer, 0)), "input: a read of 0 bytes");
  EXPECT_EQ(Break(read(nullptr, 8)), "input: a read into nothing");
}

// Blocks in its first read until it is told to go on.
class BlockingInput : public Input {
 public:
  absl::StatusOr<size_t> Read(char*, size_t) override {
    reading.Notify();
    go_on.WaitForNotification();
    return 0;
  }

  absl::Notification reading;
  absl::Notification go_on;
};

TEST_F(ValidatorTest, TwoThreadsMustNotReadAtATime) {
  BlockingInput input;
  FunctionApplication app(
      [&](Environ& environ, StartResponse& start) -> absl::StatusOr<Body> {
        std::thread other([&environ] {
          char byte;
          EXPECT_THAT(environ.input().Read(&byte, 1), IsOkAndHolds(0u));
        });
        input.reading.WaitForNotification();
        char byte;
        EXPECT_FALSE(environ.input().Read(&byte, 1).ok());
        input.go_on.Notify();
        other.join();
        absl::Status started = start("200 OK", {kText});
        if (!started.ok()) return started;
        return Body("x");
      });
  Validator validator(app);
  FunctionApplication in_front([&](Environ& environ, StartResponse& start) {
    environ.set_input(input);
    absl::StatusOr<Body> body = validator(environ, start);
    EXPECT_EQ(&environ.input(), &input);
    return body;
  });
  EXPECT_THAT(TestClient(in_front).Call({}),
              StatusIs(absl::StatusCode::kInternal,
                       HasSubstr("input: two threads read at a time")));
}

// Calls `next` on the validated body of an application that answers `pieces`.
std::vector<std::string> PullBreaks(
    const Function& function, const std::function<void(BodySource&)>& pull) {
  std::vector<std::string> breaks;
  FunctionApplication app(function);
  Validator validator(
      app, [&](absl::string_view what) { breaks.emplace_back(what); });
  FunctionApplication in_front(
      [&](Environ& environ, StartResponse& start) -> absl::StatusOr<Body> {
        const absl::StatusOr<Body> body = validator(environ, start);
        EXPECT_THAT(body, IsOk());
        if (body.ok()) pull(*body->source());
        return Body();
      });
  EXPECT_THAT(TestClient(in_front).Call({}), IsOk());
  return breaks;
}

TEST_F(ValidatorTest, NobodyMayAskForAPieceAfterTheEndOrAnError) {
  const auto answer = [](Pieces pieces) {
    return [=](Environ&, StartResponse& start) -> absl::StatusOr<Body> {
      absl::Status started = start("200 OK", {kText});
      if (!started.ok()) return started;
      return BodyOf(pieces);
    };
  };
  for (const Pieces& pieces : {Pieces{}, Pieces{absl::NotFoundError("x")}}) {
    EXPECT_THAT(PullBreaks(answer(pieces),
                           [](BodySource& source) {
                             source.Next().IgnoreError();
                             EXPECT_FALSE(source.Next().ok());
                           }),
                ElementsAre("body: asked for a piece after the end"));
  }
}

TEST_F(ValidatorTest, TwoThreadsMustNotAskForPiecesAtATime) {
  absl::Notification asked, go_on;
  const Function answer = [&](Environ&,
                              StartResponse& start) -> absl::StatusOr<Body> {
    absl::Status started = start("200 OK", {kText});
    if (!started.ok()) return started;
    return BodyFrom([&]() -> absl::StatusOr<std::optional<absl::string_view>> {
      asked.Notify();
      go_on.WaitForNotification();
      return std::nullopt;
    });
  };
  EXPECT_THAT(PullBreaks(answer,
                         [&](BodySource& source) {
                           std::thread other(
                               [&source] { source.Next().IgnoreError(); });
                           asked.WaitForNotification();
                           EXPECT_FALSE(source.Next().ok());
                           go_on.Notify();
                           other.join();
                         }),
              ElementsAre("body: two threads ask for pieces at a time"));
}

TEST_F(ValidatorTest, TheEnvironIsChecked) {
  EXPECT_EQ(EnvironBreak("REQUEST_METHOD", "G T"),
            "environ: REQUEST_METHOD is no token: \"G T\"");
  EXPECT_EQ(EnvironBreak("REQUEST_METHOD", ""),
            "environ: REQUEST_METHOD is no token: \"\"");
  EXPECT_EQ(EnvironBreak("SCRIPT_NAME", "a"),
            "environ: SCRIPT_NAME does not begin with /: \"a\"");
  EXPECT_EQ(EnvironBreak("SCRIPT_NAME", "/a/"),
            "environ: SCRIPT_NAME ends with /: \"/a/\"");
  EXPECT_EQ(EnvironBreak("PATH_INFO", "a"),
            "environ: PATH_INFO does not begin with /: \"a\"");
  EXPECT_EQ(EnvironBreak("PATH_INFO", "*"),
            "environ: PATH_INFO does not begin with /: \"*\"");
  EXPECT_EQ(EnvironBreak("PATH_INFO", ""),
            "environ: SCRIPT_NAME and PATH_INFO are both empty");
  EXPECT_EQ(EnvironBreak("SERVER_NAME", ""), "environ: SERVER_NAME is empty");
  EXPECT_EQ(EnvironBreak("SERVER_PORT", "http"),
            "environ: SERVER_PORT is no number: \"http\"");
  EXPECT_EQ(EnvironBreak("SERVER_PROTOCOL", "SPDY/3"),
            "environ: SERVER_PROTOCOL is not HTTP: \"SPDY/3\"");
  EXPECT_EQ(EnvironBreak("wsgi.url_scheme", "ftp"),
            "environ: wsgi.url_scheme is neither http nor https: \"ftp\"");
  EXPECT_EQ(EnvironBreak("CONTENT_LENGTH", "-1"),
            "environ: CONTENT_LENGTH is no number: \"-1\"");
  EXPECT_EQ(EnvironBreak("HTTP_CONTENT_TYPE", "x"),
            "environ: there must be no HTTP_CONTENT_TYPE");
  EXPECT_EQ(EnvironBreak("HTTP_CONTENT_LENGTH", "1"),
            "environ: there must be no HTTP_CONTENT_LENGTH");
  EXPECT_EQ(EnvironBreak("wsgi.multithread", "1"),
            "environ: wsgi.multithread is neither true nor false: \"1\"");
}

TEST_F(ValidatorTest, AnEnvironMayBeThatOfAUnixSocketOrOfOptions) {
  variables_ = {{"SERVER_NAME", "unix"}, {"SERVER_PORT", ""}};
  EXPECT_THAT(Call(Answer("200 OK", {kText}, "x")), IsOk());
  variables_ = {{"REQUEST_METHOD", "OPTIONS"}, {"PATH_INFO", "*"}};
  EXPECT_THAT(Call(Answer("200 OK", {kText}, "x")), IsOk());
  variables_ = {{"SCRIPT_NAME", "/a"}, {"PATH_INFO", ""}};
  EXPECT_THAT(Call(Answer("200 OK", {kText}, "x")), IsOk());
  EXPECT_THAT(breaks_, IsEmpty());
}

}  // namespace
}  // namespace bergen::wsgi
