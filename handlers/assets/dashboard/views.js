// What is shown: each view says which parts of the API it reads, and draws itself from what they said.

import { get, may, post } from "./api.js";
import { chart } from "./chart.js";
import { element, figures, money, number, table, time } from "./dom.js";

/** Everything of a list, up to so many pages of a thousand. */
async function all(path, pages = 5) {
  let [rows, changed] = [[], false];
  for (let page = 0; page < pages; page += 1) {
    const separator = path.includes("?") ? "&" : "?";
    const answer = await get(`${path}${separator}limit=1000&skip=${page * 1000}`);
    rows = rows.concat(answer.body);
    changed ||= answer.changed;
    if (answer.body.length < 1000) break;
  }
  return { body: rows, changed };
}

/** The same of a list that begins with the newest, in the order of time. */
const newest = async (path) => {
  const { body, changed } = await all(path);
  return { body: body.toReversed(), changed };
};

/** A button that does something once and says how it went; nothing where the caller may not. */
function button(operation, text, label, act) {
  if (!may(operation)) return null;
  const made = element("button", { type: "button", "aria-label": label }, text);
  made.addEventListener("click", async () => {
    made.disabled = true;
    const done = await act();
    if (!done) made.disabled = false;
  });
  return made;
}

const link = (row) => element("a", { href: `#/item/${row.stock_item_id ?? row.id}` }, row.sku);

