// SPDX-License-Identifier: Apache-2.0

#include "wsgi/paste_deploy.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/cord.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "service/unique_fd.h"
#include "wsgi/paste_ini.h"

namespace bergen::wsgi {
namespace {

// What is asked for; decides which sections may serve.
enum class Kind { kApp, kFilter };

using Prefixes = std::vector<std::vector<absl::string_view>>;

// The prefixes of sections; those of one list are spellings of the same, of
// which the first that is found counts.
const Prefixes& PrefixesOf(Kind kind) {
  static const auto* const kAppPrefixes =
      new Prefixes{{"app", "application"},
                   {"composite", "composit"},
                   {"pipeline"},
                   {"filter-app"}};
  static const auto* const kFilterPrefixes = new Prefixes{{"filter"}};
  return kind == Kind::kApp ? *kAppPrefixes : *kFilterPrefixes;
}

// Settings that name a factory.
struct ProtocolSetting {
  absl::string_view name;
  PasteProtocol protocol;
};

std::vector<ProtocolSetting> ProtocolSettings(Kind kind) {
  if (kind == Kind::kFilter) {
    return {{"paste.filter_factory", PasteProtocol::kFilter},
            {"paste.filter_app_factory", PasteProtocol::kFilterApp}};
  }
  return {{"paste.app_factory", PasteProtocol::kApp},
          {"paste.composite_factory", PasteProtocol::kComposite},
          {"paste.composit_factory", PasteProtocol::kComposite}};
}

// Between names in a value.
constexpr absl::string_view kBlanks = " \t\r\n\f\v";

std::string Quoted(absl::string_view text) {
  return absl::StrCat("'", absl::Utf8SafeCEscape(text), "'");
}

// An error that is told from a factory's own by a payload.
constexpr absl::string_view kErrorKind = "bergen.wsgi/paste_deploy";
constexpr absl::string_view kLookup = "lookup";
constexpr absl::string_view kOther = "other";

absl::Status Error(absl::StatusCode code, absl::string_view kind,
                   absl::string_view place, absl::string_view what) {
  absl::Status error(code, place.empty() ? std::string(what)
                                         : absl::StrCat(place, ": ", what));
  error.SetPayload(kErrorKind, absl::Cord(kind));
  return error;
}

absl::Status LookupError(absl::string_view place, absl::string_view what) {
  return Error(absl::StatusCode::kNotFound, kLookup, place, what);
}

absl::Status FileError(absl::string_view place, absl::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, kOther, place, what);
}

// The error of a factory at `place`, unless it is one of ours passed on.
absl::Status FactoryError(absl::string_view place, const absl::Status& error) {
  if (error.GetPayload(kErrorKind).has_value()) return error;
  return Error(error.code(), kOther, place, error.message());
}

bool IsUri(absl::string_view name) {
  const size_t colon = name.find(':');
  return colon != name.npos && colon > 0 &&
         std::all_of(name.begin(), name.begin() + colon,
                     [](unsigned char c) { return absl::ascii_isalpha(c); });
}

std::string Unquoted(absl::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() &&
        absl::ascii_isxdigit(static_cast<unsigned char>(text[i + 1])) &&
        absl::ascii_isxdigit(static_cast<unsigned char>(text[i + 2]))) {
      out += absl::HexStringToBytes(text.substr(i + 1, 2));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string AbsolutePath(const std::string& path) {
  std::error_code error;
  const std::filesystem::path absolute =
      std::filesystem::absolute(path, error).lexically_normal();
  return error ? path : absolute.string();
}

std::string DirectoryOf(const std::string& path) {
  return std::filesystem::path(path).parent_path().string();
}

// A file with the globals that whoever loads it adds to its own.
struct ConfigFile {
  std::shared_ptr<const PasteIni> ini;
  PasteSection defaults;

  std::string PlaceOf(int line) const {
    return line == 0 ? ini->file : absl::StrCat(ini->file, ":", line);
  }
};

struct Egg {
  std::string distribution;
};

struct Call {
  std::string object;
};

// Where names are looked up.
using Source = std::variant<std::shared_ptr<const ConfigFile>, Egg, Call>;

// A section on the way to what is being loaded.
struct Frame {
  std::shared_ptr<const Frame> up;
  size_t depth = 0;
  std::shared_ptr<const ConfigFile> file;
  const PasteSection* section = nullptr;  // Of the file.
  Kind kind = Kind::kApp;
  PasteSettings globals;

  std::string Text() const {
    return absl::StrCat("[", section->name, "] (", file->PlaceOf(section->line),
                        ")");
  }
  // What is found from here is found from there.
  bool IsSame(const Frame& other) const {
    return section->name == other.section->name && kind == other.kind &&
           file->ini->file == other.file->ini->file &&
           globals == other.globals &&
           std::equal(file->defaults.options.begin(),
                      file->defaults.options.end(),
                      other.file->defaults.options.begin(),
                      other.file->defaults.options.end(),
                      [](const PasteOption& a, const PasteOption& b) {
                        return a.name == b.name && a.text == b.text;
                      });
  }
};

// What is found under a name, before anything is built.
struct Part {
  enum class Type { kFactory, kPipeline, kFilterApp, kFilterWith };

  Type type = Type::kFactory;
  Kind kind = Kind::kApp;
  std::string place;
  std::shared_ptr<PasteSettings> globals = std::make_shared<PasteSettings>();
  std::shared_ptr<PasteSettings> locals = std::make_shared<PasteSettings>();
  Source loader = Call{};

  // Of kFactory. None for `call:` until a section says it.
  std::optional<PasteProtocol> protocol;
  std::string factory;
  std::shared_ptr<const Frame> frame;
  absl::flat_hash_map<std::string, std::string> places;  // Of the locals.

  // Of the others: filters, the first outermost, around an application, or, for
  // the filter-with of a filter, around a filter.
  std::vector<std::unique_ptr<Part>> filters;
  std::unique_ptr<Part> next;
};

using PartOr = absl::StatusOr<std::unique_ptr<Part>>;
using AppOr = absl::StatusOr<std::unique_ptr<Application>>;

// The settings of one section, sorted out.
struct SectionSettings {
  std::shared_ptr<PasteSettings> globals = std::make_shared<PasteSettings>();
  std::shared_ptr<PasteSettings> locals = std::make_shared<PasteSettings>();
  PasteSettings additions;  // By `set`.
  // Of the locals.
  absl::flat_hash_map<std::string, std::string> places;
};

class Load {
 public:
  Load(const PasteFactories& factories, const PasteLoadOptions& options)
      : factories_(&factories), options_(&options) {}

  AppOr App(absl::string_view uri) {
    PartOr part = Find(uri, Kind::kApp);
    if (!part.ok()) return part.status();
    return BuildApp(**part);
  }

  absl::StatusOr<Filter> FilterOf(absl::string_view uri) {
    PartOr part = Find(uri, Kind::kFilter);
    if (!part.ok()) return part.status();
    return BuildFilter(**part);
  }

 private:
  // What composites load with.
  class Composite : public PasteLoader {
   public:
    Composite(Load& load, const Part& part) : load_(&load), part_(&part) {}

    AppOr GetApp(absl::string_view name,
                 const PasteSettings& globals) override {
      PartOr part = Find(name, globals, Kind::kApp);
      if (!part.ok()) return part.status();
      return load_->BuildApp(**part);
    }

    absl::StatusOr<Filter> GetFilter(absl::string_view name,
                                     const PasteSettings& globals) override {
      PartOr part = Find(name, globals, Kind::kFilter);
      if (!part.ok()) return part.status();
      return load_->BuildFilter(**part);
    }

   private:
    PartOr Find(absl::string_view name, const PasteSettings& globals,
                Kind kind) {
      return load_->FindPart(part_->loader, kind, name, globals, part_->frame,
                             PlaceOf(name));
    }

    // Of the setting that says `name`, as far as one does.
    absl::string_view PlaceOf(absl::string_view name) const {
      for (const auto& [key, value] : *part_->locals) {
        const std::vector<absl::string_view> words =
            absl::StrSplit(value, absl::ByAnyChar(kBlanks), absl::SkipEmpty());
        if (std::find(words.begin(), words.end(), name) == words.end()) {
          continue;
        }
        const auto place = part_->places.find(key);
        if (place != part_->places.end()) return place->second;
      }
      return part_->place;
    }

    Load* load_;
    const Part* part_;
  };

  PartOr Find(absl::string_view uri, Kind kind) {
    return FindByUri(kind, uri, options_->name, options_->relative_to,
                     options_->globals, nullptr, "");
  }

  // Of all of these: `place` is where the name stands, `frame` the section that
  // it stands in, or null.
  PartOr FindByUri(Kind kind, absl::string_view uri, absl::string_view name,
                   const std::string& relative_to, const PasteSettings& globals,
                   const std::shared_ptr<const Frame>& frame,
                   absl::string_view place);
  PartOr FindPart(const Source& source, Kind kind, absl::string_view name,
                  const PasteSettings& globals,
                  const std::shared_ptr<const Frame>& frame,
                  absl::string_view place);
  PartOr FindInFile(const std::shared_ptr<const ConfigFile>& file, Kind kind,
                    absl::string_view name, const PasteSettings& globals,
                    const std::shared_ptr<const Frame>& frame,
                    absl::string_view place);
  PartOr FindInEgg(const Egg& egg, Kind kind, absl::string_view name,
                   const PasteSettings& globals,
                   const std::shared_ptr<const Frame>& frame,
                   absl::string_view place);

  absl::StatusOr<std::shared_ptr<const ConfigFile>> ReadConfig(
      absl::string_view uri, absl::string_view path,
      const std::string& relative_to, const PasteSettings& globals,
      absl::string_view place);
  static absl::StatusOr<const PasteSection*> FindSection(
      const ConfigFile& file, Kind kind, absl::string_view name,
      absl::string_view place);
  static absl::StatusOr<SectionSettings> Settings(const ConfigFile& file,
                                                  const PasteSection& section,
                                                  const PasteSettings& globals);
  static absl::StatusOr<std::shared_ptr<const Frame>> Enter(
      Frame frame, absl::string_view place);
  absl::Status CheckRequired(SectionSettings& settings) const;

  // Of these, `frame` is the section's own.
  PartOr FromSection(Kind kind, SectionSettings& settings,
                     const std::shared_ptr<const Frame>& frame);
  PartOr FromUse(Kind kind, SectionSettings& settings,
                 const std::shared_ptr<const Frame>& frame);
  PartOr FromFactory(Kind kind, SectionSettings& settings,
                     const std::shared_ptr<const Frame>& frame);
  PartOr FromFilterApp(SectionSettings& settings,
                       const std::shared_ptr<const Frame>& frame);
  PartOr FromPipeline(SectionSettings& settings,
                      const std::shared_ptr<const Frame>& frame);
  PartOr FindFrom(Kind kind, absl::string_view name,
                  const PasteSettings& globals,
                  const std::shared_ptr<const Frame>& frame,
                  absl::string_view place) {
    return FindPart(frame->file, kind, name, globals, frame, place);
  }

  PartOr NewPart(Part::Type type, Kind kind, absl::string_view place,
                 const std::shared_ptr<const Frame>& frame);
  // Whether `name` is registered for `protocol`.
  absl::Status CheckFactory(PasteProtocol protocol, absl::string_view name,
                            absl::string_view place) const;

  AppOr BuildApp(const Part& part);
  AppOr CallAppFactory(const Part& part);
  absl::StatusOr<Filter> BuildFilter(const Part& part);

  const PasteFactories* factories_;
  const PasteLoadOptions* options_;
  size_t parts_ = 0;
  absl::flat_hash_map<std::string, std::shared_ptr<const PasteIni>> files_;
};

PartOr Load::FindByUri(Kind kind, absl::string_view uri, absl::string_view name,
                       const std::string& relative_to,
                       const PasteSettings& globals,
                       const std::shared_ptr<const Frame>& frame,
                       absl::string_view place) {
  const size_t hash = uri.find('#');
  if (hash != uri.npos) {
    if (name.empty()) name = uri.substr(hash + 1);
    uri = uri.substr(0, hash);
  } else if (name.empty()) {
    name = "main";
  }
  const size_t colon = uri.find(':');
  if (colon == uri.npos) {
    return LookupError(place, absl::StrCat("URI has no scheme: ", Quoted(uri)));
  }
  const std::string scheme = absl::AsciiStrToLower(uri.substr(0, colon));
  const absl::string_view rest = uri.substr(colon + 1);
  if (scheme == "config") {
    absl::StatusOr<std::shared_ptr<const ConfigFile>> file =
        ReadConfig(uri, rest, relative_to, globals, place);
    if (!file.ok()) return file.status();
    return FindInFile(*file, kind, name, globals, frame, place);
  }
  if (scheme == "egg") {
    return FindInEgg({std::string(rest)}, kind, name, globals, frame, place);
  }
  if (scheme == "call") {
    return FindPart(Call{std::string(rest)}, kind, name, globals, frame, place);
  }
  return LookupError(place,
                     absl::StrCat("URI scheme not known: ", Quoted(scheme),
                                  " (from config, egg, call)"));
}

PartOr Load::FindPart(const Source& source, Kind kind, absl::string_view name,
                      const PasteSettings& globals,
                      const std::shared_ptr<const Frame>& frame,
                      absl::string_view place) {
  if (const auto* file =
          std::get_if<std::shared_ptr<const ConfigFile>>(&source)) {
    return FindInFile(*file, kind, name, globals, frame, place);
  }
  if (const auto* egg = std::get_if<Egg>(&source)) {
    return FindInEgg(*egg, kind, name, globals, frame, place);
  }
  const std::string& object = std::get<Call>(source).object;
  if (!absl::StrContains(object, ':')) {
    return LookupError(place, absl::StrCat("Configuration not in format "
                                           "module:function: ",
                                           Quoted(object)));
  }
  if (factories_->ProtocolsOf(object).empty()) {
    return LookupError(
        place, absl::StrCat("no factory ", Quoted(object), " is registered"));
  }
  PartOr part = NewPart(Part::Type::kFactory, kind, place, frame);
  if (!part.ok()) return part;
  *(*part)->globals = globals;
  (*part)->factory = object;
  (*part)->loader = source;
  return part;
}

PartOr Load::FindInEgg(const Egg& egg, Kind kind, absl::string_view name,
                       const PasteSettings& globals,
                       const std::shared_ptr<const Frame>& frame,
                       absl::string_view place) {
  if (IsUri(name)) {
    return FindByUri(kind, name, "", "", globals, frame, place);
  }
  if (!factories_->HasDistribution(egg.distribution)) {
    return LookupError(
        place, absl::StrCat("no factory of the distribution ",
                            Quoted(egg.distribution), " is registered"));
  }
  const std::string factory = absl::StrCat("egg:", egg.distribution, "#", name);
  std::vector<PasteProtocol> found;
  std::vector<absl::string_view> names;
  for (const ProtocolSetting& setting : ProtocolSettings(kind)) {
    names.push_back(setting.name);
  }
  for (const PasteProtocol protocol : factories_->ProtocolsOf(factory)) {
    const bool is_app = protocol == PasteProtocol::kApp ||
                        protocol == PasteProtocol::kComposite;
    if (is_app == (kind == Kind::kApp)) found.push_back(protocol);
  }
  if (found.empty()) {
    return LookupError(
        place, absl::StrCat("Entry point ", Quoted(name), " not found in egg ",
                            Quoted(egg.distribution),
                            " (protocols: ", absl::StrJoin(names, ", "), ")"));
  }
  if (found.size() > 1 && kind == Kind::kApp) {
    return LookupError(
        place, absl::StrCat("Ambiguous entry points for ", Quoted(name),
                            " in egg ", Quoted(egg.distribution),
                            " (protocols: ", absl::StrJoin(names, ", "), ")"));
  }
  PartOr part = NewPart(Part::Type::kFactory, kind, place, frame);
  if (!part.ok()) return part;
  *(*part)->globals = globals;
  (*part)->protocol = found.front();
  (*part)->factory = factory;
  (*part)->loader = egg;
  return part;
}

absl::StatusOr<std::shared_ptr<const ConfigFile>> Load::ReadConfig(
    absl::string_view uri, absl::string_view path,
    const std::string& relative_to, const PasteSettings& globals,
    absl::string_view place) {
  std::string full = absl::StrReplaceAll(path, {{"\\", "/"}});
  if (!absl::StartsWith(path, "/")) {
    if (relative_to.empty()) {
      return LookupError(
          place, absl::StrCat("Cannot resolve relative uri ", Quoted(uri),
                              "; no directory given"));
    }
    full = absl::StrCat(relative_to,
                        absl::EndsWith(relative_to, "/") ? "" : "/", full);
  }
  if (absl::StartsWith(full, "///")) full.erase(0, 2);
  const std::string file(absl::StripAsciiWhitespace(Unquoted(full)));
  std::shared_ptr<const PasteIni>& ini = files_[file];
  if (ini == nullptr) {
    const absl::StatusOr<std::string> text = options_->read_file(file);
    if (!text.ok()) {
      const absl::string_view kind =
          absl::IsNotFound(text.status()) ? kLookup : kOther;
      return Error(text.status().code(), kind, place, text.status().message());
    }
    absl::StatusOr<PasteIni> parsed = ParsePasteIni(*text, file);
    if (!parsed.ok()) return FileError("", parsed.status().message());
    ini = std::make_shared<const PasteIni>(*std::move(parsed));
  }

  auto config = std::make_shared<ConfigFile>();
  config->ini = ini;
  config->defaults.name = ini->defaults.name;
  const std::string absolute = AbsolutePath(file);
  // It is no reference, whatever it contains.
  const auto add = [&](absl::string_view name, absl::string_view value) {
    config->defaults.options.push_back(
        {std::string(name), absl::StrReplaceAll(value, {{"%", "%%"}}), 0});
  };
  add("here", DirectoryOf(absolute));
  add("__file__", absolute);
  for (const PasteOption& option : ini->defaults.options) {
    PasteOption* const known = config->defaults.Find(option.name);
    if (known != nullptr) {
      *known = option;
    } else {
      config->defaults.options.push_back(option);
    }
  }
  for (const auto& [name, value] : globals) {
    if (config->defaults.Find(name) == nullptr) add(name, value);
  }
  return config;
}

absl::StatusOr<const PasteSection*> Load::FindSection(const ConfigFile& file,
                                                      Kind kind,
                                                      absl::string_view name,
                                                      absl::string_view place) {
  std::vector<const PasteSection*> found;
  std::vector<std::string> all_prefixes;
  for (const std::vector<absl::string_view>& prefixes : PrefixesOf(kind)) {
    bool is_found = false;
    for (const absl::string_view prefix : prefixes) {
      all_prefixes.push_back(Quoted(prefix));
      if (is_found) continue;
      for (const PasteSection& section : file.ini->sections) {
        absl::string_view rest = section.name;
        if (absl::ConsumePrefix(&rest, prefix) &&
            absl::ConsumePrefix(&rest, ":") &&
            absl::StripAsciiWhitespace(rest) == name) {
          found.push_back(&section);
          is_found = true;
        }
      }
    }
  }
  const std::string where =
      absl::StrCat(" (prefixed by ", absl::StrJoin(all_prefixes, " or "),
                   ") found in config ", file.ini->file);
  if (found.empty()) {
    return LookupError(place, absl::StrCat("No section ", Quoted(name), where));
  }
  if (found.size() > 1) {
    const std::string names = absl::StrJoin(
        found, ", ", [](std::string* out, const PasteSection* section) {
          absl::StrAppend(out, Quoted(section->name), " on line ",
                          section->line);
        });
    return LookupError(place,
                       absl::StrCat("Ambiguous section names (", names,
                                    ") for section ", Quoted(name), where));
  }
  return found[0];
}

absl::StatusOr<SectionSettings> Load::Settings(const ConfigFile& file,
                                               const PasteSection& section,
                                               const PasteSettings& globals) {
  const auto value =
      [&file](const PasteSection& of,
              const PasteOption& option) -> absl::StatusOr<std::string> {
    absl::StatusOr<std::string> text = Interpolate(of, file.defaults, option);
    if (text.ok()) return text;
    return FileError(file.PlaceOf(option.line),
                     absl::StrCat("option ", Quoted(option.name), ": ",
                                  text.status().message()));
  };

  SectionSettings settings;
  for (const PasteOption& option : file.defaults.options) {
    absl::StatusOr<std::string> text = value(file.defaults, option);
    if (!text.ok()) return text.status();
    settings.globals->Set(option.name, *text);
  }
  settings.globals->Update(globals);

  // Those of [DEFAULT] are options of every section.
  std::vector<const PasteOption*> options;
  for (const PasteOption& option : section.options) options.push_back(&option);
  for (const PasteOption& option : file.defaults.options) {
    if (section.Find(option.name) == nullptr) options.push_back(&option);
  }
  struct Copy {
    std::string local;
    std::string global;
    const PasteOption* option;
  };
  std::vector<Copy> copies;
  for (const PasteOption* option : options) {
    absl::string_view name = option->name;
    const bool is_set = absl::ConsumePrefix(&name, "set ");
    const bool is_get = !is_set && absl::ConsumePrefix(&name, "get ");
    // A global stays what it is in [DEFAULT].
    if (!is_set && !is_get && file.defaults.Find(name) != nullptr) continue;
    absl::StatusOr<std::string> text = value(section, *option);
    if (!text.ok()) return text.status();
    if (is_set) {
      name = absl::StripAsciiWhitespace(name);
      settings.globals->Set(name, *text);
      settings.additions.Set(name, *text);
    } else if (is_get) {
      copies.push_back({std::string(absl::StripAsciiWhitespace(name)),
                        *std::move(text), option});
    } else {
      settings.locals->Set(name, *text);
      settings.places[name] = file.PlaceOf(option->line);
    }
  }
  for (const Copy& copy : copies) {
    const std::optional<absl::string_view> global =
        settings.globals->Get(copy.global);
    const std::string place = file.PlaceOf(copy.option->line);
    if (!global.has_value()) {
      return LookupError(place, absl::StrCat(Quoted(copy.option->name),
                                             ": there is no global setting ",
                                             Quoted(copy.global)));
    }
    settings.locals->Set(copy.local, std::string(*global));
    settings.places[copy.local] = place;
  }
  return settings;
}

absl::StatusOr<std::shared_ptr<const Frame>> Load::Enter(
    Frame frame, absl::string_view place) {
  frame.depth = frame.up == nullptr ? 1 : frame.up->depth + 1;
  for (const Frame* up = frame.up.get(); up != nullptr; up = up->up.get()) {
    if (!frame.IsSame(*up)) continue;
    std::vector<std::string> way = {frame.Text()};
    for (const Frame* step = frame.up.get(); step != up;
         step = step->up.get()) {
      way.push_back(step->Text());
    }
    way.push_back(up->Text());
    std::reverse(way.begin(), way.end());
    return FileError(place, absl::StrCat("[", frame.section->name,
                                         "] leads back to itself: ",
                                         absl::StrJoin(way, " -> ")));
  }
  if (frame.depth > kMaxPasteDepth) {
    return FileError(
        place, absl::StrCat("sections lead to sections more than ",
                            kMaxPasteDepth, " deep, here to ", frame.Text()));
  }
  return std::make_shared<const Frame>(std::move(frame));
}

absl::Status Load::CheckRequired(SectionSettings& settings) const {
  const std::optional<std::string> required = settings.locals->Take("require");
  if (!required.has_value()) return absl::OkStatus();
  for (const absl::string_view distribution :
       absl::StrSplit(*required, absl::ByAnyChar(kBlanks), absl::SkipEmpty())) {
    if (!factories_->HasDistribution(distribution)) {
      return LookupError(
          settings.places["require"],
          absl::StrCat("require: no factory of the distribution ",
                       Quoted(distribution), " is registered"));
    }
  }
  return absl::OkStatus();
}

PartOr Load::FindInFile(const std::shared_ptr<const ConfigFile>& file,
                        Kind kind, absl::string_view name,
                        const PasteSettings& globals,
                        const std::shared_ptr<const Frame>& frame,
                        absl::string_view place) {
  if (IsUri(name)) {
    return FindByUri(kind, name, "", DirectoryOf(file->ini->file), globals,
                     frame, place);
  }
  const absl::StatusOr<const PasteSection*> section =
      FindSection(*file, kind, name, place);
  if (!section.ok()) return section.status();
  absl::StatusOr<SectionSettings> settings =
      Settings(*file, **section, globals);
  if (!settings.ok()) return settings.status();
  const absl::StatusOr<std::shared_ptr<const Frame>> own =
      Enter({.up = frame,
             .file = file,
             .section = *section,
             .kind = kind,
             .globals = *settings->globals},
            place);
  if (!own.ok()) return own.status();

  const std::optional<std::string> filter_with =
      settings->locals->Take("filter-with");
  if (absl::Status met = CheckRequired(*settings); !met.ok()) return met;
  PartOr part = FromSection(kind, *settings, *own);
  if (!part.ok() || !filter_with.has_value()) return part;

  const std::string filter_place = settings->places["filter-with"];
  PartOr filter = FindFrom(Kind::kFilter, *filter_with, *settings->globals,
                           *own, filter_place);
  if (!filter.ok()) return filter;
  PartOr both = NewPart(Part::Type::kFilterWith, kind, filter_place, *own);
  if (!both.ok()) return both;
  (*both)->globals = settings->globals;
  (*both)->locals = settings->locals;
  (*both)->filters.push_back(*std::move(filter));
  (*both)->next = *std::move(part);
  return both;
}

PartOr Load::FromSection(Kind kind, SectionSettings& settings,
                         const std::shared_ptr<const Frame>& frame) {
  const std::string& name = frame->section->name;
  if (absl::StartsWith(name, "filter-app:")) {
    return FromFilterApp(settings, frame);
  }
  if (absl::StartsWith(name, "pipeline:")) return FromPipeline(settings, frame);
  if (settings.locals->Get("use").has_value()) {
    return FromUse(kind, settings, frame);
  }
  return FromFactory(kind, settings, frame);
}

PartOr Load::FromUse(Kind kind, SectionSettings& settings,
                     const std::shared_ptr<const Frame>& frame) {
  const std::string place = settings.places["use"];
  const std::string use = *settings.locals->Take("use");
  PartOr found = FindFrom(kind, use, *settings.globals, frame, place);
  if (!found.ok()) return found;
  Part& part = **found;
  part.globals->Update(settings.additions);
  for (const auto& [name, value] : *settings.locals) {
    part.locals->Set(name, value);
    part.places[name] = settings.places[name];
  }
  // Whose file it is does not change with what is used.
  if (const auto file = settings.globals->Get("__file__")) {
    part.globals->Set("__file__", *file);
  }
  part.loader = frame->file;
  if (part.type != Part::Type::kFactory || part.protocol.has_value()) {
    return found;
  }
  const absl::string_view section = frame->section->name;
  if (kind == Kind::kFilter) {
    part.protocol = PasteProtocol::kFilter;
  } else if (absl::StartsWith(section, "composit")) {
    part.protocol = PasteProtocol::kComposite;
  } else {
    part.protocol = PasteProtocol::kApp;
  }
  if (absl::Status known = CheckFactory(*part.protocol, part.factory, place);
      !known.ok()) {
    return known;
  }
  return found;
}

PartOr Load::FromFactory(Kind kind, SectionSettings& settings,
                         const std::shared_ptr<const Frame>& frame) {
  const std::string& section = frame->section->name;
  const std::string section_place = frame->file->PlaceOf(frame->section->line);
  std::vector<ProtocolSetting> found;
  for (const ProtocolSetting& setting : ProtocolSettings(kind)) {
    if (settings.locals->Get(setting.name).has_value()) {
      found.push_back(setting);
      if (kind == Kind::kFilter) break;
    }
  }
  if (found.empty()) {
    return LookupError(
        section_place,
        absl::StrCat("No loader given in section ", Quoted(section)));
  }
  if (found.size() > 1) {
    return LookupError(
        section_place,
        absl::StrCat("Multiple protocols given in section ", Quoted(section),
                     ": ", found[0].name, ", ", found[1].name));
  }
  const std::string place = settings.places[found[0].name];
  const std::string expression = *settings.locals->Take(found[0].name);
  // `MODULE : OBJECT [EXTRAS]`, as of an entry point.
  absl::string_view object = expression;
  object = object.substr(0, object.find('['));
  const std::pair<absl::string_view, absl::string_view> halves =
      absl::StrSplit(object, absl::MaxSplits(':', 1));
  const absl::string_view module = absl::StripAsciiWhitespace(halves.first);
  const absl::string_view attribute = absl::StripAsciiWhitespace(halves.second);
  if (module.empty() || attribute.empty()) {
    return LookupError(
        place, absl::StrCat(found[0].name,
                            ": is not MODULE:OBJECT: ", Quoted(expression)));
  }
  const std::string factory = absl::StrCat(module, ":", attribute);
  if (absl::Status known = CheckFactory(found[0].protocol, factory, place);
      !known.ok()) {
    return known;
  }
  PartOr part = NewPart(Part::Type::kFactory, kind, place, frame);
  if (!part.ok()) return part;
  (*part)->globals = settings.globals;
  (*part)->locals = settings.locals;
  (*part)->places = settings.places;
  (*part)->protocol = found[0].protocol;
  (*part)->factory = factory;
  (*part)->loader = frame->file;
  return part;
}

PartOr Load::FromFilterApp(SectionSettings& settings,
                           const std::shared_ptr<const Frame>& frame) {
  const std::string place = frame->file->PlaceOf(frame->section->line);
  const std::optional<std::string> next = settings.locals->Take("next");
  if (!next.has_value()) {
    return LookupError(
        place,
        absl::StrCat("The [", frame->section->name, "] section in ",
                     frame->file->ini->file, " is missing a 'next' setting"));
  }
  PartOr part = NewPart(Part::Type::kFilterApp, Kind::kApp, place, frame);
  if (!part.ok()) return part;
  (*part)->globals = settings.globals;
  (*part)->locals = settings.locals;
  PartOr app = FindFrom(Kind::kApp, *next, *settings.globals, frame,
                        settings.places["next"]);
  if (!app.ok()) return app;
  (*part)->next = *std::move(app);
  PartOr filter = settings.locals->Get("use").has_value()
                      ? FromUse(Kind::kFilter, settings, frame)
                      : FromFactory(Kind::kFilter, settings, frame);
  if (!filter.ok()) return filter;
  (*part)->filters.push_back(*std::move(filter));
  return part;
}

PartOr Load::FromPipeline(SectionSettings& settings,
                          const std::shared_ptr<const Frame>& frame) {
  const std::string section_place = frame->file->PlaceOf(frame->section->line);
  const std::string what =
      absl::StrCat("The [", frame->section->name, "] pipeline section in ",
                   frame->file->ini->file);
  const std::optional<std::string> pipeline = settings.locals->Take("pipeline");
  if (!pipeline.has_value()) {
    return LookupError(section_place,
                       absl::StrCat(what, " is missing a 'pipeline' setting"));
  }
  const std::string place = settings.places["pipeline"];
  if (!settings.locals->empty()) {
    const std::string names = absl::StrJoin(
        *settings.locals, ", ", [](std::string* out, const auto& entry) {
          absl::StrAppend(out, entry.first);
        });
    return LookupError(
        settings.places[settings.locals->begin()->first],
        absl::StrCat(what, " has extra (disallowed) settings: ", names));
  }
  const std::vector<absl::string_view> names =
      absl::StrSplit(*pipeline, absl::ByAnyChar(kBlanks), absl::SkipEmpty());
  if (names.empty()) {
    return LookupError(place, absl::StrCat(what, " is empty"));
  }
  PartOr part = NewPart(Part::Type::kPipeline, Kind::kApp, place, frame);
  if (!part.ok()) return part;
  (*part)->globals = settings.globals;
  (*part)->locals = settings.locals;
  PartOr app =
      FindFrom(Kind::kApp, names.back(), *settings.globals, frame, place);
  if (!app.ok()) return app;
  (*part)->next = *std::move(app);
  for (size_t i = 0; i + 1 < names.size(); ++i) {
    PartOr filter =
        FindFrom(Kind::kFilter, names[i], *settings.globals, frame, place);
    if (!filter.ok()) return filter;
    (*part)->filters.push_back(*std::move(filter));
  }
  return part;
}

PartOr Load::NewPart(Part::Type type, Kind kind, absl::string_view place,
                     const std::shared_ptr<const Frame>& frame) {
  if (++parts_ > kMaxPasteParts) {
    return FileError(place, absl::StrCat("more than ", kMaxPasteParts,
                                         " applications and filters"));
  }
  auto part = std::make_unique<Part>();
  part->type = type;
  part->kind = kind;
  part->place = std::string(place);
  part->frame = frame;
  return part;
}

absl::Status Load::CheckFactory(PasteProtocol protocol, absl::string_view name,
                                absl::string_view place) const {
  const std::vector<PasteProtocol> protocols = factories_->ProtocolsOf(name);
  if (std::find(protocols.begin(), protocols.end(), protocol) !=
      protocols.end()) {
    return absl::OkStatus();
  }
  std::string what = absl::StrCat("no ", PasteProtocolName(protocol), " ",
                                  Quoted(name), " is registered");
  if (!protocols.empty()) {
    absl::StrAppend(&what, "; it is a ", PasteProtocolName(protocols[0]));
  }
  return LookupError(place, what);
}

// What `part` is built of exists: it was checked when it was found.
AppOr Load::BuildApp(const Part& part) {
  if (part.type == Part::Type::kFactory) return CallAppFactory(part);
  AppOr app = std::unique_ptr<Application>();
  std::vector<Filter> filters;
  // The order in which the original calls factories.
  const bool filters_first = part.type == Part::Type::kFilterWith;
  if (!filters_first) app = BuildApp(*part.next);
  if (!app.ok()) return app;
  for (const std::unique_ptr<Part>& filter : part.filters) {
    absl::StatusOr<Filter> built = BuildFilter(*filter);
    if (!built.ok()) return built.status();
    filters.push_back(*std::move(built));
  }
  if (filters_first) app = BuildApp(*part.next);
  for (auto filter = filters.rbegin(); filter != filters.rend(); ++filter) {
    if (!app.ok()) return app;
    app = std::move(*filter)(*std::move(app));
  }
  return app;
}

AppOr Load::CallAppFactory(const Part& part) {
  if (!part.protocol.has_value()) {
    return LookupError(part.place,
                       absl::StrCat("call:", part.factory,
                                    ": nothing says what kind of factory it "
                                    "is; name it by `use` in a section"));
  }
  AppOr app = std::unique_ptr<Application>();
  if (*part.protocol == PasteProtocol::kComposite) {
    Composite loader(*this, part);
    app = (*factories_->FindComposite(part.factory))(loader, *part.globals,
                                                     *part.locals);
  } else {
    app = (*factories_->FindApp(part.factory))(*part.globals, *part.locals);
  }
  if (!app.ok()) return FactoryError(part.place, app.status());
  if (*app == nullptr) {
    return FactoryError(part.place,
                        absl::InternalError(absl::StrCat(
                            part.factory, " returned no application")));
  }
  return app;
}

// The result of a filter at `place`.
AppOr Filtered(const std::string& place, const std::string& factory,
               AppOr app) {
  if (!app.ok()) return FactoryError(place, app.status());
  if (*app == nullptr) {
    return FactoryError(place, absl::InternalError(absl::StrCat(
                                   factory, " returned no application")));
  }
  return app;
}

absl::StatusOr<Filter> Load::BuildFilter(const Part& part) {
  if (part.type == Part::Type::kFilterWith) {
    absl::StatusOr<Filter> outer = BuildFilter(*part.filters[0]);
    if (!outer.ok()) return outer;
    absl::StatusOr<Filter> inner = BuildFilter(*part.next);
    if (!inner.ok()) return inner;
    return Filter([outer = *std::move(outer), inner = *std::move(inner)](
                      std::unique_ptr<Application> next) mutable -> AppOr {
      AppOr app = std::move(inner)(std::move(next));
      if (!app.ok()) return app;
      return std::move(outer)(*std::move(app));
    });
  }
  if (!part.protocol.has_value()) {
    return LookupError(part.place,
                       absl::StrCat("call:", part.factory,
                                    ": nothing says what kind of factory it "
                                    "is; name it by `use` in a section"));
  }
  if (*part.protocol == PasteProtocol::kFilterApp) {
    return Filter(
        [factory = factories_->FindFilterApp(part.factory), name = part.factory,
         globals = *part.globals, locals = *part.locals,
         place = part.place](std::unique_ptr<Application> next) -> AppOr {
          return Filtered(place, name,
                          (*factory)(std::move(next), globals, locals));
        });
  }
  absl::StatusOr<Filter> filter =
      (*factories_->FindFilter(part.factory))(*part.globals, *part.locals);
  if (!filter.ok()) return FactoryError(part.place, filter.status());
  if (*filter == nullptr) {
    return FactoryError(part.place, absl::InternalError(absl::StrCat(
                                        part.factory, " returned no filter")));
  }
  return Filter(
      [filter = *std::move(filter), name = part.factory,
       place = part.place](std::unique_ptr<Application> next) mutable -> AppOr {
        return Filtered(place, name, std::move(filter)(std::move(next)));
      });
}

}  // namespace

absl::StatusOr<std::string> ReadPasteFile(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.ok()) return absl::ErrnoToStatus(errno, path);
  std::string text;
  char buffer[16384];
  for (;;) {
    const ssize_t size = ::read(fd.get(), buffer, sizeof(buffer));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return absl::ErrnoToStatus(errno, path);
    if (size == 0) return text;
    if (text.size() + size > kMaxPasteFileSize) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": longer than ", kMaxPasteFileSize, " bytes"));
    }
    text.append(buffer, size);
  }
}

absl::StatusOr<std::unique_ptr<Application>> LoadPasteApp(
    const PasteFactories& factories, absl::string_view uri,
    const PasteLoadOptions& options) {
  return Load(factories, options).App(uri);
}

absl::StatusOr<Filter> LoadPasteFilter(const PasteFactories& factories,
                                       absl::string_view uri,
                                       const PasteLoadOptions& options) {
  return Load(factories, options).FilterOf(uri);
}

bool IsPasteLookupError(const absl::Status& error) {
  const auto kind = error.GetPayload(kErrorKind);
  return kind.has_value() && *kind == kLookup;
}

}  // namespace bergen::wsgi
