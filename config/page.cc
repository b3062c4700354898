// SPDX-License-Identifier: Apache-2.0

#include "config/page.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "config/doc_text.h"
#include "config/option.h"

namespace bergen::config {
namespace {

// A piece of a line: text, or what stands in a file or on a command line.
struct Span {
  enum class Kind { kText, kCode };

  Kind kind = Kind::kText;
  std::string text;
};

Span Text(std::string text) { return {Span::Kind::kText, std::move(text)}; }
Span Code(std::string text) { return {Span::Kind::kCode, std::move(text)}; }

// "Default: 7".
struct Fact {
  std::string label;
  std::vector<Span> spans;
};

// What a page says about an option.
struct Entry {
  std::string anchor;
  std::string name;
  std::optional<Removal> removal;
  std::string help;
  std::vector<Fact> facts;
  // As they are shown.
  std::vector<Choice<std::string>> choices;
};

struct Section {
  std::string anchor;
  std::string name;
  std::string help;
  std::vector<Entry> entries;
};

std::string GroupAnchor(absl::string_view group) {
  std::string anchor;
  for (const char c : group) {
    const auto byte = static_cast<unsigned char>(c);
    if (absl::ascii_isalnum(byte) || c == '_' || c == '-') {
      anchor += c;
    } else {
      absl::StrAppend(&anchor, "~",
                      absl::BytesToHexString(absl::string_view(&c, 1)));
    }
  }
  return anchor;
}

// Text in one line, in which nothing is invisible.
std::string OneLine(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"\n", "\\n"}});
}

std::vector<Span> Default(const OptionDescription& option) {
  if (option.sample_default) {
    return {Text("depends on the machine, such as "),
            Code(OneLine(QuotedIfBlank(*option.sample_default)))};
  }
  if (!option.default_text) return {Text("unset")};
  std::vector<Span> spans;
  for (const std::string& line : option.default_lines) {
    if (!spans.empty()) spans.push_back(Text(", "));
    spans.push_back(line.empty() ? Text("(empty)")
                                 : Code(OneLine(QuotedIfBlank(line))));
  }
  if (spans.empty()) spans.push_back(Text("(empty)"));
  return spans;
}

std::vector<Span> Flags(const std::string& group,
                        const OptionDescription& option) {
  if (option.positional) {
    return {Text("by position, as "),
            Code(option.metavar.empty() ? absl::AsciiStrToUpper(option.name)
                                        : option.metavar)};
  }
  std::vector<Span> spans = {
      Code(group == kDefaultGroup
               ? absl::StrCat("--", option.given_name)
               : absl::StrCat("--", group, "-", option.given_name))};
  if (option.short_name != 0) {
    spans.push_back(Text(", "));
    spans.push_back(Code({'-', option.short_name}));
  }
  return spans;
}

Entry EntryOf(const std::string& group, const OptionDescription& option,
              const std::vector<std::string>& name_spaces) {
  Entry entry = {.anchor = absl::StrCat(GroupAnchor(group), ".", option.name),
                 .name = option.name,
                 .removal = option.removal,
                 .help = option.help};
  for (const Choice<std::string>& choice : option.choices) {
    entry.choices.push_back(
        {OneLine(QuotedIfBlank(ChoiceText(choice.value))), choice.description});
  }
  const auto add = [&](std::string label, std::vector<Span> spans) {
    entry.facts.push_back({std::move(label), std::move(spans)});
  };
  add("Type", {Text(option.type_name)});
  add("Default", Default(option));
  if (!option.units.empty()) add("Units", {Text(option.units)});
  if (!option.form.empty()) {
    add("Form", {Text(absl::StrJoin(option.form, "; "))});
  }
  if (option.min) add("Minimum", {Text(*option.min)});
  if (option.max) add("Maximum", {Text(*option.max)});
  if (!option.rules.empty()) {
    add("Rules", {Text(absl::StrJoin(option.rules, "; "))});
  }
  if (option.required) add("Required", {Text("yes")});
  if (option.secret) add("Secret", {Text("never printed")});
  if (option.is_mutable) {
    add("Mutable", {Text("can be changed without restarting")});
  }
  if (option.advanced) add("Advanced", {Text("most users need not change it")});
  if (option.literal) {
    add("References", {Code("$"), Text(" has no meaning in its value")});
  }
  if (option.cli) add("Command line", Flags(group, option));
  add("Environment", {Code(absl::AsciiStrToUpper(
                         absl::StrCat("OS_", group, "__", option.name)))});
  for (const DeprecatedName& old : option.deprecated_names) {
    const auto [old_group, old_name] = old.InFull(group, option.name);
    add("Deprecated name",
        {Code(absl::StrCat("[", old_group, "] ", old_name))});
  }
  add("From", {Text(absl::StrJoin(name_spaces, ", "))});
  return entry;
}

