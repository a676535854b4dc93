// SPDX-License-Identifier: GPL-3.0-or-later
// Zooms the picture, sorts the table, and ties boxes to rows. All that it shows it reads from the page.
"use strict";
(() => {
  const SIDE = 1000; // of the whole picture, in units of its viewBox
  const CLOSEST = SIDE / 500; // of a view
  const AROUND = SIDE / 25; // of one of a box, which may be as thin as a line
  const MOST_LABELS = 150;
  const CLICK = 4; // pixels that a pointer may move in one

  const picture = document.getElementById("picture");
  const frame = picture.querySelector(".view");
  const svg = picture.querySelector("svg");
  const layer = picture.querySelector(".labels");
  const tip = document.getElementById("tip");
  const table = document.getElementById("emissions");
  const rows = [...table.tBodies[0].rows];
  const titles = [...table.tHead.rows[0].cells];
  const boxes = [...svg.querySelectorAll("rect")].map((rect) => {
    const at = (name) => Number(rect.getAttribute(name));
    const row = rows[Number(rect.dataset.row)];
    return { rect, row, x: at("x"), y: at("y"), w: at("width"), h: at("height") };
  });
  const boxOf = new Map(boxes.map((box) => [box.row, box]));
  const hidden = new Set(); // classes
  const view = { x: 0, y: 0, w: SIDE, h: SIDE };
  let selected = null;

  // The view.

  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

  function look(x, y, w, h) {
    view.w = clamp(w, CLOSEST, SIDE);
    view.h = clamp(h, CLOSEST, SIDE);
    view.x = clamp(x, 0, SIDE - view.w);
    view.y = clamp(y, 0, SIDE - view.h);
    draw();
  }

  // Makes the view that many times as wide and high; the point at those shares of it stays where it is.
  function zoom(wide, high, atX = 0.5, atY = 0.5) {
    const w = clamp(view.w * wide, CLOSEST, SIDE);
    const h = clamp(view.h * high, CLOSEST, SIDE);
    look(view.x + (view.w - w) * atX, view.y + (view.h - h) * atY, w, h);
  }

  const move = (x, y) => look(view.x + x * view.w, view.y + y * view.h, view.w, view.h);
  const all = () => look(0, 0, SIDE, SIDE);
  const isWhole = () => view.w === SIDE && view.h === SIDE;

  function lookAt(box) {
    const w = Math.max(box.w * 3, AROUND);
    const h = Math.max(box.h * 3, AROUND);
    look(box.x + box.w / 2 - w / 2, box.y + box.h / 2 - h / 2, w, h);
  }

  function draw() {
    svg.setAttribute("viewBox", `${view.x} ${view.y} ${view.w} ${view.h}`);
    frame.classList.toggle("zoomed", !isWhole());
    drawScale("time", view.x, view.w, frame.clientWidth, 110);
    drawScale("frequency", view.y, view.h, frame.clientHeight, 45);
    drawLabels();
  }

  // Round numbers along an axis; frequency goes from the top down.
  function drawScale(name, from, length, pixels, apart) {
    const [low, high] = picture.dataset[name].split(" ").map(Number);
    const perUnit = (high - low) / SIDE;
    const rough = (length * perUnit * apart) / Math.max(pixels, 1);
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough * 0.999);
    const digits = clamp(-Math.floor(Math.log10(step) + 1e-9), 0, 12);
    const down = name === "frequency";
    const start = down ? high - (from + length) * perUnit : low + from * perUnit;
    const end = start + length * perUnit;
    const scale = picture.querySelector(`.scale.${name}`);
    scale.querySelectorAll("span").forEach((span) => span.remove());
    for (let k = Math.ceil(start / step - 1e-9); k * step <= end + 1e-9 * step; k++) {
      const share = (k * step - start) / (end - start);
      const span = document.createElement("span");
      span.textContent = (k * step).toFixed(digits).replace("-", "−");
      span.style[down ? "top" : "left"] = `${100 * (down ? 1 - share : share)}%`;
      scale.append(span);
    }
  }

  // Names where there is room: of discovered classes first, then of large boxes.
  function drawLabels() {
    const wide = frame.clientWidth / view.w;
    const high = frame.clientHeight / view.h;
    const seen = boxes.filter(
      (box) =>
        box.row.dataset.label &&
        !hidden.has(box.row.dataset.class) &&
        box.x < view.x + view.w && box.x + box.w > view.x && box.y < view.y + view.h && box.y + box.h > view.y,
    );
    const isNew = (box) => box.rect.classList.contains("new");
    seen.sort((a, b) => isNew(b) - isNew(a) || b.w * b.h - a.w * a.h);
    layer.replaceChildren();
    const taken = [];
    for (const box of seen) {
      if (taken.length >= MOST_LABELS) break;
      const [w, h] = sizeOf(box.row.dataset.label);
      const x = clamp((box.x - view.x) * wide, 0, Math.max(0, frame.clientWidth - w));
      const top = (box.y - view.y) * high;
      const bottom = (box.y + box.h - view.y) * high;
      const place = [top - h, bottom, Math.max(top, 0)]
        .map((y) => ({ x, y, right: x + w, bottom: y + h }))
        .find(
          (one) =>
            one.y >= 0 && one.bottom <= frame.clientHeight &&
            !taken.some((t) => one.x < t.right && t.x < one.right && one.y < t.bottom && t.y < one.bottom),
        );
      if (!place) continue;
      taken.push(place);
      const colour = box.rect.style.getPropertyValue("--colour").trim();
      const span = written(box.row.dataset.label);
      span.style.cssText = `left: ${x}px; top: ${place.y}px; --colour: ${colour}; --on: ${on(colour)}`;
    }
  }

  function written(text) {
    const span = document.createElement("span");
    span.textContent = text;
    layer.append(span);
    return span;
  }

  const sizes = new Map(); // of labels, in pixels
  function sizeOf(text) {
    if (!sizes.has(text)) {
      const span = written(text);
      sizes.set(text, [span.offsetWidth, span.offsetHeight]);
      span.remove();
    }
    return sizes.get(text);
  }

  // Black or white, whichever is read on a colour.
  function on(colour) {
    const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255);
    return 0.3 * red + 0.59 * green + 0.11 * blue > 0.5 ? "#000" : "#fff";
  }

  // Boxes and rows.

  function select(row) {
    for (const one of [selected, row]) {
      if (!one) continue;
      one.classList.toggle("selected", one === row);
      boxOf.get(one)?.rect.classList.toggle("selected", one === row);
    }
    selected = row;
    try {
      history.replaceState(null, "", row ? `#${row.id}` : location.pathname + location.search);
    } catch {
      // of a page that may not
    }
  }

  function selectAndShow(row) {
    select(row);
    const box = boxOf.get(row);
    const x = box.x + box.w / 2;
    const y = box.y + box.h / 2;
    if (x < view.x || x > view.x + view.w || y < view.y || y > view.y + view.h) lookAt(box);
    picture.scrollIntoView({ block: "nearest" });
  }

  function tell(event) {
    const row = rows[Number(event.target.dataset?.row ?? -1)];
    tip.hidden = !row || pointers.size > 0;
    if (tip.hidden) return;
    tip.replaceChildren(
      ...[...row.cells].filter((cell) => cell.textContent).map((cell) => {
        const line = document.createElement("div");
        line.textContent = `${titles[cell.cellIndex].textContent}: ${cell.textContent}`;
        return line;
      }),
    );
    const left = event.clientX + 14 + tip.offsetWidth < innerWidth ? event.clientX + 14 : event.clientX - 14 - tip.offsetWidth;
    tip.style.left = `${Math.max(0, left)}px`;
    tip.style.top = `${clamp(event.clientY + 14, 0, Math.max(0, innerHeight - tip.offsetHeight))}px`;
  }

  table.tBodies[0].addEventListener("click", (event) => {
    event.preventDefault(); // of the link in the row
    selectAndShow(event.target.closest("tr"));
  });
  table.tBodies[0].addEventListener("dblclick", (event) => lookAt(boxOf.get(event.target.closest("tr"))));

  function goTo(hash) {
    const row = rows.find((one) => `#${one.id}` === hash);
    if (!row) return;
    select(row);
    lookAt(boxOf.get(row));
    picture.scrollIntoView({ block: "center" });
  }
  addEventListener("hashchange", () => goTo(location.hash));
  document.querySelectorAll("article a").forEach((link) =>
    link.addEventListener("click", (event) => {
      event.preventDefault(); // the address may be the same as before
      goTo(link.hash);
    }),
  );

  // Sorting: what is missing comes last, in either direction.

  function sort(column) {
    const title = titles[column];
    const down = title.getAttribute("aria-sort") === "ascending";
    titles.forEach((one) => one.removeAttribute("aria-sort"));
    title.setAttribute("aria-sort", down ? "descending" : "ascending");
    const numeric = title.classList.contains("number");
    const value = (row) => row.cells[column].dataset.value;
    const compare = (a, b) => (numeric ? a - b : a.localeCompare(b, "en", { numeric: true }));
    const sorted = [...rows].sort((a, b) => {
      const [first, second] = [value(a), value(b)];
      if (!first || !second) return !first - !second;
      return down ? compare(second, first) : compare(first, second);
    });
    table.tBodies[0].append(...sorted);
  }
  titles.forEach((title, column) => title.firstChild.addEventListener("click", () => sort(column)));

  // Classes shown and hidden.

  document.querySelectorAll(".legend button").forEach((button) =>
    button.addEventListener("click", () => {
      const shown = button.getAttribute("aria-pressed") === "true";
      button.setAttribute("aria-pressed", String(!shown));
      hidden[shown ? "add" : "delete"](button.dataset.class);
      rows.forEach((row) => (row.hidden = hidden.has(row.dataset.class)));
      boxes.forEach((box) => box.rect.classList.toggle("off", box.row.hidden));
      drawLabels();
    }),
  );

  // Mouse, fingers, keys.

  const pointers = new Map(); // those that are down: where
  let moved = 0;
  const share = (x, y) => {
    const area = frame.getBoundingClientRect();
    return [(x - area.left) / area.width, (y - area.top) / area.height];
  };

  frame.addEventListener(
    "wheel",
    (event) => {
      const turn = event.deltaY || event.deltaX; // with Shift some browsers turn it
      if (turn > 0 && isWhole()) return; // the page scrolls
      event.preventDefault();
      const factor = 1.0015 ** clamp(turn * (event.deltaMode ? 30 : 1), -400, 400);
      zoom(event.altKey ? 1 : factor, event.shiftKey ? 1 : factor, ...share(event.clientX, event.clientY));
    },
    { passive: false },
  );
  frame.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    if (!pointers.size) moved = 0;
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    tip.hidden = true;
  });
  addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = { x: event.clientX, y: event.clientY };
    const others = [...pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
    moved += Math.hypot(now.x - before.x, now.y - before.y);
    if (moved <= CLICK && !others.length) return;
    frame.classList.add("dragged");
    pointers.set(event.pointerId, now);
    if (others.length) {
      const far = (at) => Math.max(20, Math.hypot(at.x - others[0].x, at.y - others[0].y));
      const factor = far(before) / far(now);
      zoom(factor, factor, ...share((now.x + others[0].x) / 2, (now.y + others[0].y) / 2));
    }
    const part = 1 + others.length;
    move((before.x - now.x) / frame.clientWidth / part, (before.y - now.y) / frame.clientHeight / part);
  });
  for (const kind of ["pointerup", "pointercancel"]) {
    addEventListener(kind, (event) => {
      pointers.delete(event.pointerId);
      frame.classList.toggle("dragged", pointers.size > 0);
    });
  }
  frame.addEventListener("click", (event) => {
    if (moved > CLICK) return;
    const row = rows[Number(event.target.dataset?.row ?? -1)] ?? null;
    select(row);
    row?.scrollIntoView({ block: "nearest" });
  });
  frame.addEventListener("dblclick", (event) => zoom(0.5, 0.5, ...share(event.clientX, event.clientY)));
  frame.addEventListener("pointermove", tell);
  frame.addEventListener("pointerleave", () => (tip.hidden = true));

  const actions = { in: () => zoom(1 / 1.5, 1 / 1.5), out: () => zoom(1.5, 1.5), all };
  document.querySelectorAll("[data-do]").forEach((button) => button.addEventListener("click", actions[button.dataset.do]));
  const keys = {
    "+": actions.in, "=": actions.in, "-": actions.out, 0: all, Home: all, Escape: () => select(null),
    ArrowLeft: () => move(-0.15, 0), ArrowRight: () => move(0.15, 0),
    ArrowUp: () => move(0, -0.15), ArrowDown: () => move(0, 0.15),
  };
  picture.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });

  addEventListener("resize", draw);
  addEventListener("beforeprint", draw);
  draw();
  goTo(location.hash);
})();
