// SPDX-License-Identifier: Apache-2.0

#include "config/docs.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "config/text_wrap.h"

namespace bergen::config {
namespace {

constexpr int kUnwrappedWidth = 998;
constexpr absl::string_view kNoDescription = "<No description provided>";

std::string ChoiceText(const std::string& value) {
  return value.empty() ? "''" : value;
}

// In the order of documentation: the advanced ones last.
std::vector<OptionDescription> Ordered(const std::vector<AnyOption>& options) {
  std::vector<OptionDescription> ordered;
  ordered.reserve(options.size());
  for (const AnyOption& option : options) {
    ordered.push_back(option.description());
  }
  std::stable_partition(
      ordered.begin(), ordered.end(),
      [](const OptionDescription& option) { return !option.advanced; });
  return ordered;
}

class IniWriter {
 public:
  explicit IniWriter(const IniStyle& style) : style_(style) {}

  std::string Write(const Listing& listing) {
    for (const Listing::Group& group : listing.groups()) {
      if (!text_.empty()) text_ += "\n\n";
      WriteGroup(group);
    }
    return std::move(text_);
  }

 private:
  void Line(absl::string_view line) { absl::StrAppend(&text_, line, "\n"); }

  // Each line of `text` as a comment of its own.
  void Comment(absl::string_view text) {
    std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
    if (lines.back().empty()) lines.pop_back();
    for (const absl::string_view line : lines) {
      const std::vector<std::string> wrapped =
          WrapText(absl::StripSuffix(line, "\r"), "# ",
                   style_.wrap_width > 0 ? style_.wrap_width : kUnwrappedWidth);
      if (wrapped.empty()) Line("#");
      for (const std::string& piece : wrapped) Line(piece);
    }
  }

  void WriteGroup(const Listing::Group& group) {
    Line(absl::StrCat("[", group.name, "]"));
    if (!group.help.empty()) Comment(group.help);
    for (const Listing::Block& block : group.blocks) {
      Line(absl::StrCat("\n#\n# From ", block.name_space, "\n#"));
      for (const OptionDescription& option : Ordered(block.options)) {
        if (style_.minimal && !option.required) continue;
        Line("");
        WriteComments(group.name, option);
        WriteAssignment(option);
      }
    }
  }

  std::string HelpText(const OptionDescription& option) const {
    std::string type = absl::StrCat("(", option.type_name, ")");
    if (option.help.empty()) return type;
    std::string help = option.help;
    const size_t paragraph = help.find("\n\n");
    if (style_.summarize) {
      help = help.substr(0, paragraph);
      for (const char c : {':', '.'}) {
        while (!help.empty() && help.back() == c) help.pop_back();
      }
      if (paragraph != help.npos) {
        help += ". For more information, refer to the documentation.";
      }
    }
    const bool announce =
        option.removal && !absl::StartsWith(option.help, "DEPRECATED");
    return absl::StrCat(announce ? "DEPRECATED: " : "", help, " ", type);
  }

  void WriteComments(const std::string& group,
                     const OptionDescription& option) {
    Comment(HelpText(option));
    if (!option.units.empty()) Comment(absl::StrCat("Units: ", option.units));
    if (option.min) Line(absl::StrCat("# Minimum value: ", *option.min));
    if (option.max) Line(absl::StrCat("# Maximum value: ", *option.max));
    if (!option.choices.empty()) Line("# Possible values:");
    for (const Choice<std::string>& choice : option.choices) {
      Comment(absl::StrCat(ChoiceText(choice.value), " - ",
                           choice.description.empty()
                               ? kNoDescription
                               : absl::string_view(choice.description)));
    }
    if (option.is_mutable) {
      Line("# Note: This option can be changed without restarting.");
    }
    for (const DeprecatedName& old : option.deprecated_names) {
      const auto [old_group, old_name] = old.InFull(group, option.name);
      Line(absl::StrCat("# Deprecated group/name - [", old_group, "]/",
                        old_name));
    }
    if (option.removal) WriteRemoval(*option.removal);
    if (option.advanced) {
      Line("# Advanced Option: intended for advanced users and not used");
      Line("# by the majority of users, and might have a significant");
      Line("# effect on stability and/or performance.");
    }
    if (option.sample_default && !option.sample_default->empty()) {
      Line("#");
      Line("# This option has a sample default set, which means that");
      Line("# its actual default value may vary from the one documented");
      Line("# below.");
    }
  }

  void WriteRemoval(const Removal& removal) {
    const std::string since =
        removal.since.empty() ? "" : absl::StrCat(" since ", removal.since);
    Line(absl::StrCat("# This option is deprecated for removal", since, "."));
    Line("# Its value may be silently ignored in the future.");
    if (!removal.reason.empty()) {
      Comment(absl::StrCat("Reason: ", removal.reason));
    }
  }

  void WriteAssignment(const OptionDescription& option) {
    std::vector<std::string> values = option.default_lines;
    if (values.empty()) values = {option.is_multi ? "" : "<None>"};
    for (std::string& value : values) {
      if (absl::StripAsciiWhitespace(value).size() != value.size()) {
        value = absl::StrCat("\"", value, "\"");
      }
    }
    if (option.sample_default) values = option.sample_lines;
    const absl::string_view comment = style_.minimal ? "" : "#";
    for (const std::string& value : values) {
      // The original comments continuation lines out in a minimal file too,
      // which then does not hold the value.
      const std::string text = absl::StrReplaceAll(
          value, {{"\n", absl::StrCat("\n", comment, "    ")}});
      Line(absl::StrCat(comment, option.name, " =", text.empty() ? "" : " ",
                        text));
    }
  }

  const IniStyle style_;
  std::string text_;
};

// Text that Markdown shows as it is written here, apart from its emphasis and
// lists.
std::string MarkdownText(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}});
}