// The groups that have options, each option once, in the order of the sample.
std::vector<Section> Sections(const Listing& listing) {
  struct Item {
    OptionDescription option;
    std::vector<std::string> name_spaces;
  };
  std::vector<Section> sections;
  for (const Listing::Group& group : listing.groups()) {
    if (group.blocks.empty()) continue;
    std::vector<Item> items;
    for (const Listing::Block& block : group.blocks) {
      for (OptionDescription& option : InOrder(block.options)) {
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
    Section section = {.anchor = GroupAnchor(group.name),
                       .name = group.name,
                       .help = group.help};
    for (const Item& item : items) {
      section.entries.push_back(
          EntryOf(group.name, item.option, item.name_spaces));
    }
    sections.push_back(std::move(section));
  }
  return sections;
}

std::string RemovalTitle(const Removal& removal) {
  return absl::StrCat(
      "Deprecated for removal",
      removal.since.empty() ? "" : absl::StrCat(" since ", removal.since), ".");
}

// Paragraphs, each a list of lines; none is empty.
std::vector<std::vector<std::string>> Paragraphs(absl::string_view text) {
  std::vector<std::vector<std::string>> paragraphs;
  bool between = true;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const absl::string_view stripped = absl::StripTrailingAsciiWhitespace(line);
    if (stripped.empty()) {
      between = true;
      continue;
    }
    if (between) paragraphs.emplace_back();
    paragraphs.back().emplace_back(stripped);
    between = false;
  }
  return paragraphs;
}

// --- Markdown ---

// Text that is shown as it is written here, apart from its emphasis and lists.
std::string MarkdownText(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}});
}

// The same without these.
std::string MarkdownPlain(absl::string_view text) {
  return absl::StrReplaceAll(
      MarkdownText(text),
      {{"\\", "\\\\"}, {"*", "\\*"}, {"_", "\\_"}, {"`", "\\`"}, {"[", "\\["}});
}

// Text between backquotes, of which there are enough.
std::string MarkdownCode(absl::string_view text) {
  std::string quotes = "`";
  while (absl::StrContains(text, quotes)) quotes += '`';
  const bool touches = absl::StartsWith(text, "`") || absl::EndsWith(text, "`");
  const char* const blank = touches ? " " : "";
  return absl::StrCat(quotes, blank, text, blank, quotes);
}

class MarkdownWriter {
 public:
  std::string Write(const std::vector<Section>& sections,
                    absl::string_view title) {
    Line(absl::StrCat("# ", MarkdownText(title), "\n"));
    Line(
        "In a configuration file an option stands in the section of its group, "
        "as `name = value`.\nThe command line says `--set group.name=value`, "
        "the environment `OS_GROUP__NAME=value`.\n");
    for (const Section& section : sections) WriteIndex(section);
    for (const Section& section : sections) WriteSection(section);
    return std::move(text_);
  }

 private:
  void Line(absl::string_view line) { absl::StrAppend(&text_, line, "\n"); }

  void WriteIndex(const Section& section) {
    std::vector<std::string> links;
    for (const Entry& entry : section.entries) {
      links.push_back(absl::StrCat("[", entry.name, "](#", entry.anchor, ")"));
    }
    Line(absl::StrCat("* [**", MarkdownText(section.name), "**](#",
                      section.anchor, "): ", absl::StrJoin(links, ", ")));
  }

