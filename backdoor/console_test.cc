// SPDX-License-Identifier: Apache-2.0

#include "backdoor/console.h"

#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "backdoor/command.h"
#include "backdoor/command_table.h"
#include "backdoor/short_temp_dir_for_test.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"
#include "tests/support/status_matchers.h"
#include "wsgi/test_client.h"

namespace bergen::backdoor {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Headers = std::vector<std::pair<std::string, std::string>>;

const Headers kOwn = {{"Host", "localhost:8003"},
                      {"X-Bergen-Console", "1"},
                      {"Origin", "http://localhost:8003"},
                      {"Sec-Fetch-Site", "same-origin"}};

class ConsoleTest : public ::testing::Test {
 protected:
  ConsoleTest() {
    Add("look", Role::kView, [](const Arguments&, Output& output) {
      output.Write("what <b>is</b>\n");
      return absl::OkStatus();
    });
    Add("change", Role::kOperate, [this](const Arguments&, Output&) {
      ++changes_;
      return absl::OkStatus();
    });
    Add("endless", Role::kView, [](const Arguments&, Output& output) {
      while (output.Write(std::string(100'000, 'x'))) {
      }
      return absl::OkStatus();
    });
    client_.connection() = {.server_name = "127.0.0.1",
                            .server_port = "8003",
                            .remote_addr = "127.0.0.1",
                            .remote_port = "50000"};
  }

  template <typename Handler>
  void Add(const char* name, Role role, Handler handler,
           const std::vector<Parameter>& parameters = {}) {
    EXPECT_THAT(
        table_.Add({.name = name,
                    .parameters = parameters,
                    .changes_state = role != Role::kView,
                    .role = role,
                    .handler =
                        [handler](const Arguments& arguments, const Caller&,
                                  Output& output) {
                          return absl::Status(handler(arguments, output));
                        }}),
        IsOk());
  }

  wsgi::TestResponse Call(const wsgi::TestRequest& request) {
    const auto response = client_.Call(request);
    EXPECT_THAT(response, IsOk());
    return response.ok() ? *response : wsgi::TestResponse();
  }
  wsgi::TestResponse Get(const std::string& path) {
    return Call({.target = path, .headers = {{"Host", "localhost:8003"}}});
  }
  wsgi::TestResponse Post(const std::string& path, const std::string& body,
                          const Headers& headers = kOwn) {
    return Call(
        {.method = "POST", .target = path, .headers = headers, .body = body});
  }
  // Without one of the headers, or with another value for it.
  static Headers Without(const std::string& name,
                         const std::string& value = "") {
    Headers headers;
    for (const auto& header : kOwn) {
      if (header.first != name) headers.push_back(header);
    }
    if (!value.empty()) headers.emplace_back(name, value);
    return headers;
  }

  CommandTable table_;
  std::ostringstream text_;
  spdlog::logger log_{"test",
                      std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)};
  int changes_ = 0;
  Console viewer_{table_, {}, log_};
  Console operator_{table_, {.role = Role::kOperate, .worker = 3}, log_};
  wsgi::TestClient client_{operator_};
};

TEST_F(ConsoleTest, ServesItsPageWithAPolicyThatKeepsOthersOut) {
  for (const auto& [path, type, part] :
       std::vector<std::tuple<std::string, std::string, std::string>>{
           {"/", "text/html", "<script src=\"console.js\">"},
           {"/console.css", "text/css", "pre {"},
           {"/console.js", "text/javascript", "fetch("}}) {
    const wsgi::TestResponse response = Get(path);
    EXPECT_EQ(response.code, 200);
    EXPECT_THAT(*response.Header("Content-Type"), HasSubstr(type));
    EXPECT_THAT(*response.Header("Content-Security-Policy"),
                HasSubstr("default-src 'none'; script-src 'self'"));
    EXPECT_THAT(response.body(), HasSubstr(part));
    // It works without any network.
    EXPECT_THAT(response.body(), Not(HasSubstr("https://")));
  }
  EXPECT_EQ(Get("/else").code, 404);
  EXPECT_EQ(Get("/flame.svg").code, 404);
  EXPECT_EQ(Get("/run").code, 404);
  EXPECT_EQ(Call({.method = "PUT", .headers = kOwn}).code, 405);
}

TEST_F(ConsoleTest, RunsCommandsOfTheTable) {
  const wsgi::TestResponse looked = Post("/run", "look()");
  EXPECT_EQ(looked.code, 200);
  const nlohmann::json answer = nlohmann::json::parse(looked.body());
  EXPECT_EQ(answer["ok"], true);
  EXPECT_EQ(answer["text"], "what <b>is</b>\n");

  EXPECT_EQ(Post("/run", "change").code, 200);
  EXPECT_EQ(changes_, 1);
  EXPECT_THAT(text_.str(), HasSubstr("console 127.0.0.1:50000 ran change: OK"));

  const wsgi::TestResponse unknown = Post("/run", "lock()");
  EXPECT_EQ(unknown.code, 404);
  EXPECT_THAT(nlohmann::json::parse(unknown.body())["error"],
              HasSubstr("did you mean look?"));
  EXPECT_EQ(Post("/run", "look(").code, 400);
}

TEST_F(ConsoleTest, AViewerIsRefusedWhatChangesStateWhichIsLogged) {
  client_ = wsgi::TestClient(viewer_);
  EXPECT_EQ(Post("/run", "look").code, 200);
  EXPECT_EQ(Post("/run", "change").code, 403);
  EXPECT_EQ(changes_, 0);
  EXPECT_THAT(text_.str(), HasSubstr("may not run change"));
}

TEST_F(ConsoleTest, AnotherSiteCanDoNothing) {
  for (const Headers& headers :
       {Without("X-Bergen-Console"), Without("Origin", "http://evil.example"),
        Without("Origin", "http://localhost:8004"), Without("Origin", "null"),
        Without("Sec-Fetch-Site", "cross-site"),
        Without("Sec-Fetch-Site", "same-site"),
        Without("Host", "evil.example:8003"),
        Without("Host", "localhost.evil.example"),
        Without("Host", "127.0.0.1.evil.example:80")}) {
    EXPECT_EQ(Post("/run", "change", headers).code, 403);
    EXPECT_EQ(Post("/profile?seconds=1&clock=cpu", "", headers).code, 403);
  }
  EXPECT_EQ(changes_, 0);
  EXPECT_EQ(Call({.target = "/", .headers = {{"Host", "evil.example"}}}).code,
            403);
  for (const char* host :
       {"LOCALHOST", "127.0.0.1:8003", "[::1]:8003", "[::1]"}) {
    EXPECT_EQ(Call({.target = "/", .headers = {{"Host", host}}}).code, 200)
        << host;
  }
  // A client that is no browser says less.
  EXPECT_EQ(
      Post("/run", "change", {{"Host", "localhost"}, {"X-Bergen-Console", "1"}})
          .code,
      200);
}

TEST_F(ConsoleTest, AnswersOnThisMachineOnly) {
  client_.connection().server_name = "192.0.2.1";
  EXPECT_EQ(Get("/").code, 403);
  for (const char* address : {"unix", "::1", "127.0.0.2"}) {
    client_.connection().server_name = address;
    EXPECT_EQ(Get("/").code, 200) << address;
  }
}

TEST_F(ConsoleTest, LinesAndAnswersHaveALimit) {
  EXPECT_EQ(
      Post("/run", std::string(CommandTable::kMaxLineLength + 1, 'x')).code,
      413);
  const nlohmann::json answer =
      nlohmann::json::parse(Post("/run", "endless").body());
  EXPECT_THAT(answer["text"].get<std::string>(),
              ::testing::EndsWith("... the answer is longer\n"));
  EXPECT_LT(answer["text"].get<std::string>().size(),
            Console::kMaxAnswer + 100);
}

TEST_F(ConsoleTest, TakesAProfileAndShowsItInASandbox) {
  const ShortTempDirForTest dir;
  std::string asked;
  Add("prof", Role::kOperate,
      [&](const Arguments& arguments, Output& output) {
        const std::string path =
            absl::StrCat(dir.path(), "/", arguments.String("name"), ".svg");
        asked = absl::StrCat(
            arguments.String("name"), " ", arguments.Double("seconds"), " ",
            arguments.String("clock"), " ", arguments.String("formats"));
        std::ofstream(path) << "<svg/>";
        output.Write(absl::StrCat("wrote ", path, " (3 samples in 1.5 s)\n"));
        return absl::OkStatus();
      },
      {{.name = "name"},
       {.name = "seconds", .type = ParameterType::kDouble},
       {.name = "clock"},
       {.name = "formats"}});
  EXPECT_EQ(Post("/profile?seconds=1.5&clock=wall", "").code, 200);
  EXPECT_EQ(asked, "console-3 1.5 wall svg");
  const wsgi::TestResponse graph = Get("/flame.svg?1");
  EXPECT_EQ(graph.code, 200);
  EXPECT_EQ(graph.body(), "<svg/>");
  EXPECT_EQ(*graph.Header("Content-Type"), "image/svg+xml");
  EXPECT_THAT(*graph.Header("Content-Security-Policy"),
              HasSubstr("sandbox allow-scripts"));

  for (const char* query :
       {"", "?seconds=0&clock=cpu", "?seconds=61&clock=cpu", "?seconds=1",
        "?seconds=1&clock=sun", "?seconds=nan&clock=cpu",
        "?seconds=1)&clock=cpu", "?seconds=1&clock=cpu'"}) {
    EXPECT_EQ(Post(absl::StrCat("/profile", query), "").code, 400) << query;
  }
}

}  // namespace
}  // namespace bergen::backdoor
