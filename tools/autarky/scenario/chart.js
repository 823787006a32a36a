// Charts of one page on one time axis; D: its data, with `t`, `events` and the `unit` of t.
const UNIT = D.unit || "s";
const COLORS = ["#2f6fde", "#d9480f", "#2b8a3e", "#9c36b5", "#0c8599", "#e67700", "#c2255c", "#5f3dc4"];
const NS = "http://www.w3.org/2000/svg", charts = [];
const all = [D.t[0], D.t[D.t.length - 1]];
let range = all.slice();
const make = (name, attributes, parent) => { const e = document.createElementNS(NS, name); for (const k in attributes) e.setAttribute(k, attributes[k]); if (parent) parent.append(e); return e; };
const known = v => v !== null && v !== undefined;
function ticks(low, high, most) {
  const rough = (high - low) / most, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map(m => m * power).find(m => m >= rough);
  const found = [];
  for (let v = Math.ceil(low / step) * step; v <= high + step / 1e6; v += step) found.push(+v.toPrecision(12));
  return found;
}
function path(t, values, x, y, step) {
  let d = "", open = false, last = 0;
  for (let i = 0; i < t.length; i++) {
    if (!known(values[i])) { open = false; continue; }
    const px = x(t[i]).toFixed(1), py = y(values[i]).toFixed(1);
    d += open ? (step ? `H${px}V${py}` : `L${px} ${py}`) : `M${px} ${py}`;
    open = true;
  }
  return d;
}
function band(t, low, high, x, y) {
  let d = "", run = [];
  const close = () => { if (run.length > 1) d += "M" + run.map(i => `${x(t[i]).toFixed(1)} ${y(high[i]).toFixed(1)}`).join("L") + "L" + run.slice().reverse().map(i => `${x(t[i]).toFixed(1)} ${y(low[i]).toFixed(1)}`).join("L") + "Z"; run = []; };
  for (let i = 0; i < t.length; i++) known(low[i]) && known(high[i]) ? run.push(i) : close();
  close();
  return d;
}
function chart(parent, o) {
  const figure = document.createElement("figure"), caption = document.createElement("figcaption");
  caption.textContent = o.title;
  for (const s of [...o.series, ...(o.bands || []), ...(o.lines || [])].filter(s => s.name)) {
    const key = document.createElement("span"), swatch = document.createElement("i");
    swatch.style.background = s.dash ? `repeating-linear-gradient(90deg, ${s.color} 0 4px, transparent 4px 7px)` : s.color;
    if (s.fill) swatch.style.opacity = .35;
    key.append(swatch, s.name); caption.append(key);
  }
  const svg = make("svg", {}); figure.append(caption, svg); parent.append(figure);
  const self = { draw() {
    const width = figure.clientWidth, marks = o.marks && D.events.length;
    const left = o.names ? 74 : 46, right = 8, top = 6, bottom = 20, height = o.height || 150;
    let lanes = 0, placed = [];
    const x = t => left + (t - range[0]) / (range[1] - range[0]) * (width - left - right);
    if (marks) { const ends = []; D.events.forEach((e, i) => { if (e[0] < range[0] || e[0] > range[1]) return; let lane = ends.findIndex(end => x(e[0]) - end > 20); if (lane < 0) lane = ends.length; if (lane > 7) return; ends[lane] = x(e[0]); placed.push([i, lane]); }); lanes = ends.length; }
    const head = top + lanes * 19, total = head + height + bottom;
    svg.setAttribute("height", total); svg.setAttribute("viewBox", `0 0 ${width} ${total}`); svg.replaceChildren();
    let low = Infinity, high = -Infinity;
    const see = v => { if (known(v)) { low = Math.min(low, v); high = Math.max(high, v); } };
    for (const s of o.series) for (let i = 0; i < D.t.length; i++) if (D.t[i] >= range[0] && D.t[i] <= range[1]) see(s.values[i]);
    for (const l of o.lines || []) see(l.at);
    if (o.names) { low = -.5; high = o.names.length - .5; } else if (!isFinite(low)) { low = 0; high = 1; }
    else { if (high - low < o.least) { const m = (low + high) / 2; low = m - o.least / 2; high = m + o.least / 2; } const room = (high - low) * .06; low -= room; high += room; }
    if (o.within) { low = Math.max(low, o.within[0]); high = Math.min(high, o.within[1]); }
    const y = v => head + (1 - (Math.min(Math.max(v, low), high) - low) / (high - low)) * height;
    for (const v of o.names ? o.names.map((_, i) => i) : ticks(low, high, height > 120 ? 5 : 3)) {
      make("line", { x1: left, x2: width - right, y1: y(v), y2: y(v), stroke: "#e7eaf0" }, svg);
      make("text", { x: left - 6, y: y(v) + 4, "text-anchor": "end" }, svg).textContent = o.names ? o.names[v] : v;
    }
    for (const t of ticks(range[0], range[1], width / 90)) make("text", { x: x(t), y: head + height + 14, "text-anchor": "middle" }, svg).textContent = `${t} ${UNIT}`;
    for (const e of D.events) if (e[0] >= range[0] && e[0] <= range[1]) make("line", { x1: x(e[0]), x2: x(e[0]), y1: head, y2: head + height, stroke: "#98a2b3", "stroke-dasharray": "2 3" }, svg);
    for (const [i, lane] of placed) { const cy = top + 8 + lane * 19, g = make("g", {}, svg); make("title", {}, g).textContent = D.events[i][1]; make("line", { x1: x(D.events[i][0]), x2: x(D.events[i][0]), y1: cy, y2: head, stroke: "#98a2b3", "stroke-dasharray": "2 3" }, g); make("circle", { cx: x(D.events[i][0]), cy, r: 8.5, fill: "#fff", stroke: "#667085" }, g); make("text", { x: x(D.events[i][0]), y: cy + 4, "text-anchor": "middle" }, g).textContent = i + 1; }
    const clip = "c" + charts.indexOf(self); make("rect", { x: left, y: head, width: width - left - right, height }, make("clipPath", { id: clip }, make("defs", {}, svg)));
    const g = make("g", { "clip-path": `url(#${clip})` }, svg);
    for (const b of o.bands || []) make("path", { d: band(D.t, b.low, b.high, x, y), fill: b.color, opacity: b.opacity || .16 }, g);
    for (const s of o.series) make("path", { d: path(D.t, s.values, x, y, s.step), fill: "none", stroke: s.color, "stroke-width": s.width || 1.5, "stroke-dasharray": s.dash || "" }, g);
    for (const l of o.lines || []) make("line", { x1: left, x2: width - right, y1: y(l.at), y2: y(l.at), stroke: l.color, "stroke-width": 1.5, "stroke-dasharray": "7 4" }, g);
    const cross = make("line", { y1: head, y2: head + height, stroke: "#344054", visibility: "hidden" }, svg), tip = make("g", { visibility: "hidden" }, svg), box = make("rect", { rx: 4, fill: "#fff", stroke: "#d0d5dd" }, tip);
    const chosen = make("rect", { y: head, height, fill: "#2f6fde", opacity: .12, visibility: "hidden" }, svg);
    const time = event => { const r = svg.getBoundingClientRect(); return range[0] + Math.min(Math.max((event.clientX - r.left - left) / (width - left - right), 0), 1) * (range[1] - range[0]); };
    let from = null;
    svg.onpointerdown = e => { from = time(e); svg.setPointerCapture(e.pointerId); };
    svg.onpointercancel = () => { from = null; chosen.setAttribute("visibility", "hidden"); };
    svg.onpointermove = e => {
      const t = time(e);
      if (from !== null) { chosen.setAttribute("visibility", "visible"); chosen.setAttribute("x", x(Math.min(from, t))); chosen.setAttribute("width", Math.abs(x(t) - x(from))); }
      let i = D.t.findIndex(v => v >= t); if (i < 0) i = D.t.length - 1;
      const rows = [`${D.t[i]} ${UNIT}`, ...o.series.filter(s => s.name && known(s.values[i])).map(s => `${s.name}: ${o.names ? o.names[Math.round(s.values[i])] : +s.values[i].toFixed(3)}`)];
      while (tip.children.length > 1) tip.lastChild.remove();
      const w = Math.max(...rows.map(r => r.length)) * 6.2 + 14, tx = x(D.t[i]) + (x(D.t[i]) + w + 12 > width ? -w - 8 : 8);
      rows.forEach((row, n) => { make("text", { x: tx + 7, y: head + 18 + 14 * n }, tip).textContent = row; });
      for (const [k, v] of Object.entries({ x: tx, y: head + 4, width: w, height: 14 * rows.length + 8 })) box.setAttribute(k, v);
      cross.setAttribute("x1", x(D.t[i])); cross.setAttribute("x2", x(D.t[i]));
      for (const e of [cross, tip]) e.setAttribute("visibility", "visible");
    };
    svg.onpointerleave = () => { for (const e of [cross, tip]) e.setAttribute("visibility", "hidden"); };
    svg.onpointerup = e => { if (from === null) return; const to = time(e), a = Math.min(from, to), b = Math.max(from, to); from = null; if (b - a > (range[1] - range[0]) / 100) { range = [a, b]; charts.forEach(c => c.draw()); } else chosen.setAttribute("visibility", "hidden"); };
    svg.ondblclick = () => { range = all.slice(); charts.forEach(c => c.draw()); };
  } };
  charts.push(self);
}
