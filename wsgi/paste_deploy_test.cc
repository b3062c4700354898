// SPDX-License-Identifier: Apache-2.0

#include "wsgi/paste_deploy.h"

#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "wsgi/application.h"
#include "wsgi/environ.h"
#include "wsgi/paste_factories.h"

namespace bergen::wsgi {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// An application that only says what it was made of.
class Described : public Application {
 public:
  explicit Described(std::string text) : text_(std::move(text)) {}

  absl::StatusOr<Body> operator()(Environ&, StartResponse&) override {
    return absl::UnimplementedError("not called");
  }

  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string TextOf(const Application& app) {
  return dynamic_cast<const Described&>(app).text();
}

// `{a=1 b=2}`; `here` and `__file__` left out.
std::string TextOf(const PasteSettings& settings) {
  std::string text;
  for (const auto& [name, value] : settings) {
    if (name == "here" || name == "__file__") continue;
    absl::StrAppend(&text, text.empty() ? "" : " ", name, "=", value);
  }
  return absl::StrCat("{", text, "}");
}

std::unique_ptr<Application> Describe(absl::string_view text) {
  return std::make_unique<Described>(std::string(text));
}

class PasteDeployTest : public ::testing::Test {
 protected:
  PasteDeployTest() {
    for (const char* name : {"t:app", "egg:T#app", "egg:T#main"}) {
      AddApp(name);
    }
    for (const char* name : {"t:f", "t:g", "egg:T#f"}) AddFilter(name);
    EXPECT_THAT(
        factories_.AddFilterApp(
            "t:fa",
            [](std::unique_ptr<Application> next, const PasteSettings& globals,
               const PasteSettings& locals)
                -> absl::StatusOr<std::unique_ptr<Application>> {
              return Describe(absl::StrCat("fa", TextOf(globals),
                                           TextOf(locals), "(", TextOf(*next),
                                           ")"));
            }),
        IsOk());
    for (const char* name : {"t:comp", "egg:T#comp"}) AddComposite(name);
    EXPECT_THAT(
        factories_.AddApp("t:broken",
                          [](const PasteSettings&, const PasteSettings&)
                              -> absl::StatusOr<std::unique_ptr<Application>> {
                            return absl::NotFoundError("colour: not known");
                          }),
        IsOk());
  }

  void AddApp(const std::string& name) {
    EXPECT_THAT(
        factories_.AddApp(
            name,
            [name](const PasteSettings& globals, const PasteSettings& locals)
                -> absl::StatusOr<std::unique_ptr<Application>> {
              return Describe(
                  absl::StrCat(name, TextOf(globals), TextOf(locals)));
            }),
        IsOk());
  }

  void AddFilter(const std::string& name) {
    EXPECT_THAT(
        factories_.AddFilter(
            name,
            [name](const PasteSettings& globals,
                   const PasteSettings& locals) -> absl::StatusOr<Filter> {
              return Filter(
                  [text = absl::StrCat(name, TextOf(globals), TextOf(locals))](
                      std::unique_ptr<Application> next)
                      -> absl::StatusOr<std::unique_ptr<Application>> {
                    return Describe(
                        absl::StrCat(text, "(", TextOf(*next), ")"));
                  });
            }),
        IsOk());
  }

  // Takes every local that begins with `/` for an application.
  void AddComposite(const std::string& name) {
    EXPECT_THAT(factories_.AddComposite(
                    name,
                    [name](PasteLoader& loader, const PasteSettings& globals,
                           const PasteSettings& locals)
                        -> absl::StatusOr<std::unique_ptr<Application>> {
                      std::string text = absl::StrCat(name, TextOf(locals));
                      for (const auto& [key, value] : locals) {
                        if (!absl::StartsWith(key, "/")) continue;
                        absl::StatusOr<std::unique_ptr<Application>> app =
                            loader.GetApp(value, globals);
                        if (!app.ok()) return app;
                        absl::StrAppend(&text, "<", TextOf(**app), ">");
                      }
                      return Describe(text);
                    }),
                IsOk());
  }

