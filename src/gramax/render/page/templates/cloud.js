// The rows in the plane: one path a class, its mark and colour, and a legend that picks one out.
(function () {
  const { names, cloud: data } = JSON.parse(document.getElementById("data").textContent);
  const svg = document.getElementById("cloud-map");
  if (!data || !svg) return;
  data.names = data.names.map((code) => names[code]);
  // Beside the points there is room for a short label alone; the legend has the name in full.
  const short = data.names.map((name) => {
    const letters = [...name];
    return letters.length > 18 ? letters.slice(0, 8).join("") + "…" + letters.slice(-9).join("") : name;
  });
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
  const points = new Int16Array(bytes(data.points)), labels = new Uint16Array(bytes(data.labels));
  const make = (name, attributes) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const key in attributes) node.setAttribute(key, attributes[key]);
    return node;
  };
  const scale = Math.min(290 / data.reach[0], 200 / data.reach[1]);
  const x = (i) => 300 + points[2 * i] * scale, y = (i) => 210 - points[2 * i + 1] * scale;

  const star = (corners, deep, turn = 0) => (px, py, r) => {
    const tip = (k) => [((k + turn) * Math.PI) / corners - Math.PI / 2, k % 2 ? deep * r : 1.25 * r];
    const tips = Array.from({ length: 2 * corners }, (_, k) => tip(k));
    return "M" + tips.map(([t, s]) => `${(px + s * Math.cos(t)).toFixed(1)} ${(py + s * Math.sin(t)).toFixed(1)}`).join("L") + "Z";
  };
  const polygon = (...tips) => (px, py, r) =>
    "M" + tips.map(([a, b]) => `${(px + a * r).toFixed(1)} ${(py + b * r).toFixed(1)}`).join("L") + "Z";
  const marks = [
    (px, py, r) => `M${(px - r).toFixed(1)} ${py.toFixed(1)}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`,
    polygon([-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]),
    polygon([0, -1.2], [1.1, 0.8], [-1.1, 0.8]),
    polygon([0, -1.3], [1.1, 0], [0, 1.3], [-1.1, 0]),
    polygon([0, 1.2], [1.1, -0.8], [-1.1, -0.8]),
    star(4, 0.45), star(4, 0.45, 1), star(5, 1.05), star(5, 0.5), star(6, 0.6),
  ];
  const mark = (k) => marks[(k + Math.floor(k / 10)) % 10];

  const members = data.names.map(() => []);
  labels.forEach((label, i) => members[label].push(i));
  const few = data.names.length <= 20;
  const radius = labels.length > 600 ? 4 : 5.5;
  const middles = members.map((rows) => {
    const mean = (f) => rows.reduce((sum, i) => sum + f(i), 0) / rows.length, cx = mean(x), cy = mean(y);
    return { x: cx, y: cy, reach: rows.reduce((most, i) => Math.max(most, Math.hypot(x(i) - cx, y(i) - cy)), 0) };
  });
  const paths = members.map((rows, k) => {
    const { x: cx, y: cy, reach } = middles[k], point = few && rows.length > 1 && reach < 2;
    const path = make("path", {
      class: "k" + (k % 10),  // many marks on one place would be no more than their outlines
      d: point ? mark(k)(cx, cy, 8) : rows.map((i) => mark(k)(x(i), y(i), radius)).join(""),
    });
    svg.append(path);
    return path;
  });
  const lone = data.names.length === 1;
  // A name stands in the middle of its class, or beside a class that it would hide.
  function label({ x: cx, y: cy, reach }, text, taken) {
    const name = make("text", {});
    name.textContent = text;
    svg.append(name);
    const wide = name.getComputedTextLength(), tall = parseFloat(getComputedStyle(name).fontSize);
    const away = Math.max(reach + 1.3 * radius, 10) + 3, aside = away + wide / 2;
    const places = reach > 1.5 * tall ? [[0, 0]] : [[aside, 0], [-aside, 0], [0, -away - tall / 2], [0, away + tall / 2]];
    const boxes = places.map(([dx, dy]) => [cx + dx - wide / 2, cy + dy - tall / 2, cx + dx + wide / 2, cy + dy + tall / 2]);
    const covers = ([l, t, r, b]) => (l < 0 || r > 600 || t < 0 || b > 420) +
      taken.filter(([l2, t2, r2, b2]) => l < r2 && l2 < r && t < b2 && t2 < b).length;
    const best = boxes.reduce((one, other) => (covers(other) < covers(one) ? other : one));
    taken.push(best);
    name.setAttribute("x", (best[0] + best[2]) / 2);
    name.setAttribute("y", (best[1] + best[3]) / 2 + 0.35 * tall);
  }
  if (data.names.length <= 12 && !lone) {
    const taken = middles.map((at) => [at.x - 8, at.y - 8, at.x + 8, at.y + 8]);
    middles.forEach((at, k) => label(at, short[k], taken));
  }

  let chosen = -1;
  function choose(k) {
    chosen = k === chosen ? -1 : k;
    paths.forEach((path, i) => path.classList.toggle("off", chosen >= 0 && i !== chosen));
    if (chosen >= 0) svg.append(paths[chosen]);
    for (const button of legend.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.class) === chosen));
    }
    const count = chosen < 0 ? "" : `${data.names[chosen]}: ${members[chosen].length} of the ${labels.length} rows shown`;
    document.getElementById("cloud-read").textContent = count;
  }
  const legend = document.getElementById("cloud-legend");
  if (few && !lone) {
    data.names.forEach((name, k) => {
      const button = document.createElement("button"), key = make("svg", { viewBox: "0 0 14 14", "aria-hidden": "true" });
      key.append(make("path", { class: "k" + (k % 10), d: mark(k)(7, 7, 5) }));
      button.type = "button";
      button.dataset.class = k;
      button.setAttribute("aria-pressed", "false");
      button.append(key, name);
      button.addEventListener("click", () => choose(k));
      legend.append(button);
    });
  } else if (!lone) {
    const select = document.createElement("select"), label = document.createElement("label");
    const option = (text, value) => { const o = new Option(text, value); select.append(o); };
    option("all classes", -1);
    data.names.forEach((name, k) => option(name, k));
    select.addEventListener("change", () => { chosen = -1; choose(Number(select.value)); });
    label.append("Pick out ", select);
    legend.append(label);
  }

  const tip = document.getElementById("tip");
  function point(event) {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    let best = 144, who = -1;
    for (let i = 0; i < labels.length; i++) {
      const apart = (x(i) - at.x) ** 2 + (y(i) - at.y) ** 2;
      if (apart < best && (chosen < 0 || labels[i] === chosen)) [best, who] = [apart, i];
    }
    tip.hidden = who < 0 || lone;
    if (tip.hidden) return;
    tip.textContent = data.names[labels[who]];
    tip.style.left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8) + "px";
    tip.style.top = event.clientY + 16 + "px";
  }
  svg.addEventListener("pointermove", point);
  svg.addEventListener("pointerdown", (event) => {
    point(event);  // a finger hides the tip, and its end takes it away
    if (chosen < 0) document.getElementById("cloud-read").textContent = tip.hidden ? "" : tip.textContent;
  });
  svg.addEventListener("pointerleave", () => { tip.hidden = true; });
})();
