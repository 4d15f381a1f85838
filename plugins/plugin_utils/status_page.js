"use strict";
(() => {
  const root = document.documentElement;
  const byId = (id) => document.getElementById(id);
  const body = byId("table").tBodies[0];
  const heads = [...byId("table").tHead.rows[0].cells];
  const rows = [...body.rows];
  root.classList.add("js");
  byId("tools").hidden = false;

  const value = (row, index) => row.cells[index].dataset.sort || "";
  const compare = (index) => heads[index].dataset.kind === "number"
    ? (one, other) => Number(value(one, index)) - Number(value(other, index))
    : (one, other) => value(one, index).localeCompare(value(other, index), undefined, { numeric: true });

  const count = (words) => {
    const shown = rows.filter((row) => !row.hidden).length;
    const all = rows.length === 1 ? "1 row" : `${rows.length} rows`;
    byId("count").textContent = (shown === rows.length ? all : `${shown} of ${all}`) + (words ? `, ${words}` : "");
    byId("empty").hidden = shown > 0;
  };

  const sort = (index, down) => {
    const by = compare(index);
    rows.sort((one, other) => (down ? by(other, one) : by(one, other)));
    body.append(...rows);
    heads.forEach((head) => head.removeAttribute("aria-sort"));
    heads[index].setAttribute("aria-sort", down ? "descending" : "ascending");
    byId("sort").value = String(index);
    count(`sorted by ${heads[index].textContent.toLowerCase()}, ${down ? "descending" : "ascending"}`);
  };
  heads.forEach((head, index) => head.firstElementChild.addEventListener("click", () => sort(index, head.getAttribute("aria-sort") === "ascending")));
  byId("sort").addEventListener("change", (event) => sort(Number(event.target.value), false));

  byId("filter").addEventListener("input", (event) => {
    const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    rows.forEach((row) => {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    });
    count("");
  });

  const themes = ["automatic", "light", "dark"];
  const theme = byId("theme");
  theme.hidden = false;
  theme.addEventListener("click", () => {
    const next = themes[(themes.indexOf(root.dataset.theme || "automatic") + 1) % themes.length];
    if (next === "automatic") delete root.dataset.theme; else root.dataset.theme = next;
    theme.textContent = `Theme: ${next}`;
  });

  const made = Date.parse(byId("generated").dateTime);
  const age = () => {
    const minutes = Math.floor((Date.now() - made) / 60000);
    const words = minutes < 1 ? "just now" : minutes < 60 ? `${minutes} min ago` : minutes < 2880 ? `${Math.floor(minutes / 60)} h ago` : `${Math.floor(minutes / 1440)} d ago`;
    byId("generated-age").textContent = ` · ${words}`;
  };
  if (!Number.isNaN(made)) {
    age();
    setInterval(age, 30000);
  }
})();
