// Runs one script in headless Chromium: node run.mjs MODULES CHROMIUM SCRIPT INPUT
//
// SCRIPT is a module whose default export takes {page, browser, input} and returns what the test looks at. The last line
// printed is {"result", "errors"}: what it returned, and everything that a person would find in the browser's console as an
// error or a warning (uncaught exceptions, refused resources, answers of 400 and more).

import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, executablePath, script, input] = process.argv.slice(2);
const load = createRequire(pathToFileURL(resolve(modules) + "/"));
const { default: puppeteer } = await import(pathToFileURL(load.resolve("puppeteer-core")));
const { default: act } = await import(pathToFileURL(resolve(script)));

const browser = await puppeteer.launch({
  executablePath,
  // Through a pipe: however this process ends, the browser ends with it.
  pipe: true,
  // Chromium's sandbox refuses to run as root, as tests in containers do. Nothing but our own pages is opened.
  // And nothing else could be: the internet is behind a proxy that is not there, this machine's own addresses are not.
  args: ["--disable-dev-shm-usage", "--proxy-server=127.0.0.1:9", ...(process.getuid?.() === 0 ? ["--no-sandbox"] : [])],
  defaultViewport: { width: 1280, height: 900 },
});
const errors = [];
let page;
try {
  page = await browser.newPage();
  page.setDefaultTimeout(60_000);
  // The protocol itself, whose events come in order: those of a page are there before the answer to a question about it.
  const session = await page.createCDPSession();
  session.on("Runtime.exceptionThrown", ({ exceptionDetails: thrown }) =>
    errors.push(thrown.exception?.description ?? thrown.text),
  );
  session.on("Runtime.consoleAPICalled", ({ type, args }) => {
    if (["error", "warning", "assert"].includes(type))
      errors.push(`${type}: ${args.map((arg) => arg.value ?? arg.description).join(" ")}`);
  });
  session.on("Log.entryAdded", ({ entry }) => {
    if (["error", "warning"].includes(entry.level)) errors.push(`${entry.level}: ${entry.text} ${entry.url ?? ""}`);
  });
  await session.send("Runtime.enable");
  await session.send("Log.enable");
  const result = await act({ page, browser, input: JSON.parse(input) });
  await session.send("Runtime.evaluate", { expression: "0" });
  console.log(JSON.stringify({ result: result ?? null, errors }));
} catch (error) {
  const seen = await page?.evaluate(() => document.body.innerText).catch(() => "");
  console.error(`${error.stack}\n\nin the console:\n${errors.join("\n")}\n\non the page:\n${seen}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}
