// Draws charts from the numbers of a table on the same page; whoever has no JavaScript reads the table.
"use strict";

const LINES = ["--accent", "--busy", "--warn", "--bad"];
const HEIGHT = 170;
const MINUTES = [60, 300, 600, 900, 1800, 3600]; // between the times below: they are told to the minute
const SECONDS = [1, 5, 10, 30, 60, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400];
const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const drawn = new Map();

function colour(name) {
  return getComputedStyle(document.body).getPropertyValue(name).trim();
}

// light-dark() is resolved where it is used as a colour only.
function resolved(name) {
  const probe = document.createElement("span");
  probe.hidden = true;
  probe.style.color = colour(name);
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function read(table, columns) {
  const rows = [...table.tBodies[0].rows].reverse();
  const value = (cell) => {
    const data = cell.querySelector("data");
    return data ? Number(data.value) : null;
  };
  const times = rows.map((row) => Date.parse(row.cells[0].querySelector("time").dateTime) / 1000);
  return [times, ...columns.map((column) => rows.map((row) => value(row.cells[column])))];
}

function words(value, unit) {
  if (value == null) return "–";
  if (unit === "s") {
    if (value < 60) return `${Math.round(value)} s`;
    if (value < 3600) return `${Math.round(value / 60)} min`;
    return `${(value / 3600).toFixed(1)} h`;
  }
  return new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 }).format(value);
}

function numbers(figure) {
  const table = document.getElementById(figure.dataset.table);
  const columns = figure.dataset.columns.split(" ").map(Number);
  return { table, columns, data: read(table, columns) };
}

function draw(figure) {
  const { table, columns, data } = numbers(figure);
  const names = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
  const unit = figure.dataset.unit;
  drawn.get(figure)?.chart.destroy();
  const place = figure.querySelector(".plot");
  const newest = columns.map((column, index) => `${names[column]}: ${words(data[index + 1].at(-1), unit)} now`);
  place.setAttribute("aria-label", `${figure.querySelector("figcaption").textContent}. ${newest.join("; ")}. The numbers are in the table below.`);
  const ink = resolved("--ink-soft");
  const axis = { stroke: ink, grid: { stroke: resolved("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
  const most = Math.max(0, ...data.slice(1).flat().filter((value) => value != null));
  const least = unit === "s" ? 1 : 4; // of records, so that the axis counts whole ones
  const chart = new uPlot(
    {
      width: Math.max(200, place.clientWidth),
      height: HEIGHT,
      cursor: { drag: { x: false, y: false } },
      legend: { show: columns.length > 1, live: false },
      scales: { y: { range: () => [0, Math.max(most * 1.1, least)] } },
      axes: [
        { ...axis, size: 32, space: 70, incrs: MINUTES, values: (_, splits) => splits.map((at) => clock.format(at * 1000)) },
        { ...axis, size: 60, values: (_, splits) => splits.map((value) => words(value, unit)), ...(unit === "s" ? { incrs: SECONDS } : {}) },
      ],
      series: [
        {},
        ...columns.map((column, index) => ({
          label: names[column],
          stroke: resolved(LINES[index]),
          width: 2,
          dash: index ? [6 - index, 3] : undefined,
          points: { show: data[0].length < 2 },
        })),
      ],
    },
    data,
    place,
  );
  drawn.set(figure, { chart, shown: JSON.stringify(data) });
}

function drawAll() {
  for (const [figure, { chart }] of drawn) {
    if (figure.isConnected) continue;
    chart.destroy();
    drawn.delete(figure);
  }
  const fresh = [...document.querySelectorAll("figure.chart")].filter(
    (figure) => drawn.get(figure)?.shown !== JSON.stringify(numbers(figure).data),
  );
  // All have their places before the first is drawn: it is as wide as its place is then.
  for (const figure of fresh) {
    if (figure.querySelector(".plot")) continue;
    const place = document.createElement("div");
    place.className = "plot";
    place.setAttribute("role", "img");
    figure.append(place);
  }
  fresh.forEach(draw);
}

function redraw() {
  for (const figure of document.querySelectorAll("figure.chart")) draw(figure);
}

drawAll();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
let timer;
addEventListener("resize", () => {
  clearTimeout(timer);
  timer = setTimeout(redraw, 150);
});
// A live part has changed.
new MutationObserver(drawAll).observe(document.body, {
  childList: true,
  subtree: true,
  attributes: true,
  attributeFilter: ["value", "datetime"],
});
