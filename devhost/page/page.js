// The page of devhost: asks for what there is once a second, and shows it. Everything from outside reaches the page as
// text (`textContent`), never as markup: bodies of messages and requests may hold anything.

const POLL_MILLISECONDS = 1000;
const SHOWN_INVOCATIONS = 100;
const SHOWN_MESSAGES = 50;
const STATES = { active: "Active", scheduled: "Scheduled", deferred: "Deferred", deadletter: "Dead letters" };

const byId = (id) => document.getElementById(id);

// An element. Keys of `properties` are properties of the DOM's objects; children are elements or texts.
function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const cell = (...children) => element("td", {}, ...children);
const number = (value) => element("td", { className: "number" }, String(value));

// The id keeps the keyboard's place when what is around the button is made anew.
const button = (id, text, onclick, className = "") =>
  element("button", { type: "button", id, className, textContent: text, onclick });

function time(text) {
  if (!text) return "–";
  const at = new Date(text);
  const today = at.toDateString() === new Date().toDateString();
  const shown = today ? at.toLocaleTimeString("en-GB") : at.toLocaleString("en-GB");
  return element("time", { dateTime: text, title: text, textContent: shown });
}

const milliseconds = (value) => (value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString("en")) + " ms";

// Puts `rows` in place of what is in `parent` where that has changed, without losing the keyboard's place.
const shown = new Map();
function show(parent, data, rows) {
  const key = JSON.stringify(data);
  if (shown.get(parent) === key) return;
  shown.set(parent, key);
  const focused = parent.contains(document.activeElement) ? document.activeElement.id : "";
  parent.replaceChildren(...rows());
  if (focused) byId(focused)?.focus();
}

function note(text, bad = false) {
  byId("note").textContent = text;
  byId("note").className = bad ? "bad" : "good";
}

// Asks one of devhost's own addresses. An answer that is no success is an error that says what the host said.
async function ask(path, method = "GET", body = undefined) {
  const request = { method, cache: "no-store" };
  if (body !== undefined) Object.assign(request, { body, headers: { "Content-Type": "application/json" } });
  const answer = await fetch(`/_devhost/${path}`, request);
  const text = await answer.text();
  let json = null;
  try {
    json = text && JSON.parse(text);
  } catch {
    // Then the text is all there is.
  }
  if (!answer.ok) throw new Error(json?.message ?? (text || `${answer.status} ${answer.statusText}`));
  return json;
}

// What a button does; what goes wrong is said at the top.
const doing = (action) => async (event) => {
  try {
    await action(event);
  } catch (error) {
    note(error.message, true);
  }
};

// An entity's path: its slashes are part of the address.
const entityPath = (name) => `servicebus/${name.split("/").map(encodeURIComponent).join("/")}`;

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function bodyText(body) {
  if (!body) return "(no body)";
  const text = body.text === undefined ? `(base64) ${body.base64}` : pretty(body.text);
  return body.truncated ? `${text}\n… (the beginning of ${body.length} bytes)` : text;
}

// --- What is shown -----------------------------------------------------------------------------------------------------

function showHandler({ handler, problems, baseUrl }) {
  const said = {
    ready: `handler ready · process ${handler.pid} · port ${handler.port} · ${handler.underWay} under way`,
    starting: "handler is starting",
    ended: "handler has ended with exit code 0 and is not started again",
    failed: "handler failed three times; the host starts again",
  };
  byId("handler").textContent = `${said[handler.state] ?? handler.state} · ${baseUrl}`;
  byId("handler").className = handler.state === "ready" ? "good" : "bad";
  byId("problems").hidden = problems.length === 0;
  show(byId("problems"), problems, () =>
    problems.map(({ name, reason }) => element("li", {}, element("code", {}, name), ` does not load: ${reason}`)),
  );
}

function calledBy(f) {
  if (f.trigger.toLowerCase() === "httptrigger") return `${f.methods.join(", ") || "any method"} ${f.route ?? ""}`;
  return f.schedule ?? f.entity ?? f.trigger;
}