  void WriteSection(const Section& section) {
    Line(absl::StrCat("\n## <a id=\"", section.anchor, "\"></a>[",
                      MarkdownText(section.name), "]"));
    if (!section.help.empty()) {
      Line(absl::StrCat("\n", MarkdownText(section.help)));
    }
    for (const Entry& entry : section.entries) WriteEntry(entry);
  }

  void WriteEntry(const Entry& entry) {
    Line(absl::StrCat("\n### <a id=\"", entry.anchor, "\"></a>", entry.name,
                      "\n"));
    if (entry.removal) {
      Line(absl::StrCat("**", MarkdownText(RemovalTitle(*entry.removal)), "** ",
                        MarkdownText(entry.removal->reason), "\n"));
    }
    if (!entry.help.empty()) {
      Line(absl::StrCat(MarkdownText(entry.help), "\n"));
    }
    for (const Fact& fact : entry.facts) {
      std::string line = absl::StrCat("* ", fact.label, ": ");
      for (const Span& span : fact.spans) {
        line += span.kind == Span::Kind::kCode ? MarkdownCode(span.text)
                                               : MarkdownPlain(span.text);
      }
      Line(line);
    }
    if (entry.choices.empty()) return;
    Line("* Possible values:");
    for (const Choice<std::string>& choice : entry.choices) {
      Line(absl::StrCat("  * ", MarkdownCode(choice.value),
                        choice.description.empty() ? "" : ": ",
                        MarkdownText(choice.description)));
    }
  }

  std::string text_;
};

// --- HTML ---

