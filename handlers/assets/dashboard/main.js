// The page: who is signed in, which view is shown, and reading again what it shows.

import { Refused, get, may, signIn, signOut, who } from "./api.js";
import { element } from "./dom.js";
import { views } from "./views.js";

const EVERY_MS = 5_000;
const find = (selector) => document.querySelector(selector);
const [view, note, menu, form] = ["#view", "#note", "#views", "#sign-in"].map(find);
let turn = 0;
let timer;

function say(text, isBad = false) {
  note.textContent = text;
  note.className = isBad ? "bad" : "";
}

/** The view in the address: `#/stock`, `#/item/7`. */
function address() {
  const [name, id] = location.hash.replace(/^#\//, "").split("/");
  const known = Object.hasOwn(views, name) && (!views[name].needs || may(views[name].needs));
  return known ? { name, id: /^\d+$/.test(id ?? "") ? id : undefined } : { name: "stock" };
}

/** Reads what the view shows and, where something is new, draws it. */
async function show(isNew) {
  clearTimeout(timer);
  const mine = (turn += 1);
  const { name, id } = address();
  const shown = views[name];
  if (isNew) {
    document.title = `${shown.title} – Inventory`;
    for (const entry of menu.children) {
      if (entry.hash === `#/${name}`) entry.setAttribute("aria-current", "page");
      else entry.removeAttribute("aria-current");
    }
  }
  try {
    const parts = Object.entries(shown.read(id));
    const answers = await Promise.all(parts.map(([, answer]) => answer));
    if (mine !== turn) return;
    if (isNew || answers.some((answer) => answer.changed)) {
      const data = Object.fromEntries(parts.map(([part], index) => [part, answers[index].body]));
      draw(shown.draw(data, page));
    }
    if (note.dataset.away) say("");
    delete note.dataset.away;
  } catch (error) {
    if (mine !== turn) return;
    if (error instanceof Refused && error.status === 401) return start();
    if (!(error instanceof Refused)) throw error;
    note.dataset.away = "yes";
    say(`Not up to date: ${error.message}`, true);
  }
  timer = setTimeout(() => show(false), EVERY_MS);
}

/** Puts a view in place without taking the keyboard's place, what was opened, or what is being written away. */
function draw(parts) {
  const focused = document.activeElement;
  const label = view.contains(focused) ? (focused.getAttribute("aria-label") ?? focused.name) : null;
  const written = focused?.matches?.("#view input") ? focused.value : null;
  const opened = [...view.querySelectorAll("details")].map((details) => details.open);
  view.replaceChildren(...parts.filter(Boolean));
  [...view.querySelectorAll("details")].forEach((details, index) => {
    details.open = opened[index] ?? false;
  });
  if (!label) return;
  const again = [...view.querySelectorAll("[aria-label], [name]")].find(
    (candidate) => (candidate.getAttribute("aria-label") ?? candidate.name) === label,
  );
  if (again) {
    again.focus();
    if (written !== null) again.value = written;
  } else {
    find("#main").focus();
  }
}

/** What views may ask of the page. */
const page = {
  async act(done, work) {
    try {
      await work();
      say(done);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (error.status === 401) {
        await start();
        return false;
      }
      say(error.message, true);
      await show(false);
      return false;
    }
    await show(false);
    return true;
  },
  async find(sku) {
    try {
      const { body } = await get(`/api/v1/inventory?limit=1&sku=${encodeURIComponent(sku)}`);
      if (body.length === 0) say(`There is no stock of ${sku}.`, true);
      else {
        say("");
        location.hash = `#/item/${body[0].id}`;
      }
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      say(error.message, true);
    }
  },
};

/** Asks who is there, and shows the view or the way in. */
async function start() {
  clearTimeout(timer);
  turn += 1;
  let caller;
  try {
    caller = await who();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    say(error.message, true);
    timer = setTimeout(start, EVERY_MS);
    return;
  }
  form.hidden = Boolean(caller);
  menu.hidden = find("#who").hidden = !caller;
  if (!caller) {
    view.replaceChildren();
    form.elements.username.focus();
    return;
  }
  say("");
  find("#name").textContent = `${caller.name} (${caller.role})`;
  const entries = Object.entries(views).filter(([, entry]) => !entry.needs || may(entry.needs));
  menu.replaceChildren(...entries.map(([name, entry]) => element("a", { href: `#/${name}` }, entry.title)));
  await show(true);
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { username, password } = form.elements;
  find("#refused").textContent = "";
  try {
    await signIn(username.value, password.value);
    form.reset();
    await start();
    find("#main").focus();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    find("#refused").textContent = error.message;
  }
});
find("#leave").addEventListener("click", async () => {
  await signOut();
  await start();
});
addEventListener("hashchange", () => show(true).then(() => find("#main").focus()));
// Nobody looks: nothing is asked.
document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : show(false)));
await start();