function showFunctions(functions) {
  show(byId("functions"), functions, () =>
    functions.map((f) =>
      element(
        "tr",
        {},
        cell(f.name, f.disabled ? element("span", { className: "quiet" }, " (disabled)") : null),
        cell(element("code", {}, calledBy(f))),
        cell(f.disabled ? null : named(button(`run-${f.name}`, "Run", () => openRun(f)), `Run ${f.name}`)),
      ),
    ),
  );
}

function named(made, label) {
  made.setAttribute("aria-label", label);
  return made;
}

function showTimers(timers) {
  show(byId("timers"), timers, () =>
    timers.map((timer) =>
      element(
        "tr",
        {},
        cell(timer.function),
        cell(element("code", {}, timer.schedule)),
        cell(time(timer.last)),
        cell(timer.running ? "running" : time(timer.next)),
        cell(named(button(`fire-${timer.function}`, "Run now", () => fire(timer.function)), `Run ${timer.function} now`)),
      ),
    ),
  );
}

function showQueues(queues) {
  show(byId("queues"), queues, () =>
    queues.map((queue) =>
      element(
        "tr",
        {},
        cell(button(`queue-${queue.name}`, queue.name, () => openMessages(queue.name, "active"), "link")),
        number(queue.active ?? "–"),
        number(queue.scheduled ?? "–"),
        queue.deadLettered
          ? element(
              "td",
              { className: "number" },
              named(
                button(`dead-${queue.name}`, String(queue.deadLettered), () => openMessages(queue.name, "deadletter"), "link bad"),
                `${queue.deadLettered} dead letters of ${queue.name}`,
              ),
            )
          : number(queue.deadLettered ?? "–"),
      ),
    ),
  );
}

function showInvocations(invocations) {
  const words = byId("filter").value.trim().toLowerCase();
  const wanted = invocations.filter(
    (one) => one.function.toLowerCase().includes(words) && (!byId("failed").checked || !one.succeeded || one.status >= 500),
  );
  show(byId("invocations"), wanted, () =>
    wanted.map((one) =>
      element(
        "tr",
        {},
        cell(time(one.ended)),
        cell(button(`call-${one.id}`, one.function, doing(() => openInvocation(one.id)), "link")),
        element("td", { className: one.succeeded ? "good" : "bad" }, outcome(one)),
        number(milliseconds(one.durationMs)),
      ),
    ),
  );
}

const outcome = (one) => (one.succeeded ? `${one.status ?? "succeeded"}` : "failed");

// --- Dialogs -----------------------------------------------------------------------------------------------------------

// What a dialog says while it is open and the world goes on.
let onPoll = null;

function open(title, ...content) {
  onPoll = null;
  byId("dialog-title").textContent = title;
  byId("dialog-content").replaceChildren(...content);
  if (!byId("dialog").open) byId("dialog").showModal();
}

async function openInvocation(id) {
  const one = await ask(`invocations/${encodeURIComponent(id)}`);
  const part = (title, text) => [element("h3", {}, title), element("pre", { tabIndex: 0 }, text)];
  const side = (what) => (what ? `${what.head}\n\n${bodyText(what.body)}` : "(none)");
  open(
    one.function,
    element("p", {}, element("span", { className: one.succeeded ? "good" : "bad" }, outcome(one)), ` after ${milliseconds(one.durationMs)}, ended `, time(one.ended)),
    element("p", { className: "quiet" }, `Invocation ${one.id}`),
    ...(one.error ? part("Error", one.error) : []),
    ...part("Logs", one.logs.join("\n") || "(none)"),
    ...part("Request to the handler", side(one.request)),
    ...part("Reply", side(one.reply)),
  );
}

const fire = (name) =>
  doing(async () => {
    await ask(`functions/${encodeURIComponent(name)}`, "POST", JSON.stringify({ input: "" }));
    note(`${name} was called.`);
    await refresh();
  })();

// As long as the page is open, and nowhere else.
let enteredKey = "";