  PasteLoadOptions Options() const {
    PasteLoadOptions options;
    options.read_file =
        [this](const std::string& path) -> absl::StatusOr<std::string> {
      const auto found = files_.find(path);
      if (found == files_.end()) {
        return absl::NotFoundError(absl::StrCat(path, ": no such file"));
      }
      return found->second;
    };
    return options;
  }

  absl::StatusOr<std::string> App(absl::string_view uri,
                                  const PasteLoadOptions& options) {
    const absl::StatusOr<std::unique_ptr<Application>> app =
        LoadPasteApp(factories_, uri, options);
    if (!app.ok()) return app.status();
    return TextOf(**app);
  }

  // The application `main` of a file /p/a.ini that says `text`.
  absl::StatusOr<std::string> Main(absl::string_view text) {
    files_["/p/a.ini"] = std::string(text);
    return App("config:/p/a.ini", Options());
  }

  // The error of a lookup.
  std::string NotFound(absl::string_view text) {
    const absl::StatusOr<std::string> app = Main(text);
    EXPECT_TRUE(IsPasteLookupError(app.status())) << app.status();
    EXPECT_THAT(app, StatusIs(absl::StatusCode::kNotFound));
    return std::string(app.status().message());
  }

  std::string Invalid(absl::string_view text) {
    const absl::StatusOr<std::string> app = Main(text);
    EXPECT_FALSE(IsPasteLookupError(app.status()));
    EXPECT_THAT(app, StatusIs(absl::StatusCode::kInvalidArgument));
    return std::string(app.status().message());
  }

