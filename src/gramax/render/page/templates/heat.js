// The heat map: draws the cosines of pairs, zooms and moves, tells the pair under the pointer.
(function () {
  const { names, heat: data } = JSON.parse(document.getElementById("data").textContent);
  const canvas = document.getElementById("heat-map");
  if (!data || !canvas) return;
  const pen = canvas.getContext("2d"), side = data.blocks.length, read = document.getElementById("heat-read");
  const codes = data.blocks.map((block) => block[0]);
  data.blocks = data.blocks.map((block) => block.map((code) => names[code]));
  const tip = document.getElementById("tip"), sheet = document.createElement("canvas");
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
  const views = data.views.map((view) => ({
    ...view,
    cells: new Int16Array(bytes(view.cells)),
    at: view.at && (data.wide ? new Uint16Array(bytes(view.at)) : new Uint8Array(bytes(view.at))),
  }));
  const place = (i, j) => (i <= j ? i * side - (i * (i - 1)) / 2 + j - i : place(j, i));
  const state = { view: 0, zoom: 1, x: 0, y: 0, row: -1, column: -1 };
  let frame = { left: 0, size: 1, cell: 1 };

  const many = (i) => Math.min(data.size, data.count - i * data.size);
  const cosine = (i, j) => {
    const view = views[state.view], cell = view.cells[place(i, j)];
    return cell === -32768 ? NaN : cell / 10000;
  };
  function pair(i, j) {
    const at = views[state.view].at;
    if (!at) return [data.blocks[i][0], data.blocks[j][0]];
    const k = 2 * place(i, j), [a, b] = i <= j ? [at[k], at[k + 1]] : [at[k + 1], at[k]];
    return [data.blocks[i][a], data.blocks[j][b]];
  }
  const signed = (x) => (Number.isNaN(x) ? "–" : (x < 0 ? "−" : "+") + Math.abs(x).toFixed(4));
  function words(i, j) {
    const value = cosine(i, j);
    if (Number.isNaN(value)) return "no pair here";
    const [a, b] = pair(i, j), pairs = i === j ? (many(i) * (many(i) - 1)) / 2 : many(i) * many(j);
    if (i === j && data.size === 1) return `${a}: with itself`;
    return `${a} · ${b}  ${signed(value)}` + (pairs > 1 ? `, the strongest of ${pairs} pairs here` : "");
  }

  function paint() {
    const style = getComputedStyle(document.documentElement), view = views[state.view];
    const colour = (name) => style.getPropertyValue(name).trim().replace("#", "").replace(/^(.)(.)(.)$/, "$1$1$2$2$3$3");
    const [low, mid, high, grey] = ["--low", "--mid", "--high", "--rule"].map((name) =>
      [0, 2, 4].map((k) => parseInt(colour(name).slice(k, k + 2), 16)));
    const mixed = (share) => {
      const end = share < 0 ? low : high, t = Math.min(Math.abs(share), 1);
      return mid.map((m, k) => m + (end[k] - m) * t);
    };
    sheet.width = sheet.height = side;
    const context = sheet.getContext("2d"), image = context.createImageData(side, side);
    for (let i = 0, p = 0; i < side; i++) {
      for (let j = 0; j < side; j++, p += 4) {
        const value = cosine(i, j);
        const none = Number.isNaN(value) || (i === j && data.size === 1);
        const [r, g, b] = none ? grey : mixed(value / view.scale);
        image.data.set([r, g, b, 255], p);
      }
    }
    context.putImageData(image, 0, 0);
    const ramp = document.getElementById("ramp").getContext("2d"), strip = ramp.createImageData(121, 1);
    for (let k = 0; k < 121; k++) strip.data.set([...mixed(k / 60 - 1), 255], 4 * k);
    ramp.putImageData(strip, 0, 0);
    document.getElementById("ramp-low").textContent = "−" + view.scale;
    document.getElementById("ramp-high").textContent = "+" + view.scale;
    draw();
  }

  // A block has the name of one of its classes, and the number of the others.
  const others = (i) => (many(i) > 1 ? ` +${many(i) - 1}` : "");
  const label = (i) => names[codes[i]];
  function labelled(i, end, most) {
    const marked = data.size > 1 && i === [state.row, state.column][end];  // as the readout names it
    const name = marked ? pair(state.row, state.column)[end] : label(i);
    return short(name, most - pen.measureText(others(i)).width) + others(i);
  }
  function short(text, most) {
    const letters = [...text], fits = (words) => pen.measureText(words).width <= most;
    const cut = (kept) => letters.slice(0, kept >> 1).join("") + "…" + letters.slice(letters.length - kept + (kept >> 1)).join("");
    if (fits(text)) return text;
    let kept = letters.length - 1;  // what tells names apart is often their end
    while (kept > 1 && !fits(cut(kept))) kept--;
    return cut(kept);
  }

  function draw() {
    const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth;
    if (!width) return;
    canvas.width = canvas.height = Math.round(width * ratio);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, width);
    pen.font = "12px system-ui, sans-serif";
    const shown = side / state.zoom;
    let left = 0;
    const first = Math.floor(state.y), last = Math.min(side, Math.ceil(state.y + shown));
    for (let i = first; i < last; i++) left = Math.max(left, pen.measureText(label(i) + others(i)).width);
    const room = Math.min(120, width * 0.28, width - 8 - 13 * shown), named = room >= Math.min(left, 40);
    left = named ? Math.min(left, room) + 8 : 0;
    const size = width - left, cell = size / shown;
    frame = { left, size, cell };
    pen.save();
    pen.beginPath();
    pen.rect(left, 0, size, size);
    pen.clip();
    pen.imageSmoothingEnabled = false;
    pen.drawImage(sheet, left - state.x * cell, -state.y * cell, side * cell, side * cell);
    values(cell, left, first, last);
    mark(cell, left);
    pen.restore();
    const style = getComputedStyle(document.documentElement);
    pen.strokeStyle = style.getPropertyValue("--rule");
    pen.strokeRect(left + 0.5, 0.5, size - 1, size - 1);
    if (!named) return;
    pen.fillStyle = style.getPropertyValue("--ink");
    for (let i = first; i < last; i++) {
      const middle = (i + 0.5 - state.y) * cell;
      pen.textBaseline = "middle";
      pen.textAlign = "right";
      if (middle > 4 && middle < size - 4) pen.fillText(labelled(i, 0, left - 8), left - 6, middle);
    }
    pen.save();
    pen.rotate(-Math.PI / 2);
    const from = Math.floor(state.x), to = Math.min(side, Math.ceil(state.x + shown));
    for (let j = from; j < to; j++) {
      const middle = left + (j + 0.5 - state.x) * cell;
      if (middle > left + 4 && middle < width - 4) pen.fillText(labelled(j, 1, left - 8), -size - 6, middle);
    }
    pen.restore();
  }

  function values(cell, left, first, last) {
    if (cell < 34 || data.size > 1) return;
    const style = getComputedStyle(document.documentElement), scale = views[state.view].scale;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    const to = Math.min(side, Math.ceil(state.x + frame.size / cell));
    for (let i = first; i < last; i++) {
      for (let j = Math.floor(state.x); j < to; j++) {
        if (i === j) continue;
        const value = cosine(i, j), strong = Math.abs(value) > 0.6 * scale;
        pen.fillStyle = style.getPropertyValue(strong ? "--paper" : "--ink");
        const written = Math.abs(value).toFixed(2).replace(/^0/, "");
        pen.fillText((value <= -0.005 ? "−" : "") + written,
          left + (j + 0.5 - state.x) * cell, (i + 0.5 - state.y) * cell);
      }
    }
  }

  function mark(cell, left) {
    if (state.row < 0) return;
    const x = left + (state.column - state.x) * cell, y = (state.row - state.y) * cell;
    const style = getComputedStyle(document.documentElement), edge = Math.max(cell, 6);
    pen.lineWidth = 4;
    pen.strokeStyle = style.getPropertyValue("--paper");
    pen.strokeRect(x, y, edge, edge);
    pen.lineWidth = 2;
    pen.strokeStyle = style.getPropertyValue("--ink");
    pen.strokeRect(x, y, edge, edge);
    pen.lineWidth = 1;
  }

  const clamp = (value, low, high) => Math.max(low, Math.min(high, value));
  function look(zoom, x, y) {
    state.zoom = clamp(zoom, 1, Math.max(1, side / 4));
    const most = side - side / state.zoom;
    [state.x, state.y] = [clamp(x, 0, most), clamp(y, 0, most)];
    canvas.style.touchAction = state.zoom > 1 ? "none" : "pan-y";
    draw();
  }
  function zoomAt(factor, column, row) {
    const zoom = clamp(state.zoom * factor, 1, Math.max(1, side / 4)), change = state.zoom / zoom;
    look(zoom, column - (column - state.x) * change, row - (row - state.y) * change);
  }
  function select(row, column, follow) {
    [state.row, state.column] = [clamp(row, 0, side - 1), clamp(column, 0, side - 1)];
    const shown = side / state.zoom;
    if (follow) {
      const fit = (at, start) => (at < start ? at : at + 1 > start + shown ? at + 1 - shown : start);
      look(state.zoom, fit(state.column, state.x), fit(state.row, state.y));
    } else draw();
    read.textContent = words(state.row, state.column);
  }
  function under(event) {
    const box = canvas.getBoundingClientRect();
    const x = event.clientX - box.left - frame.left, y = event.clientY - box.top;
    if (x < 0 || y < 0 || x >= frame.size || y >= frame.size) return null;
    return { column: x / frame.cell + state.x, row: y / frame.cell + state.y };
  }

  const fingers = new Map();
  let spread = 0;
  canvas.addEventListener("pointerdown", (event) => {
    fingers.set(event.pointerId, event);
    canvas.setPointerCapture(event.pointerId);
    spread = 0;
    point(event);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, (event) => { fingers.delete(event.pointerId); spread = 0; });
  }
  canvas.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId), at = under(event);
    if (before) fingers.set(event.pointerId, event);
    if (fingers.size === 2) {
      const [a, b] = [...fingers.values()], now = Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
      if (spread && at) zoomAt(now / spread, at.column, at.row);
      spread = now;
    } else if (before && state.zoom > 1) {
      look(state.zoom, state.x - (event.clientX - before.clientX) / frame.cell,
        state.y - (event.clientY - before.clientY) / frame.cell);
    }
    point(event);
  });
  function point(event) {
    const at = under(event);
    tip.hidden = !at;
    if (!at) return;
    select(Math.floor(at.row), Math.floor(at.column), false);
    tip.textContent = read.textContent;
    tip.style.left = clamp(event.clientX + 14, 0, Math.max(0, innerWidth - tip.offsetWidth - 8)) + "px";
    tip.style.top = clamp(event.clientY + 16, 0, innerHeight - tip.offsetHeight - 8) + "px";
  }
  canvas.addEventListener("pointerleave", () => { tip.hidden = true; });
  canvas.addEventListener("dblclick", (event) => {
    const at = under(event);
    if (at) zoomAt(2, at.column, at.row);
  });
  canvas.addEventListener("wheel", (event) => {
    const at = under(event);
    if (!at || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    zoomAt(Math.exp(-event.deltaY / 300), at.column, at.row);
  }, { passive: false });

  const middle = () => state.row < 0
    ? [state.x + side / state.zoom / 2, state.y + side / state.zoom / 2]
    : [state.column + 0.5, state.row + 0.5];
  const actions = { in: () => zoomAt(1.6, ...middle()), out: () => zoomAt(1 / 1.6, ...middle()), all: () => look(1, 0, 0) };
  const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  const keys = { "+": "in", "=": "in", "-": "out", "0": "all", Escape: "all" };
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in moves) {
      const [down, right] = moves[event.key], step = event.shiftKey ? 10 : 1;
      if (state.row < 0) select(0, 0, true);
      else select(state.row + down * step, state.column + right * step, true);
    } else if (event.key in keys) actions[keys[event.key]]();
    else return;
    event.preventDefault();
  });
  for (const button of document.querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", () => actions[button.dataset.zoom]());
  }
  const choices = document.querySelectorAll("[data-view]");
  function show(view) {
    state.view = view;
    for (const button of choices) button.setAttribute("aria-pressed", String(Number(button.dataset.view) === view));
    paint();
    if (state.row >= 0) read.textContent = words(state.row, state.column);
  }
  for (const button of choices) button.addEventListener("click", () => show(Number(button.dataset.view)));
  for (const button of document.querySelectorAll("[data-pair]")) {
    button.addEventListener("click", () => {
      const [row, column] = button.dataset.pair.split(" ").map(Number);
      if (Number.isNaN(column)) return;
      if (button.dataset.in) show(Number(button.dataset.in));  // where its number is the one shown
      select(row, column, true);
      const [number, both] = button.children;
      if (data.size > 1 && number.textContent !== signed(cosine(row, column))) {
        read.textContent = `${both.textContent}  ${number.textContent}; ${read.textContent}`;
      }
      canvas.scrollIntoView({ block: "center" });
      canvas.focus({ preventScroll: true });
    });
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
  addEventListener("beforeprint", () => { document.documentElement.dataset.print = ""; paint(); });
  addEventListener("afterprint", () => { delete document.documentElement.dataset.print; paint(); });
  new ResizeObserver(draw).observe(canvas);
  look(1, 0, 0);
  paint();
})();
