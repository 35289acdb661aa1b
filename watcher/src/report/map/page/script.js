"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const element = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
let focus = null;
let chosen = null;

// Text of others only ever becomes text.
function make(name, text, attributes) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
  return made;
}
function draw(name, attributes, text) {
  const drawn = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) drawn.setAttribute(key, value);
  if (text !== undefined) drawn.textContent = text;
  return drawn;
}

function shownEdges() {
  const words = element("search").value.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const direction = element("direction").value;
  return data.edges.filter((edge) => {
    if (focus !== null) {
      const out = edge.from === focus, into = edge.to === focus;
      if (!(direction === "out" ? out : direction === "in" ? into : out || into)) return false;
    }
    const text = (data.peers[edge.from].label + " " + data.peers[edge.to].label + " " + edge.allowed + " " + (edge.kind || "")).toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

function listPeers() {
  const list = element("peers");
  list.textContent = "";
  let group = null;
  data.peers.forEach((peer, number) => {
    if (peer.group !== group) list.append(make("h2", peer.group));
    group = peer.group;
    const button = make("button", peer.label, { type: "button", title: peer.label, "aria-pressed": String(number === focus) });
    button.addEventListener("click", () => { look(number === focus ? null : number); });
    list.append(button);
  });
}

const ROW = 26, LANE = 6, LEFT = 260, WIDTH = 300;
function picture() {
  const edges = shownEdges();
  // A route is no connection.
  const counted = (all) => all.filter((edge) => !edge.note).length;
  element("count").textContent = counted(edges) + " of " + counted(data.edges) + " " + (data.changes ? "changes" : "connections");
  const used = new Set(edges.flatMap((edge) => [edge.from, edge.to]));
  const middle = new Map(), sources = new Map(), targets = new Map();
  const groups = [];
  // Lines between two that are no workloads go above all workloads, each in a lane of its own.
  const over = edges.filter((edge) => !data.peers[edge.from].workload && !data.peers[edge.to].workload);
  let y = 20 + LANE * over.length;
  data.peers.forEach((peer, number) => {
    if (!peer.workload || !used.has(number)) return;
    let last = groups[groups.length - 1];
    if (!last || last.name !== peer.group) {
      y += 14;
      last = { name: peer.group, top: y };
      groups.push(last);
      y += 22;
    }
    middle.set(number, y);
    y += ROW;
    last.bottom = y;
  });
  let up = 40, down = 40;
  for (const edge of edges) {
    if (!data.peers[edge.from].workload && !sources.has(edge.from)) { sources.set(edge.from, up); up += ROW; }
    if (!data.peers[edge.to].workload && !targets.has(edge.to)) { targets.set(edge.to, down); down += ROW; }
  }
  const height = Math.max(y, up, down) + 20;
  const reach = Math.min(360, 60 + middle.size * 6);
  const right = LEFT + WIDTH + reach + 20;
  const width = right + 260;
  const svg = draw("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "connections" });
  for (const group of groups) {
    svg.append(draw("rect", { class: "group", x: LEFT - 8, y: group.top, width: WIDTH + 16, height: group.bottom - group.top + 6, rx: 6 }));
    svg.append(draw("text", { x: LEFT, y: group.top + 15, "font-weight": "bold" }, group.name));
  }
  for (const edge of edges) {
    const from = sources.has(edge.from) ? [240, sources.get(edge.from) + 10] : [LEFT + WIDTH, middle.get(edge.from) + 8];
    const to = targets.has(edge.to) ? [right, targets.get(edge.to) + 10] : [sources.has(edge.from) ? LEFT : LEFT + WIDTH, middle.get(edge.to) + (sources.has(edge.from) ? 8 : 13)];
    const bulge = sources.has(edge.from) ? 0 : targets.has(edge.to) ? 60 : 30 + Math.min(reach, Math.abs(from[1] - to[1]) * .5);
    const lane = 14 + LANE * over.indexOf(edge);
    const line = sources.has(edge.from) && targets.has(edge.to)
      ? `M${from} C${from[0] + 8},${from[1]} ${from[0]},${lane} ${from[0] + 12},${lane} H${to[0] - 12} C${to[0]},${lane} ${to[0] - 8},${to[1]} ${to}`
      : sources.has(edge.from)
      ? `M${from} C${from[0] + 10},${from[1]} ${to[0] - 10},${to[1]} ${to}`
      : targets.has(edge.to)
        ? `M${from} C${from[0] + bulge},${from[1]} ${to[0] - bulge},${to[1]} ${to}`
        : `M${from} C${from[0] + bulge},${from[1]} ${to[0] + bulge},${to[1]} ${to}`;
    const group = draw("g", { class: "edge" + (edge.depends ? " doubt" : "") + (edge.note ? " route" : "") + (edge.kind ? " " + edge.kind : "") + (edge === chosen ? " chosen" : ""), tabindex: "0", role: "button" });
    group.append(draw("title", {}, data.peers[edge.from].label + " \u2192 " + data.peers[edge.to].label + ": " + told(edge)));
    group.append(draw("path", { d: line, "marker-end": "url(#tip)" }), draw("path", { d: line, class: "hit" }));
    group.addEventListener("click", () => choose(edge, group));
    group.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(edge, group); } });
    svg.append(group);
  }
  const tip = draw("marker", { id: "tip", viewBox: "0 0 8 8", refX: 8, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto-start-reverse" });
  tip.append(draw("path", { d: "M0,0 L8,4 L0,8 z", fill: "context-stroke" }));
  svg.append(tip);
  const cuts = new Map();
  const box = (number, x, at, width) => {
    const rect = draw("rect", { class: "peer", x, y: at - 2, width, height: 22, rx: 4 });
    rect.addEventListener("click", () => look(number));
    const label = data.peers[number].label;
    const most = Math.floor(width / 7);
    let short = label.length > most ? label.slice(0, most - 1) + "\u2026" : label;
    // Long labels may begin alike: those that are cut to the same get numbers.
    const nth = (cuts.get(x + short) || 0) + 1;
    cuts.set(x + short, nth);
    if (nth > 1) short = short.slice(0, most - 4) + " #" + nth;
    const text = draw("text", { x: x + 6, y: at + 13, "pointer-events": "none" }, short);
    text.append(draw("title", {}, label));
    svg.append(rect, text);
  };
  middle.forEach((at, number) => box(number, LEFT, at, WIDTH));
  sources.forEach((at, number) => box(number, 10, at, 230));
  targets.forEach((at, number) => box(number, right, at, 230));
  element("picture").replaceChildren(svg);
}

function told(edge) { return (edge.kind ? edge.kind + ": " : "") + edge.allowed; }

function choose(edge, group) {
  document.querySelectorAll(".edge.chosen").forEach((other) => other.classList.remove("chosen"));
  chosen = edge;
  group.classList.add("chosen");
  const details = element("details");
  details.replaceChildren(make("h2", data.peers[edge.from].label + " \u2192 " + data.peers[edge.to].label), make("p", told(edge)));
  if (edge.depends) details.append(make("p", "Only where a pod of unknown address has one that an ipBlock means."));
  if (edge.note) {
    details.append(make("p", edge.note));
    return;
  }
  if (edge.lines.length === 0) {
    details.append(make("p", edge.kind ? "No line of a policy: what is selected changed." : "No policy has a say: everything is permitted."));
    return;
  }
  details.append(make("h3", edge.kind ? "Lines that it comes from" : "Lines that decide"));
  const list = make("ol");
  for (const line of edge.lines) {
    const item = make("li");
    item.append(make("code", data.lines[line]));
    list.append(item);
  }
  details.append(list);
}

function look(number) {
  focus = number;
  location.replace("#" + (number === null ? "" : encodeURIComponent(data.peers[number].label)));
  refresh();
}
function refresh() { listPeers(); picture(); }

element("search").addEventListener("input", picture);
element("direction").addEventListener("change", picture);
element("clear").addEventListener("click", () => look(null));
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && event.target !== element("search")) { event.preventDefault(); element("search").focus(); }
  if (event.key === "Escape") { element("search").value = ""; look(null); }
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    const buttons = [...document.querySelectorAll("nav button")];
    const at = buttons.indexOf(document.activeElement);
    if (at >= 0) { event.preventDefault(); (buttons[at + (event.key === "ArrowDown" ? 1 : -1)] || buttons[at]).focus(); }
  }
});
// Addresses are cut and quoted on their way through mails and chats.
function decoded(text) {
  try { return decodeURIComponent(text); } catch { return ""; }
}
const wanted = decoded(location.hash.slice(1));
const found = data.peers.findIndex((peer) => peer.label === wanted);
focus = found >= 0 ? found : null;
refresh();
