// The API as the page uses it: with the caller's token, and asking for what has changed only.

const KEY = "inventory-token";
/** What was answered, by path: shown again while the answer is "not modified". */
const known = new Map();
let token = sessionStorage.getItem(KEY);

const ROLES = ["public", "viewer", "clerk", "manager", "admin"];
const needed = new Map(
  document
    .querySelector("meta[name=roles]")
    .content.split(" ")
    .map((pair) => pair.split("=")),
);
let role = "public";

/** Whether the caller may do what the operation does. The server decides; the page only does not offer the rest. */
export function may(operation) {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed.get(operation) ?? "admin");
}

/** The API said no; `status` says how. */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem?.detail ?? problem?.error_description ?? `the server answered ${status}`);
    this.status = status;
  }
}

async function send(path, options = {}) {
  const headers = { accept: "application/json", ...options.headers };
  if (token) headers.authorization = `Bearer ${token}`;
  let response;
  try {
    response = await fetch(path, { ...options, headers, cache: "no-store" });
  } catch {
    throw new Refused(0, { detail: "the server cannot be reached" });
  }
  return response;
}

const json = (response) => response.json().catch(() => null);

/** Reads. `changed` is false where the answer is the one from before. */
export async function get(path) {
  const before = known.get(path);
  const response = await send(path, { headers: before ? { "if-none-match": before.etag } : {} });
  if (response.status === 304) return { body: before.body, changed: false };
  const body = await json(response);
  // What says that it is not ready says why.
  if (!response.ok && path !== "/ready") throw new Refused(response.status, body);
  const etag = response.headers.get("etag");
  if (etag) known.set(path, { etag, body });
  return { body, changed: true };
}

/** Does something once, however often the answer is lost on the way. */
export async function post(path, body = {}) {
  const key = crypto.randomUUID?.() ?? [...crypto.getRandomValues(new Uint32Array(4))].join("-");
  const request = {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": `"${key}"` },
    body: JSON.stringify(body),
  };
  let response;
  for (let tries = 3; ; tries -= 1) {
    try {
      response = await send(path, request);
      break;
    } catch (error) {
      if (tries === 1) throw error;
    }
  }
  const answer = await json(response);
  if (!response.ok) throw new Refused(response.status, answer);
  return answer;
}

function claims(text) {
  const part = text.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
  const bytes = Uint8Array.from(atob(part), (letter) => letter.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
}

/** Who the caller is; nobody where somebody has to sign in. */
export async function who() {
  const response = await send("/api/v1/locations?limit=1");
  if (response.status === 401) {
    forget();
    return null;
  }
  if (!response.ok) throw new Refused(response.status, await json(response));
  if (!token) {
    // Work at a desk without accounts: everybody is admin.
    role = "admin";
    return { name: "nobody in particular", role };
  }
  const { sub, role: own, scope } = claims(token);
  role = own ?? scope ?? "viewer";
  return { name: sub, role };
}

/** Signs in with a name and a password. */
export async function signIn(username, password) {
  const body = new URLSearchParams({ grant_type: "password", username, password });
  const response = await fetch("/token", { method: "POST", body, cache: "no-store" });
  const answer = await json(response);
  if (!response.ok) throw new Refused(response.status, answer);
  token = answer.access_token;
  sessionStorage.setItem(KEY, token);
}

/** Forgets the token here; the server forgets it too where it can be told. */
export async function signOut() {
  const body = new URLSearchParams({ token: token ?? "" });
  forget();
  await fetch("/token/revoke", { method: "POST", body }).catch(() => null);
}

function forget() {
  token = null;
  role = "public";
  known.clear();
  sessionStorage.removeItem(KEY);
}
