// Finds sections by words: all of them must be in it, and those in its title count more.
// INDEX is [page, anchor, title, text] of each section, from search_index.js.
"use strict";

const MOST = 20;
const query = document.getElementById("query");
const results = document.getElementById("results");
const lower = INDEX.map(([, , title, text]) => [title.toLowerCase(), text.toLowerCase()]);

function score(words, [title, text]) {
  let sum = 0;
  for (const word of words) {
    if (title.includes(word)) sum += title === word ? 20 : 10;
    else if (text.includes(word)) sum += 1;
    else return 0;
  }
  return sum;
}

function excerpt(word, text) {
  const at = Math.max(0, text.toLowerCase().indexOf(word) - 30);
  return (at > 0 ? "…" : "") + text.slice(at, at + 100) + (at + 100 < text.length ? "…" : "");
}

function search() {
  const words = query.value.toLowerCase().split(/\s+/).filter((word) => word);
  results.replaceChildren();
  if (!words.length) return;
  const found = INDEX.map((section, i) => [score(words, lower[i]), section])
    .filter(([points]) => points > 0)
    .sort((a, b) => b[0] - a[0]);
  for (const [, [page, anchor, title, text]] of found.slice(0, MOST)) {
    const link = document.createElement("a");
    link.href = page + (anchor ? "#" + anchor : "");
    link.textContent = title;
    const some = document.createElement("small");
    some.textContent = page.replace(".html", "") + ": " + excerpt(words[0], text);
    const item = document.createElement("li");
    item.append(link, some);
    results.append(item);
  }
  if (!found.length) results.append(Object.assign(document.createElement("li"), { textContent: "nothing" }));
}

query.addEventListener("input", search);
if (window.matchMedia("(max-width: 50rem)").matches) document.querySelector("nav details").open = false;