std::string HtmlText(absl::string_view text) {
  return absl::StrReplaceAll(
      text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

std::string HtmlCode(absl::string_view text) {
  return absl::StrCat("<code>", HtmlText(text), "</code>");
}

constexpr absl::string_view kStyle = R"(:root { color-scheme: light dark; }
body {
  font: 1rem/1.5 system-ui, sans-serif;
  margin: 0 auto;
  max-width: 48rem;
  overflow-wrap: anywhere;
  padding: 0 1rem 4rem;
}
h1, h2, h3 { line-height: 1.2; }
h2 { border-bottom: 1px solid; margin-top: 3rem; }
h3 { margin: 2rem 0 0.5rem; }
h2 a, h3 a { color: inherit; text-decoration: none; }
h2 a:hover, h3 a:hover { text-decoration: underline; }
:target { outline: 2px solid; outline-offset: 0.25rem; }
code { font-family: ui-monospace, monospace; font-size: 0.95em; white-space: pre-wrap; }
p { white-space: pre-wrap; }
dl { display: grid; gap: 0 1rem; grid-template-columns: max-content 1fr; margin: 0.5rem 0; }
dt { font-weight: 600; }
dd { margin: 0; }
dd ul { margin: 0; padding-left: 1.2rem; }
.removal { border-left: 0.25rem solid; padding-left: 0.75rem; }
@media (max-width: 30rem) {
  dl { display: block; }
  dd { margin: 0 0 0.25rem 1rem; }
}
)";

class HtmlWriter {
 public:
  std::string Write(const std::vector<Section>& sections,
                    absl::string_view title) {
    const std::string heading = HtmlText(title);
    Line("<!DOCTYPE html>");
    Line("<html lang=\"en\">");
    Line("<head>");
    Line("<meta charset=\"utf-8\">");
    Line(
        "<meta name=\"viewport\" content=\"width=device-width, "
        "initial-scale=1\">");
    Line(absl::StrCat("<title>", heading, "</title>"));
    Line(absl::StrCat("<style>\n", kStyle, "</style>"));
    Line("</head>");
    Line("<body>");
    Line(absl::StrCat("<h1>", heading, "</h1>"));
    Line(
        "<p>In a configuration file an option stands in the section of its "
        "group, as <code>name = value</code>. The command line says "
        "<code>--set group.name=value</code>, the environment "
        "<code>OS_GROUP__NAME=value</code>.</p>");
    Line("<nav>\n<ul>");
    for (const Section& section : sections) WriteIndex(section);
    Line("</ul>\n</nav>");
    for (const Section& section : sections) WriteSection(section);
    Line("</body>");
    Line("</html>");
    return std::move(text_);
  }

 private:
  void Line(absl::string_view line) { absl::StrAppend(&text_, line, "\n"); }

  static std::string Link(const std::string& anchor, absl::string_view text) {
    return absl::StrCat("<a href=\"#", anchor, "\">", HtmlText(text), "</a>");
  }

  void WriteIndex(const Section& section) {
    std::vector<std::string> links;
    for (const Entry& entry : section.entries) {
      links.push_back(Link(entry.anchor, entry.name));
    }
    Line(absl::StrCat("<li><strong>", Link(section.anchor, section.name),
                      "</strong>: ", absl::StrJoin(links, ", "), "</li>"));
  }

  void WriteSection(const Section& section) {
    Line(absl::StrCat("<section id=\"", section.anchor, "\">"));
    Line(absl::StrCat(
        "<h2>", Link(section.anchor, absl::StrCat("[", section.name, "]")),
        "</h2>"));
    WriteParagraphs(section.help);
    for (const Entry& entry : section.entries) WriteEntry(entry);
    Line("</section>");
  }

  void WriteParagraphs(absl::string_view text) {
    for (const std::vector<std::string>& lines : Paragraphs(text)) {
      Line(absl::StrCat("<p>", HtmlText(absl::StrJoin(lines, "\n")), "</p>"));
    }
  }

  void WriteEntry(const Entry& entry) {
    Line(absl::StrCat("<article id=\"", entry.anchor, "\">"));
    Line(absl::StrCat("<h3>", Link(entry.anchor, entry.name), "</h3>"));
    if (entry.removal) {
      Line(absl::StrCat("<p class=\"removal\"><strong>",
                        HtmlText(RemovalTitle(*entry.removal)), "</strong> ",
                        HtmlText(entry.removal->reason), "</p>"));
    }
    WriteParagraphs(entry.help);
    Line("<dl>");
    for (const Fact& fact : entry.facts) {
      std::string line;
      for (const Span& span : fact.spans) {
        line += span.kind == Span::Kind::kCode ? HtmlCode(span.text)
                                               : HtmlText(span.text);
      }
      Line(absl::StrCat("<dt>", fact.label, "</dt><dd>", line, "</dd>"));
    }
    if (!entry.choices.empty()) WriteChoices(entry.choices);
    Line("</dl>");
    Line("</article>");
  }

  void WriteChoices(const std::vector<Choice<std::string>>& choices) {
    Line("<dt>Possible values</dt><dd><ul>");
    for (const Choice<std::string>& choice : choices) {
      Line(absl::StrCat("<li>", HtmlCode(choice.value),
                        choice.description.empty() ? "" : ": ",
                        HtmlText(choice.description), "</li>"));
    }
    Line("</ul></dd>");
  }

  std::string text_;
};

// --- reStructuredText ---

// Text inside a line without any markup. A `_` inside a word is none.
std::string RstText(absl::string_view text) {
  std::string escaped;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto is_letter = [&](size_t at) {
      return at < text.size() &&
             absl::ascii_isalnum(static_cast<unsigned char>(text[at]));
    };
    const bool in_word = i > 0 && is_letter(i - 1) && is_letter(i + 1);
    const bool is_markup = absl::StrContains("\\*`|", text.substr(i, 1)) ||
                           (text[i] == '_' && !in_word);
    if (is_markup) escaped += '\\';
    escaped += text[i] == '\n' ? ' ' : text[i];
  }
  // Otherwise what follows would be a literal block.
  if (absl::EndsWith(escaped, "::")) escaped.insert(escaped.size() - 1, "\\");
  return escaped;
}

