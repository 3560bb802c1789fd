// The Priority Matrix by arrow keys: they move from cell to cell, as in a spreadsheet. Without this script Tab does.
"use strict";

document.documentElement.classList.add("scripted"); // what is said of arrow keys is true now

const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

document.addEventListener("keydown", (event) => {
  const select = event.target;
  const cell = select.tagName === "SELECT" && select.closest("table[data-grid] td");
  const move = moves[event.key];
  if (!cell || !move || event.altKey || event.ctrlKey || event.metaKey || isOpen(select)) return;
  event.preventDefault(); // else it would choose another priority
  const rows = [...cell.closest("tbody").rows];
  const row = rows[rows.indexOf(cell.parentElement) + move[0]];
  row?.cells[cell.cellIndex + move[1]]?.querySelector("select")?.focus();
});

function isOpen(select) {
  return CSS.supports("selector(:open)") && select.matches(":open");
}

// What was missing is so no more once it has been chosen.
document.addEventListener("change", (event) => {
  if (event.target.value) event.target.closest("table[data-grid] td")?.classList.remove("missing");
});
