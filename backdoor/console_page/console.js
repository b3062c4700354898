"use strict";
const SECOND = 1000;
const PERIOD = 2 * SECOND;
const KEPT = 90; // Points of a chart.
const byId = (id) => document.getElementById(id);

async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "text/plain", "X-Bergen-Console": "1" },
    body,
  });
  return answer.json();
}
const run = (line) => post("run", line);

// What commands say goes into the page as text, never as markup.
async function fill(element) {
  const answer = await run(element.dataset.command);
  element.textContent = answer.text + (answer.ok ? "" : answer.error);
  element.classList.toggle("error", !answer.ok);
}

// name{labels} value, as Prometheus has it. Buckets would be too many charts.
function parseMetrics(text) {
  const found = { values: new Map(), counters: new Set() };
  for (const line of text.split("\n")) {
    const type = line.match(/^# TYPE (\S+) counter/);
    if (type) found.counters.add(type[1]);
    const sample = line.match(/^([a-zA-Z_:][\w:]*)(\{.*\})? (\S+)/);
    if (sample && !sample[1].endsWith("_bucket")) {
      found.values.set(sample[1] + (sample[2] || ""), Number(sample[3]));
    }
  }
  return found;
}

const charts = new Map();
let lastValues = null;

function chartOf(name) {
  let chart = charts.get(name);
  if (!chart) {
    const box = document.createElement("div");
    box.className = "chart";
    const label = box.appendChild(document.createElement("div"));
    label.className = "name";
    label.textContent = name;
    const value = box.appendChild(document.createElement("div"));
    value.className = "value";
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", `0 0 ${KEPT - 1} 1`);
    svg.setAttribute("preserveAspectRatio", "none");
    const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
    svg.appendChild(line);
    box.appendChild(svg);
    byId("charts").appendChild(box);
    chart = { value, line, points: [] };
    charts.set(name, chart);
  }
  return chart;
}

function draw(name, number) {
  const chart = chartOf(name);
  chart.points.push(number);
  if (chart.points.length > KEPT) chart.points.shift();
  const top = Math.max(...chart.points);
  const bottom = Math.min(0, ...chart.points);
  const height = top - bottom || 1;
  chart.value.textContent = String(Number(number.toPrecision(4)));
  chart.line.setAttribute(
    "points",
    chart.points.map((one, i) => `${i},${1 - (one - bottom) / height}`).join(" "),
  );
}

async function showMetrics() {
  const answer = await run("metrics");
  const now = performance.now();
  if (!answer.ok) {
    byId("charts").textContent = answer.error;
    return;
  }
  const { values, counters } = parseMetrics(answer.text);
  for (const [name, value] of values) {
    const family = name.replace(/\{.*/, "");
    const counts = counters.has(family) || /_(total|count|sum)$/.test(family);
    if (!counts) {
      draw(name, value);
    } else if (lastValues && lastValues.values.has(name)) {
      const change = Math.max(0, value - lastValues.values.get(name));
      draw(name, change / ((now - lastValues.time) / SECOND));
    }
  }
  lastValues = { values, time: now };
}

async function showConfig() {
  const answer = await run("config");
  const wanted = byId("config-filter").value;
  const rows = [];
  for (const line of answer.text.split("\n")) {
    const parts = line.match(/^(\S+) = (.*)  \((.*)\)( mutable)?$/);
    if (!parts || !parts[1].includes(wanted)) continue;
    const row = document.createElement("tr");
    for (const text of [parts[1], parts[2], parts[3] + (parts[4] ? ", mutable" : "")]) {
      row.appendChild(document.createElement("td")).textContent = text;
    }
    rows.push(row);
  }
  byId("options").replaceChildren(...rows);
}

async function takeProfile() {
  byId("take").disabled = true;
  byId("profile-state").textContent = "recording …";
  try {
    const query = `seconds=${Number(byId("seconds").value)}&clock=${byId("clock").value}`;
    const answer = await post(`profile?${query}`, "");
    byId("profile-state").textContent = answer.ok ? answer.text : answer.error;
    byId("profile-state").classList.toggle("error", !answer.ok);
    if (answer.ok) {
      byId("flame").hidden = false;
      byId("flame").src = `flame.svg?${Date.now()}`;
    }
  } finally {
    byId("take").disabled = false;
  }
}

let tab = "overview";

async function refresh() {
  const own = { metrics: showMetrics, config: showConfig };
  if (own[tab]) {
    await own[tab]();
  } else {
    await Promise.all([...document.querySelectorAll(`#${tab} pre[data-command]`)].map(fill));
  }
}

async function loop() {
  try {
    if (!document.hidden) await refresh();
    byId("state").textContent = "";
  } catch (error) {
    byId("state").textContent = "does not answer";
  }
  setTimeout(loop, PERIOD);
}

byId("tabs").addEventListener("click", (event) => {
  if (!event.target.dataset.tab) return;
  tab = event.target.dataset.tab;
  for (const button of byId("tabs").children) {
    button.classList.toggle("chosen", button === event.target);
  }
  for (const section of document.querySelectorAll("main > section")) {
    section.hidden = section.id !== tab;
  }
  refresh().catch(() => {});
});
byId("config-filter").addEventListener("input", () => showConfig().catch(() => {}));
byId("take").addEventListener("click", () => takeProfile().catch(() => {}));
byId("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = await run(byId("line").value || "help");
  byId("answer").textContent = answer.text + (answer.ok ? "" : answer.error);
  byId("answer").classList.toggle("error", !answer.ok);
});
run("version").then((answer) => {
  if (!answer.ok) return;
  document.title = answer.text.split("\n")[0];
  byId("title").textContent = document.title;
});
loop();
