// SPDX-License-Identifier: Apache-2.0

#include "backdoor/symbolizer.h"

#include <cxxabi.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"

namespace bergen::backdoor {
namespace {

constexpr char kUnknown[] = "<unknown>";
constexpr char kLongString[] =
    "std::__cxx11::basic_string<char, std::char_traits<char>, "
    "std::allocator<char> >";

std::string Demangle(const char* name) {
  // Suffixes of the compiler's copies of a function: `.part.0`, `.cold`.
  absl::string_view plain(name);
  if (absl::StartsWith(plain, "_Z")) plain = plain.substr(0, plain.find('.'));
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(
      abi::__cxa_demangle(std::string(plain).c_str(), nullptr, nullptr,
                          &status),
      &std::free);
  if (text == nullptr) return std::string(plain);
  return absl::StrReplaceAll(StripParameters(text.get()),
                             {{kLongString, "std::string"}});
}

std::string BaseName(absl::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

bool IsOpening(char c) { return c == '(' || c == '<' || c == '{' || c == '['; }
bool IsClosing(char c) { return c == ')' || c == '>' || c == '}' || c == ']'; }

// Where the `(` is that the `)` at the end of `text` closes.
std::optional<size_t> MatchingParenthesis(absl::string_view text) {
  int depth = 0;
  for (size_t i = text.size(); i-- > 0;) {
    if (text[i] == ')') ++depth;
    if (text[i] == '(' && --depth == 0) return i;
  }
  return std::nullopt;
}

// Where the keyword `operator` of the outermost name begins, or the end.
size_t OperatorPlace(absl::string_view text) {
  size_t from = 0;
  while (true) {
    const size_t found = text.find("operator", from);
    if (found == absl::string_view::npos) return text.size();
    const bool starts =
        found == 0 || text[found - 1] == ':' || text[found - 1] == ' ';
    if (starts) return found;
    from = found + 1;
  }
}

// No file but the ones that are mapped: no search, no network.
int NoSeparateDebugFile(Dwfl_Module*, void**, const char*, Dwarf_Addr,
                        const char*, const char*, GElf_Word, char**) {
  return -1;
}

constexpr Dwfl_Callbacks kCallbacks = {
    .find_elf = dwfl_linux_proc_find_elf,
    .find_debuginfo = NoSeparateDebugFile,
    .section_address = nullptr,
    .debuginfo_path = nullptr,
};

// The text of an attribute, its own or of what the entry is an instance of.
const char* TextAttribute(Dwarf_Die& entry, unsigned int name) {
  Dwarf_Attribute attribute;
  return dwarf_formstring(dwarf_attr_integrate(&entry, name, &attribute));
}

int NumberAttribute(Dwarf_Die& entry, unsigned int name) {
  Dwarf_Attribute attribute;
  Dwarf_Word value = 0;
  if (dwarf_formudata(dwarf_attr(&entry, name, &attribute), &value) != 0) {
    return 0;
  }
  return static_cast<int>(value);
}

struct FreeScopes {
  void operator()(Dwarf_Die* scopes) const { std::free(scopes); }
};
using Scopes = std::unique_ptr<Dwarf_Die, FreeScopes>;

// `symbol` is the name of the function in the file's table, null if unknown or
// if `entry` was inlined.
Function DescribeFunction(Dwarf_Die& entry, Dwarf_Die& unit,
                          const char* symbol) {
  Function function;
  const char* linkage_name = TextAttribute(entry, DW_AT_linkage_name);
  // A function that is local to its unit has its full name in the table only.
  if (linkage_name == nullptr) linkage_name = symbol;
  if (linkage_name != nullptr) {
    function.name = Demangle(linkage_name);
  } else {
    const char* name = dwarf_diename(&entry);
    function.name = name == nullptr ? kUnknown : name;
  }
  const char* file = dwarf_decl_file(&entry);
  if (file == nullptr) file = dwarf_diename(&unit);
  function.file = file == nullptr ? "~" : file;
  dwarf_decl_line(&entry, &function.line);
  return function;
}

}  // namespace

// What libdw knows of this process.
class Symbolizer::DebugInfo {
 public:
  DebugInfo() : dwfl_(dwfl_begin(&kCallbacks)) {
    if (dwfl_ == nullptr) return;
    dwfl_report_begin(dwfl_);
    dwfl_linux_proc_report(dwfl_, getpid());
    dwfl_report_end(dwfl_, nullptr, nullptr);
  }
  DebugInfo(const DebugInfo&) = delete;
  DebugInfo& operator=(const DebugInfo&) = delete;
  ~DebugInfo() { dwfl_end(dwfl_); }

  Dwfl_Module* ModuleOf(uintptr_t address) {
    return dwfl_ == nullptr ? nullptr : dwfl_addrmodule(dwfl_, address);
  }