// Text between backquotes, of which there are enough.
std::string MarkdownCode(absl::string_view text) {
  if (text.empty()) return "(empty)";
  std::string quotes = "`";
  while (absl::StrContains(text, quotes)) quotes += '`';
  const std::string line = absl::StrReplaceAll(text, {{"\n", "\\n"}});
  const bool touches = line.front() == '`' || line.back() == '`';
  const char* const blank = touches ? " " : "";
  return absl::StrCat(quotes, blank, line, blank, quotes);
}

class MarkdownWriter {
 public:
  std::string Write(const Listing& listing, absl::string_view title) {
    Line(absl::StrCat("# ", MarkdownText(title), "\n"));
    Line(
        "In a configuration file an option stands in the section of its group, "
        "as `name = value`.\nThe command line says `--set group.name=value`, "
        "the environment `OS_GROUP__NAME=value`.\n");
    for (const Listing::Group& group : listing.groups()) {
      if (!group.blocks.empty()) WriteIndex(group);
    }
    for (const Listing::Group& group : listing.groups()) {
      if (!group.blocks.empty()) WriteGroup(group);
    }
    return std::move(text_);
  }

 private:
  struct Item {
    OptionDescription option;
    std::vector<std::string> name_spaces;
  };

  void Line(absl::string_view line) { absl::StrAppend(&text_, line, "\n"); }

  // Each option once, in the order of the sample.
  static std::vector<Item> Items(const Listing::Group& group) {
    std::vector<Item> items;
    for (const Listing::Block& block : group.blocks) {
      for (OptionDescription& option : Ordered(block.options)) {
        const auto same = std::find_if(
            items.begin(), items.end(),
            [&](const Item& item) { return item.option.name == option.name; });
        if (same != items.end()) {
          same->name_spaces.push_back(block.name_space);
        } else {
          items.push_back({std::move(option), {block.name_space}});
        }
      }
    }
    return items;
  }

  void WriteIndex(const Listing::Group& group) {
    std::vector<std::string> links;
    for (const Item& item : Items(group)) {
      links.push_back(absl::StrCat("[", item.option.name, "](#", group.name,
                                   ".", item.option.name, ")"));
    }
    Line(absl::StrCat("* [**", group.name, "**](#", group.name,
                      "): ", absl::StrJoin(links, ", ")));
  }

  void WriteGroup(const Listing::Group& group) {
    Line(
        absl::StrCat("\n## <a id=\"", group.name, "\"></a>[", group.name, "]"));
    if (!group.help.empty()) Line(absl::StrCat("\n", MarkdownText(group.help)));
    for (const Item& item : Items(group)) WriteOption(group.name, item);
  }

  void WriteOption(const std::string& group, const Item& item) {
    const OptionDescription& option = item.option;
    Line(absl::StrCat("\n### <a id=\"", group, ".", option.name, "\"></a>",
                      option.name, "\n"));
    if (option.removal) WriteRemoval(*option.removal);
    if (!option.help.empty()) {
      Line(absl::StrCat(MarkdownText(option.help), "\n"));
    }
    Fact("Type", option.type_name);
    WriteDefault(option);
    if (!option.units.empty()) Fact("Units", option.units);
    for (const std::string& line : option.form) {
      Fact("Form", MarkdownText(line));
    }
    for (const std::string& line : option.rules) {
      Fact("Rule", MarkdownText(line));
    }
    if (option.min) Fact("Minimum", *option.min);
    if (option.max) Fact("Maximum", *option.max);
    WriteChoices(option);
    if (option.required) Fact("Required", "yes");
    if (option.secret) Fact("Secret", "never printed");
    if (option.is_mutable) {
      Fact("Mutable", "can be changed without restarting");
    }
    if (option.advanced) Fact("Advanced", "most users need not change it");
    if (option.literal) Fact("References", "`$` has no meaning in its value");
    Fact("Environment", MarkdownCode(absl::AsciiStrToUpper(
                            absl::StrCat("OS_", group, "__", option.name))));
    for (const DeprecatedName& old : option.deprecated_names) {
      const auto [old_group, old_name] = old.InFull(group, option.name);
      Fact("Deprecated name",
           MarkdownCode(absl::StrCat("[", old_group, "] ", old_name)));
    }
    Fact("From", absl::StrJoin(item.name_spaces, ", "));
  }

  void Fact(absl::string_view what, absl::string_view text) {
    Line(absl::StrCat("* ", what, ": ", text));
  }

  void WriteRemoval(const Removal& removal) {
    Line(absl::StrCat(
        "**Deprecated for removal",
        removal.since.empty() ? "" : absl::StrCat(" since ", removal.since),
        ".** ", MarkdownText(removal.reason), "\n"));
  }

  void WriteDefault(const OptionDescription& option) {
    if (option.sample_default) {
      Fact("Default", absl::StrCat("depends on the machine, such as ",
                                   MarkdownCode(*option.sample_default)));
    } else {
      Fact("Default",
           option.default_text ? MarkdownCode(*option.default_text) : "unset");
    }
  }

  void WriteChoices(const OptionDescription& option) {
    if (option.choices.empty()) return;
    Line("* Possible values:");
    for (const Choice<std::string>& choice : option.choices) {
      Line(absl::StrCat("  * ", MarkdownCode(ChoiceText(choice.value)),
                        choice.description.empty() ? "" : ": ",
                        MarkdownText(choice.description)));
    }
  }

  std::string text_;
};

}  // namespace

std::string WriteIni(const Listing& listing, const IniStyle& style) {
  return IniWriter(style).Write(listing);
}

std::string WriteMarkdown(const Listing& listing, absl::string_view title) {
  return MarkdownWriter().Write(listing, title);
}

}  // namespace bergen::config
