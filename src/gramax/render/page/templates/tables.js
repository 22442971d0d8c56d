"use strict";
// Tables that sort by a column and filter by text; without this they are plain tables.
(function () {
  const text = (cell) => cell.firstChild ? cell.firstChild.textContent.trim() : "";
  const value = (cell) =>
    parseFloat(text(cell).replace(/,/g, "").replace("−", "-").replace("∞", "Infinity"));

  function sort(table, head) {
    const column = head.cellIndex, numeric = head.dataset.kind === "number";
    const was = head.getAttribute("aria-sort");
    const down = was === "none" ? numeric : was === "ascending";
    const rows = [...table.tBodies[0].rows].map((row) => [row, row.cells[column]]);
    const keyed = rows.map(([row, cell]) => [numeric ? value(cell) : text(cell), row]);
    const none = ([key]) => (numeric ? Number.isNaN(key) : column > 0 && key === "–");
    const compare = numeric
      ? (a, b) => a[0] - b[0] || 0
      : (a, b) => a[0].localeCompare(b[0], undefined, { numeric: true });
    // What is not known stands last, whichever way.
    keyed.sort((a, b) => none(a) - none(b) || (none(a) ? 0 : down ? compare(b, a) : compare(a, b)));
    table.tBodies[0].append(...keyed.map(([, row]) => row));
    for (const other of head.parentNode.cells) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
  }

  // By the first column; a name is found with its underscores or without.
  const plain = (words) => words.toLowerCase().replace(/_/g, " ");
  function filter(input) {
    const rows = [...document.getElementById(input.dataset.filters).tBodies[0].rows];
    const words = plain(input.value).split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const content = plain(row.cells[0].textContent);
      row.hidden = !words.every((word) => content.includes(word));
      shown += !row.hidden;
    }
    const count = document.getElementById(input.dataset.filters + "-count");
    count.dataset.all = count.dataset.all || count.textContent;
    count.textContent = words.length ? `${shown} of ${rows.length}` : count.dataset.all;
  }

  for (const head of document.querySelectorAll("thead th")) {
    head.querySelector("button").addEventListener("click", () => sort(head.closest("table"), head));
  }
  for (const input of document.querySelectorAll("[data-filters]")) {
    input.addEventListener("input", () => filter(input));
  }
})();