  // Empty if the module has no debug information for `address`.
  std::vector<SourceFrame> ByDebugInfo(Dwfl_Module* module, uintptr_t address) {
    Dwarf_Addr bias = 0;
    Dwarf_Die* unit = UnitOf(module, address, bias);
    if (unit == nullptr) return {};
    Dwarf_Die* found = nullptr;
    const int depth = dwarf_getscopes(unit, address - bias, &found);
    const Scopes innermost(found);
    if (depth <= 0) return {};
    // The first list goes on with the places where an inlined function is
    // written; the second one with those that it was put into.
    found = nullptr;
    const int count = dwarf_getscopes_die(innermost.get(), &found);
    const Scopes scopes(found);

    std::vector<SourceFrame> frames;
    int line = LineOf(module, address);
    for (int i = 0; i < count; ++i) {
      Dwarf_Die& scope = scopes.get()[i];
      const int tag = dwarf_tag(&scope);
      if (tag == DW_TAG_inlined_subroutine) {
        frames.push_back({DescribeFunction(scope, *unit, nullptr), line});
        line = NumberAttribute(scope, DW_AT_call_line);
      } else if (tag == DW_TAG_subprogram) {
        frames.push_back(
            {DescribeFunction(scope, *unit, SymbolOf(module, address)), line});
        break;
      }
    }
    return frames;
  }

  static SourceFrame BySymbol(Dwfl_Module* module, uintptr_t address) {
    const char* name = SymbolOf(module, address);
    const char* file = dwfl_module_info(module, nullptr, nullptr, nullptr,
                                        nullptr, nullptr, nullptr, nullptr);
    SourceFrame frame;
    frame.function.file = file == nullptr ? "~" : BaseName(file);
    frame.function.name = name == nullptr ? kUnknown : Demangle(name);
    return frame;
  }

 private:
  static Dwarf_Die* UnitOf(Dwfl_Module* module, uintptr_t address,
                           Dwarf_Addr& bias) {
    Dwarf_Die* unit = dwfl_module_addrdie(module, address, &bias);
    if (unit != nullptr) return unit;
    // Clang writes no table of the units' addresses.
    while ((unit = dwfl_module_nextcu(module, unit, &bias)) != nullptr) {
      if (dwarf_haspc(unit, address - bias) > 0) return unit;
    }
    return nullptr;
  }

  static const char* SymbolOf(Dwfl_Module* module, uintptr_t address) {
    GElf_Off offset = 0;
    GElf_Sym symbol;
    return dwfl_module_addrinfo(module, address, &offset, &symbol, nullptr,
                                nullptr, nullptr);
  }

  static int LineOf(Dwfl_Module* module, uintptr_t address) {
    Dwfl_Line* const line = dwfl_module_getsrc(module, address);
    int number = 0;
    if (line != nullptr) {
      dwfl_lineinfo(line, nullptr, &number, nullptr, nullptr, nullptr);
    }
    return number;
  }

  Dwfl* dwfl_;
};

Symbolizer::Symbolizer() : debug_info_(std::make_unique<DebugInfo>()) {}
Symbolizer::~Symbolizer() = default;

const std::vector<SourceFrame>& Symbolizer::Resolve(uintptr_t address) {
  const auto [entry, is_new] = cache_.try_emplace(address);
  if (is_new) entry->second = ResolveUncached(address);
  return entry->second;
}

std::vector<SourceFrame> Symbolizer::ResolveUncached(uintptr_t address) {
  Dwfl_Module* const module = debug_info_->ModuleOf(address);
  if (module == nullptr) return {{{"~", 0, kUnknown}, 0}};
  std::vector<SourceFrame> frames = debug_info_->ByDebugInfo(module, address);
  if (frames.empty()) frames.push_back(DebugInfo::BySymbol(module, address));
  return frames;
}

std::string StripParameters(absl::string_view text) {
  const size_t clone = text.find(" [clone ");
  text = text.substr(0, clone);
  for (absl::string_view qualifier : {" const", " volatile", " &", " &&"}) {
    if (absl::EndsWith(text, qualifier)) {
      text.remove_suffix(qualifier.size());
    }
  }
  if (absl::EndsWith(text, ")")) {
    const std::optional<size_t> open = MatchingParenthesis(text);
    // Not the name itself: `(anonymous namespace)`, `operator()`.
    if (open.has_value() && *open > 0 &&
        !absl::EndsWith(text.substr(0, *open), "::") &&
        !(absl::EndsWith(text, "operator()"))) {
      text = text.substr(0, *open);
    }
  }
  // A return type ends at the last blank outside of all brackets.
  const size_t end = OperatorPlace(text);
  int depth = 0;
  size_t begin = 0;
  for (size_t i = 0; i < end; ++i) {
    if (IsOpening(text[i])) ++depth;
    if (IsClosing(text[i])) --depth;
    if (text[i] == ' ' && depth == 0) begin = i + 1;
  }
  return std::string(text.substr(begin));
}

}  // namespace bergen::backdoor