function openRun(f) {
  const kind = f.trigger.toLowerCase();
  if (kind === "timertrigger") return fire(f.name);
  const http = kind === "httptrigger";
  const sends = Boolean(f.sendsTo) && !f.entity.toLowerCase().endsWith("/$deadletterqueue");
  const method = element("select", {}, ...(f.methods?.length ? f.methods : ["GET", "POST", "PUT", "PATCH", "DELETE"]).map((name) => element("option", {}, name)));
  const path = element("input", { value: samplePath(f.route ?? ""), spellcheck: false });
  const headers = element("input", { value: "Content-Type: application/json", spellcheck: false });
  // Whoever opens the page can be somebody else than the owner of the keys, so it must be entered.
  const key = element("input", { type: "password", autocomplete: "off", value: enteredKey });
  const body = element("textarea", { spellcheck: false, value: sends ? '{\n  "body": {}\n}' : "" });
  const examples = element("select", {}, element("option", { value: "" }, "(none)"));
  const reply = element("pre", { hidden: true, tabIndex: 0, role: "status" });
  const said = (text) => Object.assign(reply, { hidden: false, textContent: text });
  const run = doing(async (event) => {
    event.preventDefault();
    try {
      if (http) {
        if (f.needsKey) enteredKey = key.value;
        said(await request(method.value, path.value, headers.value, body.value, f.needsKey ? key.value : ""));
      } else if (sends) {
        const answer = await ask(entityPath(f.sendsTo), "POST", body.value);
        said(`Sent to ${f.sendsTo}: ${answer.sequenceNumbers.length} message(s).`);
      } else {
        await ask(`functions/${encodeURIComponent(f.name)}`, "POST", JSON.stringify({ input: body.value }));
        said("Called.");
      }
    } catch (error) {
      said(error.message);
    }
    await refresh();
  });
  const label = (text, field) => element("label", {}, text, field);
  const fields = http
    ? [
        label("Method ", method),
        label("Path", path),
        label("Headers, separated by ;", headers),
        ...(f.needsKey ? [label("Key of the function or of the host", key)] : []),
        label("Body", body),
      ]
    : [label(sends ? "Message, or a list of messages" : "Input", body)];
  const choice = element("label", { hidden: true }, "Example ", examples);
  open(
    `Run ${f.name}`,
    element(
      "form",
      { onsubmit: run },
      choice,
      ...fields,
      element("p", { className: "actions" }, element("button", { id: "run" }, http ? "Send request" : sends ? "Send message" : "Call")),
    ),
    reply,
  );
  doing(async () => {
    const known = await ask(`functions/${encodeURIComponent(f.name)}/examples`);
    choice.hidden = known.length === 0;
    examples.append(...known.map(({ name }) => element("option", {}, name)));
    examples.onchange = () => {
      const { content } = known.find(({ name }) => name === examples.value) ?? { content: {} };
      if (http) {
        if (content.method) method.value = content.method;
        if (content.path) path.value = content.path;
        const given = Object.entries(content.headers ?? { "Content-Type": "application/json" });
        headers.value = given.map(([name, value]) => `${name}: ${value}`).join("; ");
        body.value = asText(content.body);
      } else {
        body.value = sends ? JSON.stringify(content, null, 2) : asText(content.input ?? content.body);
      }
    };
  })();
}

const asText = (value) => (value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value, null, 2));

// A path that fits a route, as far as that can be guessed: {id:long} is 1.
const samplePath = (route) =>
  route.replace(/\/?\{(\*{0,2})([^}:=?]+)([^}]*)\}/g, (whole, star, name, rest) => {
    if (rest.endsWith("?")) return "";
    const value = /:guid/.test(rest) ? crypto.randomUUID() : /:(int|long|min|max|range|float|double|decimal)/.test(rest) ? "1" : name;
    return (whole.startsWith("/") ? "/" : "") + value;
  });

