// SPDX-License-Identifier: Apache-2.0

#include "config/docs.h"

#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "config/doc_text.h"
#include "config/option.h"
#include "config/text_wrap.h"

namespace bergen::config {
namespace {

constexpr int kUnwrappedWidth = 998;
constexpr absl::string_view kNoDescription = "<No description provided>";

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
      for (const OptionDescription& option : InOrder(block.options)) {
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
    for (std::string& value : values) value = QuotedIfBlank(value);
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

}  // namespace

std::string WriteIni(const Listing& listing, const IniStyle& style) {
  return IniWriter(style).Write(listing);
}

}  // namespace bergen::config