// A line that is a paragraph, even if it looks like an item of a list or so.
std::string RstParagraph(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  std::string escaped = RstText(text);
  const size_t word = std::min(
      text.size(),
      static_cast<size_t>(std::find_if_not(text.begin(), text.end(),
                                           [](unsigned char c) {
                                             return absl::ascii_isalnum(c);
                                           }) -
                          text.begin()));
  const bool plain =
      word > 0 || static_cast<unsigned char>(text.front()) >= 0x80;
  if (!plain && escaped.front() != '\\') return absl::StrCat("\\", escaped);
  // `1.` and `a)`.
  if (word > 0 && word < text.size() &&
      (text[word] == '.' || text[word] == ')')) {
    escaped.insert(word, "\\");
  }
  return escaped;
}

std::string RstCode(absl::string_view text) {
  const bool plain = !absl::StrContains(text, "`") && !text.empty() &&
                     !absl::EndsWith(text, "\\") &&
                     absl::StripAsciiWhitespace(text) == text;
  if (plain) return absl::StrCat("``", text, "``");
  return absl::StrCat(":literal:`",
                      absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"`", "\\`"}}),
                      "`");
}

class RstWriter {
 public:
  std::string Write(const std::vector<Section>& sections,
                    absl::string_view title) {
    Heading(RstParagraph(title), '=');
    Line(
        "\nIn a configuration file an option stands in the section of its "
        "group, as ``name = value``.\nThe command line says ``--set "
        "group.name=value``, the environment ``OS_GROUP__NAME=value``.\n");
    Line(".. contents::\n   :local:");
    for (const Section& section : sections) {
      WriteAnchor(section.anchor);
      Heading(RstParagraph(absl::StrCat("[", section.name, "]")), '-');
      WriteParagraphs(section.help);
      for (const Entry& entry : section.entries) WriteEntry(entry);
    }
    return std::move(text_);
  }

 private:
  void Line(absl::string_view line) { absl::StrAppend(&text_, line, "\n"); }

  // The underline has at least the columns of the text.
  void Heading(const std::string& text, char underline) {
    Line(text);
    Line(std::string(text.size(), underline));
  }

  // Docutils makes another identifier of the label, hence the raw one.
  void WriteAnchor(const std::string& anchor) {
    Line(absl::StrCat("\n.. raw:: html\n\n   <a id=\"", anchor, "\"></a>\n"));
    if (labels_.insert(absl::AsciiStrToLower(anchor)).second) {
      Line(absl::StrCat(".. _", anchor, ":\n"));
    }
  }

  void WriteParagraphs(absl::string_view text) {
    for (const std::vector<std::string>& lines : Paragraphs(text)) {
      Line("");
      if (lines.size() == 1) {
        Line(RstParagraph(lines.front()));
        continue;
      }
      for (const std::string& line : lines) {
        Line(absl::StrCat("| ", RstText(line)));
      }
    }
  }

  void WriteEntry(const Entry& entry) {
    WriteAnchor(entry.anchor);
    Heading(RstText(entry.name), '~');
    if (entry.removal) {
      Line(absl::StrCat("\n**", RstText(RemovalTitle(*entry.removal)), "** ",
                        RstText(entry.removal->reason)));
    }
    WriteParagraphs(entry.help);
    Line("");
    for (const Fact& fact : entry.facts) {
      std::string line;
      for (const Span& span : fact.spans) {
        line += span.kind == Span::Kind::kCode ? RstCode(span.text)
                                               : RstText(span.text);
      }
      Line(absl::StrCat(":", fact.label, ": ", line));
    }
    if (entry.choices.empty()) return;
    Line(":Possible values:");
    for (const Choice<std::string>& choice : entry.choices) {
      Line(absl::StrCat("   * ", RstCode(choice.value),
                        choice.description.empty() ? "" : ": ",
                        RstText(choice.description)));
    }
  }

  std::string text_;
  std::set<std::string> labels_;  // In lower case.
};

}  // namespace

std::string WriteMarkdown(const Listing& listing, absl::string_view title) {
  return MarkdownWriter().Write(Sections(listing), title);
}

std::string WriteHtml(const Listing& listing, absl::string_view title) {
  return HtmlWriter().Write(Sections(listing), title);
}

std::string WriteRst(const Listing& listing, absl::string_view title) {
  return RstWriter().Write(Sections(listing), title);
}

}  // namespace bergen::config