  PasteFactories factories_;
  std::map<std::string, std::string> files_;
};

TEST_F(PasteDeployTest, AnAppGetsGlobalsAndItsOwnSettings) {
  EXPECT_THAT(Main("[DEFAULT]\ng = 1\nh = <%(g)s>\n[app:main]\n"
                   "paste.app_factory = t : app [x]\nset h = 2\nset i = 3\n"
                   "get j = i\nk = %(g)s%%\ng = 9\n"),
              IsOkAndHolds("t:app{g=1 h=2 i=3}{k=9% j=3}"));
}

TEST_F(PasteDeployTest, HereAndFileAreGlobals) {
  EXPECT_THAT(Main("[app:main]\npaste.app_factory = t:app\n"
                   "x = %(here)s|%(__file__)s\n"),
              IsOkAndHolds("t:app{}{x=/p|/p/a.ini}"));
}

TEST_F(PasteDeployTest, TheUsersSettingsBeatThoseOfWhatIsUsed) {
  EXPECT_THAT(Main("[app:main]\nuse = other\na = 1\nset g = 1\n"
                   "[application: other]\npaste.app_factory = t:app\na = 2\n"
                   "b = 2\nset g = 2\nset h = 2\n"),
              IsOkAndHolds("t:app{g=1 h=2}{a=1 b=2}"));
}

TEST_F(PasteDeployTest, APipelinesFirstFilterIsOutermost) {
  EXPECT_THAT(Main("[pipeline:main]\npipeline = f\n  g\n\n  app\n"
                   "[filter:f]\npaste.filter_factory = t:f\n"
                   "[filter:g]\npaste.filter_app_factory = t:fa\nx = 1\n"
                   "[app:app]\nuse = egg:t#app\n"),
              IsOkAndHolds("t:f{}{}(fa{}{x=1}(egg:T#app{}{}))"));
}

TEST_F(PasteDeployTest, SetReachesAllThatASectionLeadsTo) {
  EXPECT_THAT(Main("[pipeline:main]\nset g = 1\npipeline = f app\n"
                   "[filter:f]\nuse = call:t:f\n"
                   "[app:app]\nuse = call:t:app\n"),
              IsOkAndHolds("t:f{g=1}{}(t:app{g=1}{})"));
}

TEST_F(PasteDeployTest, AFilterAppIsAFilterAroundItsNext) {
  EXPECT_THAT(Main("[filter-app:main]\nuse = egg:T#f\nnext = app\nx = 1\n"
                   "[app:app]\nuse = egg:T\n"),
              IsOkAndHolds("egg:T#f{}{x=1}(egg:T#main{}{})"));
  EXPECT_THAT(Main("[filter-app:main]\nuse = call:t:f\nnext = egg:T\n"),
              IsOkAndHolds("t:f{}{}(egg:T#main{}{})"));
}

TEST_F(PasteDeployTest, FilterWithWrapsAppsFiltersAndPipelines) {
  const std::string filters =
      "[filter:f]\npaste.filter_factory = t:f\nfilter-with = g\n"
      "[filter:g]\npaste.filter_factory = t:g\n"
      "[app:app]\npaste.app_factory = t:app\n";
  EXPECT_THAT(
      Main(absl::StrCat("[app:main]\nuse = app\nfilter-with = f\n", filters)),
      IsOkAndHolds("t:g{}{}(t:f{}{}(t:app{}{}))"));
  EXPECT_THAT(
      Main(absl::StrCat("[pipeline:main]\npipeline = app\nfilter-with = g\n",
                        filters)),
      IsOkAndHolds("t:g{}{}(t:app{}{})"));
}

TEST_F(PasteDeployTest, ACompositeLoadsWhatItNames) {
  EXPECT_THAT(Main("[DEFAULT]\ng=1\n[composite:main]\nuse = call:t:comp\n"
                   "/ = a\n/b = config:b.ini#b\n/c = egg:T\nd = a\n"
                   "[app:a]\npaste.app_factory = t:app\n"),
              StatusIs(absl::StatusCode::kNotFound,
                       "/p/a.ini:6: /p/b.ini: no such file"));
  files_["/p/b.ini"] =
      "[DEFAULT]\ng=2\n[app:b]\nuse = call:t:app\nx=%(here)s%(g)s\n";
  EXPECT_THAT(
      App("config:a.ini",
          [&] {
            PasteLoadOptions options = Options();
            options.relative_to = "/p";
            return options;
          }()),
      IsOkAndHolds("t:comp{/=a /b=config:b.ini#b /c=egg:T d=a}"
                   "<t:app{g=1}{}><t:app{g=1}{x=/p2}><egg:T#main{g=1}{}>"));
}

TEST_F(PasteDeployTest, ACompositeThatIsUsedLoadsFromTheFileThatUsesIt) {
  files_["/q/b.ini"] =
      "[composite:main]\npaste.composit_factory = t:comp\n/ = a\n"
      "[app:a]\nuse = egg:T\n";
  EXPECT_THAT(Main("[composite:main]\nuse = config:/q/b.ini\n"
                   "[app:a]\npaste.app_factory = t:app\n"),
              IsOkAndHolds("t:comp{/=a}<t:app{}{}>"));
}

TEST_F(PasteDeployTest, TheCallersGlobalsCount) {
  files_["/p/a.ini"] =
      "[DEFAULT]\ng = 1\n[app:x]\npaste.app_factory = t:app\ny = %(h)s\n";
  PasteLoadOptions options = Options();
  options.globals = {{"g", "5"}, {"h", "6"}};
  options.name = "x";
  EXPECT_THAT(App("config:/p/a.ini#ignored", options),
              IsOkAndHolds("t:app{g=5 h=6}{y=6}"));
}

TEST_F(PasteDeployTest, APathInAUriMayBeEncoded) {
  files_["/p/a #%.ini"] = "[app:x]\nuse = egg:T\na = %(here)s%(__file__)s\n";
  EXPECT_THAT(App("CONFIG:/p/a%20%23%25.ini#x", Options()),
              IsOkAndHolds("egg:T#main{}{a=/p/p/a #%.ini}"));
}

TEST_F(PasteDeployTest, FiltersCanBeLoadedToo) {
  files_["/p/a.ini"] =
      "[filter:f]\nuse = call:t:f\nfilter-with = g\n"
      "[filter:g]\nuse = egg:T#f\n";
  absl::StatusOr<Filter> filter =
      LoadPasteFilter(factories_, "config:/p/a.ini#f", Options());
  ASSERT_THAT(filter, IsOk());
  const absl::StatusOr<std::unique_ptr<Application>> app =
      std::move(*filter)(Describe("x"));
  ASSERT_THAT(app, IsOk());
  EXPECT_EQ(TextOf(**app), "egg:T#f{}{}(t:f{}{}(x))");
}

TEST_F(PasteDeployTest, LookupErrorsSayWhatIsMissingAndWhere) {
  EXPECT_EQ(NotFound("[app:x]\n"),
            "No section 'main' (prefixed by 'app' or 'application' or "
            "'composite' or 'composit' or 'pipeline' or 'filter-app') found in "
            "config /p/a.ini");
  EXPECT_THAT(NotFound("[pipeline:main]\npipeline = f app\n[app:app]\n"
                       "use = egg:T\n"),
              StartsWith("/p/a.ini:2: No section 'f' (prefixed by 'filter')"));
  EXPECT_THAT(NotFound("[app:main]\n[composite:main]\n"),
              StartsWith("Ambiguous section names ('app:main' on line 1, "
                         "'composite:main' on line 2) for section 'main'"));
  EXPECT_EQ(NotFound("[app:main]\nx=1\n"),
            "/p/a.ini:1: No loader given in section 'app:main'");
  EXPECT_EQ(NotFound("[app:main]\npaste.app_factory=t:app\n"
                     "paste.composite_factory=t:comp\n"),
            "/p/a.ini:1: Multiple protocols given in section 'app:main': "
            "paste.app_factory, paste.composite_factory");
  EXPECT_EQ(NotFound("[filter-app:main]\nuse = egg:T#f\n"),
            "/p/a.ini:1: The [filter-app:main] section in /p/a.ini is missing "
            "a 'next' setting");
  EXPECT_EQ(NotFound("[pipeline:main]\n"),
            "/p/a.ini:1: The [pipeline:main] pipeline section in /p/a.ini is "
            "missing a 'pipeline' setting");
  EXPECT_EQ(NotFound("[pipeline:main]\npipeline=a\nx=1\ny=2\n"),
            "/p/a.ini:3: The [pipeline:main] pipeline section in /p/a.ini has "
            "extra (disallowed) settings: x, y");
  EXPECT_EQ(NotFound("[pipeline:main]\npipeline=\n"),
            "/p/a.ini:2: The [pipeline:main] pipeline section in /p/a.ini is "
            "empty");
  EXPECT_EQ(NotFound("[app:main]\nuse=ftp:x\n"),
            "/p/a.ini:2: URI scheme not known: 'ftp' (from config, egg, call)");
  EXPECT_EQ(NotFound("[app:main]\nuse=egg:T\nget x = y\n"),
            "/p/a.ini:3: 'get x': there is no global setting 'y'");
  EXPECT_EQ(NotFound("[composite:main]\nuse = egg:T#comp\n\n/x = y\n"),
            "/p/a.ini:4: No section 'y' (prefixed by 'app' or 'application' or "
            "'composite' or 'composit' or 'pipeline' or 'filter-app') found in "
            "config /p/a.ini");
}

TEST_F(PasteDeployTest, LookupErrorsSayWhichFactoryIsMissing) {
  EXPECT_EQ(NotFound("[app:main]\nuse=egg:U\n"),
            "/p/a.ini:2: no factory of the distribution 'U' is registered");
  EXPECT_THAT(NotFound("[app:main]\nuse=egg:T#f\n"),
              StartsWith("/p/a.ini:2: Entry point 'f' not found in egg 'T'"));
  EXPECT_EQ(NotFound("[app:main]\nuse=call:t:none\n"),
            "/p/a.ini:2: no factory 't:none' is registered");
  EXPECT_EQ(NotFound("[app:main]\nuse=call:t\n"),
            "/p/a.ini:2: Configuration not in format module:function: 't'");
  EXPECT_EQ(NotFound("[app:main]\nuse=call:t:comp\n"),
            "/p/a.ini:2: no paste.app_factory 't:comp' is registered; it is a "
            "paste.composite_factory");
  EXPECT_EQ(NotFound("[app:main]\npaste.app_factory=t:f\n"),
            "/p/a.ini:2: no paste.app_factory 't:f' is registered; it is a "
            "paste.filter_factory");
  EXPECT_EQ(NotFound("[app:main]\npaste.app_factory=t\n"),
            "/p/a.ini:2: paste.app_factory: is not MODULE:OBJECT: 't'");
  EXPECT_EQ(NotFound("[app:main]\nrequire = T\n U\nuse=egg:T\n"),
            "/p/a.ini:2: require: no factory of the distribution 'U' is "
            "registered");
  EXPECT_THAT(NotFound("[pipeline:main]\npipeline = call:t:app\n"),
              HasSubstr("nothing says what kind of factory it is"));
  AddComposite("egg:T#app");
  EXPECT_THAT(NotFound("[app:main]\nuse=egg:T#app\n"),
              StartsWith("/p/a.ini:2: Ambiguous entry points for 'app'"));
}

TEST_F(PasteDeployTest, AFactorysErrorGetsItsPlaceAndIsNoLookupError) {
  const absl::StatusOr<std::string> app = Main(
      "[composite:main]\nuse = egg:T#comp\n/ = b\n[app:b]\n"
      "paste.app_factory = t:broken\n");
  EXPECT_THAT(app, StatusIs(absl::StatusCode::kNotFound,
                            "/p/a.ini:5: colour: not known"));
  EXPECT_FALSE(IsPasteLookupError(app.status()));
}

TEST_F(PasteDeployTest, MalformedFilesSayWhere) {
  EXPECT_EQ(Invalid("[app:main]\nuse\n"),
            "/p/a.ini:2: neither [section] nor name = value: \"use\"");
  EXPECT_EQ(Invalid("[app:main]\nuse = egg:T\nx = %(y)s\n"),
            "/p/a.ini:3: option 'x': %(y)s: no such option in section "
            "[app:main] or [DEFAULT]");
  EXPECT_EQ(Invalid("[DEFAULT]\nz = %\n[app:main]\nuse = egg:T\n"),
            "/p/a.ini:2: option 'z': neither %% nor %(name)s: \"%\"");
}

TEST_F(PasteDeployTest, LoopsAreShownWithTheWayRound) {
  EXPECT_EQ(Invalid("[app:main]\nuse = a\n[app:a]\nuse = b\n[app:b]\n"
                    "use = a\n"),
            "/p/a.ini:6: [app:a] leads back to itself: [app:a] (/p/a.ini:3) -> "
            "[app:b] (/p/a.ini:5) -> [app:a] (/p/a.ini:3)");
  EXPECT_EQ(Invalid("[app:main]\nuse = egg:T\nfilter-with = f\n[filter:f]\n"
                    "paste.filter_factory = t:f\nfilter-with = f\n"),
            "/p/a.ini:6: [filter:f] leads back to itself: [filter:f] "
            "(/p/a.ini:4) -> [filter:f] (/p/a.ini:4)");
  EXPECT_THAT(Invalid("[pipeline:main]\npipeline = main\n"),
              HasSubstr("[pipeline:main] leads back to itself"));
  EXPECT_THAT(Invalid("[composite:main]\nuse = egg:T#comp\n/ = main\n"),
              StartsWith("/p/a.ini:3: [composite:main] leads back to itself"));
  EXPECT_THAT(Invalid("[app:main]\nuse = config:/p/a.ini\nset x = 1\n"),
              StartsWith("/p/a.ini:2: [app:main] leads back to itself"));
  files_["/p/b.ini"] = "[app:main]\nuse = config:a.ini\n";
  EXPECT_THAT(Invalid("[app:main]\nuse = config:b.ini\n"),
              AllOf(HasSubstr("leads back"), HasSubstr("(/p/b.ini:1)")));
}

TEST_F(PasteDeployTest, SectionsMayShareWhatTheyLeadTo) {
  EXPECT_THAT(Main("[composite:main]\nuse = egg:T#comp\n/ = a\n/b = a\n"
                   "[app:a]\nuse = egg:T\n"),
              IsOkAndHolds("egg:T#comp{/=a /b=a}<egg:T#main{}{}>"
                           "<egg:T#main{}{}>"));
}

TEST_F(PasteDeployTest, TooDeepAndTooManyIsAnError) {
  std::string deep = "[app:main]\nuse = a0\n";
  for (size_t i = 0; i < kMaxPasteDepth; ++i) {
    absl::StrAppend(&deep, "[app:a", i, "]\nuse = a", i + 1, "\n");
  }
  EXPECT_THAT(Invalid(deep), HasSubstr("more than 100 deep"));
  std::string wide = "[app:20]\nuse = egg:T\n";
  for (int i = 0; i < 20; ++i) {
    absl::StrAppend(&wide, "[composite:", i == 0 ? "main" : absl::StrCat(i),
                    "]\nuse = egg:T#comp\n/a = ", i + 1, "\n/b = ", i + 1,
                    "\n");
  }
  EXPECT_THAT(Invalid(wide), HasSubstr("more than 10000 applications"));
}

TEST_F(PasteDeployTest, RelativeUrisNeedADirectory) {
  EXPECT_THAT(App("config:a.ini", Options()),
              StatusIs(absl::StatusCode::kNotFound,
                       "Cannot resolve relative uri 'config:a.ini'; no "
                       "directory given"));
  EXPECT_THAT(App("a.ini", Options()), StatusIs(absl::StatusCode::kNotFound,
                                                "URI has no scheme: 'a.ini'"));
}

TEST_F(PasteDeployTest, ReadsFilesOfALimitedSize) {
  const std::string path = absl::StrCat(::testing::TempDir(), "/big.ini");
  std::ofstream(path) << std::string(kMaxPasteFileSize, '\n');
  EXPECT_THAT(ReadPasteFile(path), IsOk());
  std::ofstream(path) << std::string(kMaxPasteFileSize + 1, '\n');
  EXPECT_THAT(ReadPasteFile(path),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("big.ini: longer than 1048576 bytes")));
  EXPECT_THAT(ReadPasteFile(absl::StrCat(path, "x")),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("big.inix")));
}

TEST(PasteFactoriesTest, NamesAreCheckedAndUniquePerProtocol) {
  PasteFactories factories;
  const AppFactory app = [](const PasteSettings&, const PasteSettings&)
      -> absl::StatusOr<std::unique_ptr<Application>> { return Describe(""); };
  for (const char* name : {"", "x", ":x", "x:", "egg:x", "egg:#x", "egg:x#"}) {
    EXPECT_THAT(factories.AddApp(name, app),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("neither MODULE:OBJECT")))
        << name;
  }
  EXPECT_THAT(factories.AddApp("egg:My.Name#Main", app), IsOk());
  EXPECT_THAT(factories.AddApp("egg:my-_name#Main", app),
              StatusIs(absl::StatusCode::kAlreadyExists,
                       HasSubstr("registered twice")));
  EXPECT_THAT(factories.AddApp("egg:my-name#main", app), IsOk());
  EXPECT_TRUE(factories.HasDistribution("MY_NAME"));
  EXPECT_FALSE(factories.HasDistribution("my"));
}

}  // namespace
}  // namespace bergen::wsgi
