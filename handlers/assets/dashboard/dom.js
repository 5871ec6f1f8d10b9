// Small things to build a page with. Text is text: nothing that comes from the API is ever read as HTML.

export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key === "class") made.className = value;
    else if (value !== undefined && value !== null) made.setAttribute(key, value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

/** A table that a phone shows as cards. Columns: {name, number?, cell(row)}. */
export function table(caption, columns, rows, empty) {
  if (rows.length === 0) return element("p", { class: "quiet" }, empty);
  const numeric = (column) => (column.number ? "number" : undefined);
  const head = columns.map((column) => element("th", { scope: "col", class: numeric(column) ?? "" }, column.name));
  const body = rows.map((row) =>
    element(
      "tr",
      {},
      columns.map((column) =>
        element("td", { class: numeric(column) ?? "", "data-label": column.name }, column.cell(row)),
      ),
    ),
  );
  return element(
    "div",
    { class: "wide", tabindex: "0", role: "region", "aria-label": caption },
    element(
      "table",
      {},
      element("caption", {}, caption),
      element("thead", {}, element("tr", {}, head)),
      element("tbody", {}, body),
    ),
  );
}

/** Figures in boxes: [name, value, bad?]. */
export function figures(list) {
  return element(
    "ul",
    { class: "figures" },
    list.map(([name, value, bad]) => element("li", { class: bad ? "bad" : "" }, name, element("b", {}, value))),
  );
}

export const number = (value) => (value === null || value === undefined ? "–" : Number(value).toLocaleString());

export const time = (text) => (text ? new Date(text).toLocaleString() : "–");

export const money = (minor, currency) =>
  (minor / 100).toLocaleString(undefined, { style: "currency", currency });
