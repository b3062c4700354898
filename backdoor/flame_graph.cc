// SPDX-License-Identifier: Apache-2.0

#include "backdoor/flame_graph.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "backdoor/utf8.h"

namespace bergen::backdoor {
namespace {

constexpr int kFrameHeight = 17;
constexpr int kTextOffset = 12;
constexpr int kHeadHeight = 48;
constexpr int64_t kNarrowest = 5000;

// In CDATA, so without "]]>". Positions are in parts of the whole width.
constexpr char kScript[] = R"js(
const frames = [...document.querySelectorAll('.f')].map(g => {
  const rect = g.querySelector('rect');
  return {g, rect, text: g.querySelector('text'),
          name: g.querySelector('title').textContent,
          x: parseFloat(rect.getAttribute('x')) / 100,
          w: parseFloat(rect.getAttribute('width')) / 100,
          depth: +g.dataset.depth};
});
const reset = document.getElementById('reset');
const found = document.getElementById('found');
function label(f, w) {
  const room = Math.floor(w * document.documentElement.clientWidth / 7) - 1;
  const name = f.text.dataset.name;
  f.text.textContent = room < 3 ? ''
      : name.length <= room ? name : name.slice(0, room - 2) + '..';
}
function show(x, w, depth) {
  for (const f of frames) {
    const below = f.depth < depth;
    const in_view = below ? f.x <= x + 1e-9 && f.x + f.w >= x + w - 1e-9
                          : f.x >= x - 1e-9 && f.x + f.w <= x + w + 1e-9;
    f.g.style.display = in_view ? '' : 'none';
    if (!in_view) continue;
    const left = below ? 0 : (f.x - x) / w, width = below ? 1 : f.w / w;
    f.rect.setAttribute('x', left * 100 + '%');
    f.rect.setAttribute('width', width * 100 + '%');
    f.text.setAttribute('x', left * 100 + '%');
    f.g.style.opacity = below ? 0.5 : 1;
    label(f, width);
  }
  view = [x, w, depth];
  reset.style.display = w < 1 ? '' : 'none';
}
let view = [0, 1, 0];
function search() {
  const text = prompt('Search for functions (a regular expression)', '');
  if (text === null) return;
  let regex;
  try { regex = new RegExp(text); } catch (e) { found.textContent = e.message; return; }
  const parts = [];
  for (const f of frames) {
    const hit = text !== '' && regex.test(f.name);
    f.g.classList.toggle('hit', hit);
    if (hit) parts.push([f.x, f.x + f.w]);
  }
  parts.sort((a, b) => a[0] - b[0]);
  let sum = 0, end = 0;
  for (const [from, to] of parts) {
    if (to <= end) continue;
    sum += to - Math.max(from, end);
    end = to;
  }
  found.textContent = text === '' ? '' : (sum * 100).toFixed(1) + ' % match';
}
for (const f of frames) f.g.addEventListener('click', () => show(f.x, f.w, f.depth));
reset.addEventListener('click', () => show(0, 1, 0));
document.getElementById('search').addEventListener('click', search);
addEventListener('resize', () => show(...view));
show(0, 1, 0);
)js";

std::string Escape(absl::string_view text) {
  std::string valid = ToValidUtf8(text);
  // XML knows no other control characters.
  for (char& c : valid) {
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  }
  return absl::StrReplaceAll(
      valid, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

// A warm colour that is the same for a function in every graph.
std::string ColorOf(absl::string_view name) {
  uint32_t hash = 2166136261U;  // FNV-1a
  for (const char c : name) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  }
  return absl::StrFormat("hsl(%d,80%%,%d%%)", 5 + hash % 48,
                         62 + (hash >> 8) % 14);
}

struct Frame {
  int64_t samples = 0;
  std::map<Function, Frame> children;
};

class Drawing {
 public:
  explicit Drawing(const Profile& profile) : profile_(profile) {
    for (const StackCount& stack : profile.stacks) AddStack(stack);
  }

  std::string Draw(absl::string_view title) {
    std::string frames;
    DrawFrame(root_, {.name = "all"}, 0, 0, frames);
    const int height = kHeadHeight + (depth_ + 1) * kFrameHeight;
    std::string svg = absl::StrFormat(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"100%%\" "
        "height=\"%d\" font-family=\"monospace\" font-size=\"12\">\n"
        "<style>.f,#reset,#search{cursor:pointer}.f:hover rect{stroke:#000}"
        ".hit rect{fill:#e0a0ff}</style>\n"
        "<rect width=\"100%%\" height=\"100%%\" fill=\"#fdfcf7\"/>\n"
        "<text x=\"4\" y=\"18\" font-size=\"15\">%s</text>\n"
        "<text x=\"4\" y=\"38\">%s</text>\n"
        "<text id=\"reset\" x=\"99%%\" y=\"38\" text-anchor=\"end\" "
        "style=\"display:none\" text-decoration=\"underline\">Whole "
        "graph</text>\n"
        "<text id=\"search\" x=\"99%%\" y=\"18\" text-anchor=\"end\" "
        "text-decoration=\"underline\">Search</text>\n"
        "<text id=\"found\" x=\"80%%\" y=\"18\" text-anchor=\"end\"></text>\n",
        height, Escape(title), Summary());
    // The outermost function is at the bottom, and depth is only known now.
    absl::StrAppend(&svg, "<g transform=\"translate(0,", height - kFrameHeight,
                    ")\">\n", frames, "</g>\n<script><![CDATA[", kScript,
                    "]]></script>\n</svg>\n");
    return svg;
  }

 private:
  void AddStack(const StackCount& stack) {
    Frame* frame = &root_;
    frame->samples += stack.samples;
    if (!stack.thread.empty()) {
      frame = &frame->children[{.name = stack.thread}];
      frame->samples += stack.samples;
    }
    for (auto function = stack.functions.rbegin();
         function != stack.functions.rend(); ++function) {
      frame = &frame->children[profile_.functions[*function]];
      frame->samples += stack.samples;
    }
  }

  void DrawFrame(const Frame& frame, const Function& function, int64_t left,
                 int depth, std::string& to) {
    if (frame.samples == 0 || frame.samples * kNarrowest < root_.samples) {
      return;
    }
    depth_ = std::max(depth_, depth);
    const double percent = 100.0 / static_cast<double>(root_.samples);
    const double x = static_cast<double>(left) * percent;
    const double share = static_cast<double>(frame.samples) * percent;
    std::string place;
    if (!function.file.empty()) {
      place = absl::StrCat(
          " ", function.file,
          function.line == 0 ? "" : absl::StrCat(":", function.line));
    }
    const int y = -depth * kFrameHeight;
    const std::string name = Escape(function.name);
    absl::StrAppendFormat(
        &to,
        "<g class=\"f\" data-depth=\"%d\"><title>%s (%d samples, %.2f%%)%s"
        "</title><rect x=\"%.4f%%\" y=\"%d\" width=\"%.4f%%\" height=\"%d\" "
        "fill=\"%s\"/><text dx=\"3\" x=\"%.4f%%\" y=\"%d\" data-name=\"%s\">"
        "</text></g>\n",
        depth, name, frame.samples, share, Escape(place), x, y, share,
        kFrameHeight - 1, ColorOf(function.name), x, y + kTextOffset, name);
    for (const auto& [callee, child] : frame.children) {
      DrawFrame(child, callee, left, depth + 1, to);
      left += child.samples;
    }
  }

  std::string Summary() const {
    std::string text = absl::StrFormat(
        "%d samples in %.1f s, one each %s of %s time", profile_.samples,
        absl::ToDoubleSeconds(profile_.duration),
        absl::FormatDuration(profile_.period),
        profile_.clock == "wall" ? "wall-clock" : "processor");
    if (profile_.lost_samples != 0) {
      absl::StrAppend(&text, ", ", profile_.lost_samples, " lost");
    }
    return text;
  }

  const Profile& profile_;
  Frame root_;
  int depth_ = 0;  // Of the deepest frame drawn.
};

}  // namespace

std::string EncodeFlameGraph(const Profile& profile, absl::string_view title) {
  return Drawing(profile).Draw(title);
}

}  // namespace bergen::backdoor