async function request(method, path, headers, body, key) {
  const pairs = headers.split(";").filter((pair) => pair.includes(":"));
  const options = { method, redirect: "manual", headers: pairs.map((pair) => [pair.slice(0, pair.indexOf(":")).trim(), pair.slice(pair.indexOf(":") + 1).trim()]) };
  if (key) options.headers.push(["x-functions-key", key]);
  if (!["GET", "HEAD"].includes(method)) options.body = body;
  const began = performance.now();
  // A path of this host, whatever is written.
  const answer = await fetch(new URL(path.startsWith("/") ? `.${path}` : path, `${location.origin}/`), options);
  const text = await answer.text();
  const head = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
  return `${answer.status} ${answer.statusText} after ${milliseconds(performance.now() - began)}\n${head}\n\n${pretty(text)}`;
}

function openMessages(entity, state) {
  const list = element("div");
  const tabs = element(
    "p",
    { className: "actions" },
    ...Object.entries(STATES).map(([key, text]) => {
      const tab = button(`state-${key}`, text, () => openMessages(entity, key));
      tab.setAttribute("aria-pressed", String(key === state));
      return tab;
    }),
  );
  const act = (what) =>
    doing(async () => {
      note(await what());
      await refresh();
    });
  const resubmit = (chosen) => async () => {
    const answer = await ask(`${entityPath(entity)}/resubmit`, "POST", JSON.stringify(chosen));
    return `Resubmitted: ${answer.resubmitted}.`;
  };
  const purge = async () => {
    if (!confirm(`Delete all ${STATES[state].toLowerCase()} messages of ${entity}?`)) return "Nothing is deleted.";
    const { purged } = await ask(`${entityPath(entity)}/messages?state=${state}`, "DELETE");
    return `Deleted: ${purged}.`;
  };
  const all = element(
    "p",
    { className: "actions" },
    state === "deadletter" ? button("resubmit-all", "Resubmit all", act(resubmit({ all: true }))) : null,
    button("purge", "Purge", act(purge)),
  );
  open(entity, tabs, all, list);
  byId(`state-${state}`).focus();
  onPoll = async () => {
    const { messages, total } = await ask(`${entityPath(entity)}/messages?state=${state}&count=${SHOWN_MESSAGES}`);
    const said = total > messages.length ? `The first ${messages.length} of ${total}.` : total ? `${total} in all.` : "There are none.";
    show(list, { messages, total }, () => [element("p", { className: "quiet" }, said), ...messages.map(one)]);
  };
  const one = (message) => {
    const { body, bodyBase64, ...properties } = message;
    return element(
      "article",
      {},
      element("h3", {}, `${message.sequenceNumber} · ${message.messageId}`),
      message.deadLetterReason ? element("p", { className: "bad" }, `${message.deadLetterReason}: ${message.deadLetterErrorDescription ?? ""}`) : null,
      element("pre", { tabIndex: 0 }, bodyBase64 === undefined ? pretty(asText(body)) : `(base64) ${bodyBase64}`),
      element("details", {}, element("summary", {}, "Properties"), element("pre", { tabIndex: 0 }, JSON.stringify(properties, null, 2))),
      state === "deadletter"
        ? element("p", { className: "actions" }, button(`resubmit-${message.sequenceNumber}`, "Resubmit", act(resubmit({ sequenceNumbers: [message.sequenceNumber] }))))
        : null,
    );
  };
  doing(onPoll)();
}

// --- Once a second -----------------------------------------------------------------------------------------------------

async function refresh() {
  const [app, timers, queues, invocations] = await Promise.all([
    ask("app"),
    ask("timers"),
    ask("servicebus"),
    ask(`invocations?count=${SHOWN_INVOCATIONS}`),
  ]);
  showHandler(app);
  showFunctions(app.functions);
  showTimers(timers);
  showQueues(queues);
  showInvocations(invocations);
  if (byId("dialog").open && onPoll) await onPoll();
}

async function poll() {
  if (!document.hidden) {
    try {
      await refresh();
    } catch (error) {
      byId("handler").textContent = `devhost does not answer: ${error.message}`;
      byId("handler").className = "bad";
    }
  }
  setTimeout(poll, POLL_MILLISECONDS);
}

byId("dialog-close").onclick = () => byId("dialog").close();
byId("filter").oninput = byId("failed").onchange = doing(refresh);
poll();