export const views = {
  stock: {
    title: "Low stock",
    read: () => ({
      suggestions: all("/api/v1/replenishment/suggestions"),
      low: all("/api/v1/inventory/low-stock"),
    }),
    draw({ suggestions, low }, page) {
      const why = ({ needs, lead_time_demand: demand, reorder_level: level, position }) =>
        `position ${number(position)} of ${number(level)}: reorder point ${number(needs.reorder_point)}; ` +
        `${number(needs.sold)} sold in ${needs.demand_days} days, so ${number(demand)} until delivery in ${needs.lead_time_days} days, ` +
        `safety stock ${number(needs.safety_stock)}`;
      const order = (row) =>
        button("replenishment_order", "Order", `Order ${row.quantity} of ${row.sku} for ${row.location}`, () =>
          page.act(`Ordered ${row.quantity} of ${row.sku} from ${row.supplier}.`, () =>
            post("/api/v1/replenishment/orders", { items: [{ stock_item_id: row.stock_item_id }], place: true }),
          ),
        );
      const suggested = [
        { name: "SKU", cell: link },
        { name: "Product", cell: (row) => row.name },
        { name: "Location", cell: (row) => row.location },
        { name: "Available", number: true, cell: (row) => number(row.needs.available) },
        { name: "Incoming", number: true, cell: (row) => number(row.needs.incoming) },
        { name: "Why", cell: why },
        { name: "Supplier", cell: (row) => row.supplier },
        { name: "To order", number: true, cell: (row) => number(row.quantity) },
        { name: "Cost", number: true, cell: (row) => money(row.quantity * row.unit_cost_minor, row.currency) },
      ];
      if (may("replenishment_order")) suggested.push({ name: "Action", cell: (row) => order(row) });
      const levels = [
        { name: "SKU", cell: link },
        { name: "Location", cell: (row) => row.location },
        { name: "On hand", number: true, cell: (row) => number(row.quantity) },
        { name: "Reserved", number: true, cell: (row) => number(row.reserved) },
        { name: "Available", number: true, cell: (row) => number(row.available) },
        { name: "Incoming", number: true, cell: (row) => number(row.incoming) },
        { name: "Reorder point", number: true, cell: (row) => number(row.reorder_point) },
      ];
      return [
        element("h2", {}, "Suggested orders"),
        table("Suggested orders", suggested, suggestions, "Nothing has to be ordered."),
        element("h2", {}, "Low stock"),
        table("Stock at or below its reorder point", levels, low, "Nothing is low."),
      ];
    },
  },

  item: {
    title: "Stock",
    read: (id) =>
      id
        ? { item: get(`/api/v1/inventory/${id}`), movements: newest(`/api/v1/inventory/${id}/movements?sort=-id`) }
        : { items: get("/api/v1/inventory?limit=100") },
    draw({ item, movements, items }, page) {
      const search = element("form", { role: "search" });
      const input = element("input", { name: "sku", autocomplete: "off", required: "" });
      search.append(
        element("label", {}, "SKU", input),
        " ",
        element("button", { type: "submit" }, "Show"),
      );
      search.addEventListener("submit", (event) => {
        event.preventDefault();
        page.find(input.value);
      });
      if (!item) {
        const columns = [
          { name: "SKU", cell: link },
          { name: "Location", cell: (row) => row.location },
          { name: "On hand", number: true, cell: (row) => number(row.quantity) },
          { name: "Available", number: true, cell: (row) => number(row.available) },
          { name: "Incoming", number: true, cell: (row) => number(row.incoming) },
        ];
        return [element("h2", {}, "Stock"), search, table("Stock items (the first 100)", columns, items, "There is no stock yet.")];
      }
      const at = movements.map((row) => Date.parse(row.created_at) / 1000);
      const available = movements.map((row) => row.on_hand_after - row.reserved_after);
      const ledger = [
        { name: "Time", cell: (row) => time(row.created_at) },
        { name: "Kind", cell: (row) => row.kind },
        { name: "On hand", number: true, cell: (row) => number(row.on_hand_delta) },
        { name: "Reserved", number: true, cell: (row) => number(row.reserved_delta) },
        { name: "Left on hand", number: true, cell: (row) => number(row.on_hand_after) },
        { name: "Reason", cell: (row) => row.reason ?? "" },
        { name: "Note", cell: (row) => row.note ?? "" },
        { name: "By", cell: (row) => row.actor },
      ];
      return [
        element("h2", {}, `${item.sku}, ${item.location}`),
        search,
        figures([
          ["On hand", number(item.quantity)],
          ["Reserved", number(item.reserved)],
          ["Available", number(item.available), item.available <= item.reorder_point],
          ["Incoming", number(item.incoming)],
          ["Reorder point", number(item.reorder_point)],
        ]),
        chart(
          "Stock over time",
          [
            { name: "On hand", class: "good", stepped: true },
            { name: "Available", class: "accent", stepped: true },
          ],
          [at, movements.map((row) => row.on_hand_after), available],
          number,
        ),
        element("h2", {}, "Movements"),
        table("The newest movements", ledger, movements.slice(-50).reverse(), "Nothing has moved."),
      ];
    },
  },

  orders: {
    title: "Orders",
    read: () => ({ pace: get("/api/v1/orders/pace?minutes=60") }),
    draw({ pace }) {
      const at = pace.map((row) => Date.parse(row.minute) / 1000);
      const last = pace.at(-1) ?? {};
      const seconds = (micros) => (micros === null || micros === undefined ? null : micros / 1e6);
      const inSeconds = (value) => (value === null || value === undefined ? "–" : `${value.toFixed(2)} s`);
      const waiting = pace.reduce((sum, row) => sum + row.placed - row.decided, 0);
      return [
        element("h2", {}, "Orders per minute"),
        figures([
          ["This minute", number(last.placed ?? 0)],
          ["In the last hour", number(pace.reduce((sum, row) => sum + row.placed, 0))],
          ["Waiting for a decision", number(waiting), waiting > 100],
          ["Time to decision", inSeconds(seconds(last.decision_micros_average))],
        ]),
        chart(
          "Orders per minute",
          [
            { name: "Placed", class: "accent" },
            { name: "Decided", class: "good" },
          ],
          [at, pace.map((row) => row.placed), pace.map((row) => row.decided)],
          number,
        ),
        element("h2", {}, "Time to decision"),
        chart(
          "Seconds from placed to decided",
          [
            { name: "Average", class: "accent" },
            { name: "Longest", class: "bad" },
          ],
          [at, pace.map((row) => seconds(row.decision_micros_average)), pace.map((row) => seconds(row.decision_micros_max))],
          inSeconds,
        ),
      ];
    },
  },

  alerts: {
    title: "Alerts",
    read: () => ({ open: all("/api/v1/alerts?status=open"), taken: all("/api/v1/alerts?status=acknowledged") }),
    draw({ open, taken }, page) {
      const acknowledge = (row) =>
        button("alerts_acknowledge", "Acknowledge", `Acknowledge the alert about ${row.sku} at ${row.location}`, () =>
          page.act(`Acknowledged: ${row.sku} at ${row.location}.`, () => post(`/api/v1/alerts/${row.id}/acknowledge`)),
        );
      const columns = [
        { name: "SKU", cell: link },
        { name: "Location", cell: (row) => row.location },
        { name: "Severity", cell: (row) => row.severity },
        { name: "Available", number: true, cell: (row) => number(row.available) },
        { name: "Since", cell: (row) => time(row.raised_at) },
      ];
      const known = [...columns, { name: "Acknowledged by", cell: (row) => row.acknowledged_by ?? "" }];
      if (may("alerts_acknowledge")) columns.push({ name: "Action", cell: acknowledge });
      return [
        element("h2", {}, "Open alerts"),
        table("Open alerts", columns, open, "There are none."),
        element("h2", {}, "Acknowledged alerts"),
        table("Acknowledged alerts", known, taken, "There are none."),
      ];
    },
  },

  parked: {
    title: "Parked messages",
    needs: "parked_list",
    read: () => ({ parked: all("/api/v1/parked", 1) }),
    draw({ parked }, page) {
      const replay = (row) =>
        row.replayed_at
          ? element("span", { class: "quiet" }, `replayed ${time(row.replayed_at)}`)
          : button("parked_replay", "Replay", `Replay message ${row.message_id}`, () =>
              page.act(`Replayed: ${row.message_id}.`, () => post(`/api/v1/parked/${row.id}/replay`)),
            );
      const columns = [
        { name: "Message", cell: (row) => row.message_id },
        { name: "From", cell: (row) => row.source },
        { name: "Reason", cell: (row) => row.reason },
        { name: "Detail", cell: (row) => row.detail },
        { name: "Since", cell: (row) => time(row.parked_at) },
        { name: "Action", cell: replay },
      ];
      return [
        element("h2", {}, "Parked messages"),
        table("Messages that could not be processed", columns, parked, "There are none."),
      ];
    },
  },

  health: {
    title: "Health",
    read: () => ({ ready: get("/ready"), program: get("/health") }),
    draw({ ready, program }) {
      const parts = Object.entries(ready.checks ?? {}).map(([name, check]) => ({ name, ...check }));
      const columns = [
        { name: "Part", cell: (row) => row.name.replaceAll("_", " ") },
        { name: "State", cell: (row) => element("span", { class: row.ok ? "good" : "bad" }, row.ok ? "well" : "away") },
        { name: "Detail", cell: (row) => row.detail ?? "" },
      ];
      return [
        element("h2", {}, "Health"),
        figures([
          ["State", ready.status ?? "unknown", ready.status !== "ready"],
          ["Version", program.version ?? "–"],
        ]),
        table("Health of each part", columns, parts, "Nothing is known."),
      ];
    },
  },
};
