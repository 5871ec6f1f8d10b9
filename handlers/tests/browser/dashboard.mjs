// Uses the dashboard as people do: signs in, reads, clicks what is written on buttons.

import { readFileSync } from "node:fs";
import { join } from "node:path";

export default async function ({ page, input }) {
  const axe = readFileSync(input.axe, "utf8");
  const faults = [];
  const elsewhere = [];
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(new URL(input.url).origin) && !url.startsWith("data:")) elsewhere.push(url);
  });
  const text = (selector) => page.$eval(selector, (found) => found.textContent);
  const note = (expected) =>
    page.waitForFunction((wanted) => document.querySelector("#note").textContent.startsWith(wanted), {}, expected);
  const look = async (name) => {
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
    for (const { id, nodes } of violations) faults.push(`${name}: ${id}: ${nodes.map((node) => node.html).join(" | ").slice(0, 300)}`);
    await page.screenshot({ path: join(input.screenshots, `${name}.png`) });
  };
  const signIn = async (name, password = input.password) => {
    await page.waitForSelector("#sign-in:not([hidden])");
    await page.locator("[name=username]").fill(name);
    await page.locator("[name=password]").fill(password);
    await page.keyboard.press("Enter");
  };
  const signOut = async () => {
    await page.click("#leave");
    await page.waitForSelector("#sign-in:not([hidden])");
  };
  const open = async (title, heading) => {
    // The links are made anew with each sign-in: the one that is there is taken at once.
    await page.waitForSelector("nav:not([hidden]) a");
    await page.evaluate(
      (wanted) => [...document.querySelectorAll("nav a")].find((link) => link.textContent === wanted).click(),
      title,
    );
    await page.waitForFunction(
      (wanted) => document.querySelector("#view h2")?.textContent === wanted,
      {},
      heading,
    );
  };
  const views = () => page.$$eval("nav a", (links) => links.map((link) => link.textContent));
  const buttons = () => page.$$eval("#view button:not([type=submit])", (all) => all.map((one) => one.getAttribute("aria-label")));

  await page.goto(input.url);
  await signIn("viewer", "not the password");
  await page.waitForFunction(() => document.querySelector("#refused").textContent !== "");
  const refused = await text("#refused");
  await look("sign-in");

  await signIn("viewer");
  await page.waitForSelector("#view table");
  const viewer = { views: await views(), buttons: await buttons() };
  await open("Alerts", "Open alerts");
  viewer.buttons.push(...(await buttons()));
  await signOut();

  await signIn("manager");
  await open("Low stock", "Suggested orders");
  await page.waitForSelector("#view table");
  const manager = { views: await views(), buttons: await buttons(), stock: await text("#view") };
  await look("low-stock");
  await page.click("#view button");
  await note("Ordered");
  manager.note = await text("#note");
  await page.waitForFunction(() => document.querySelector("#view").textContent.includes("Nothing has to be ordered."));
  manager.left = await buttons();
  await open("Stock", "Stock");
  await page.locator("[name=sku]").fill("TEA-GREEN");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#view canvas");
  manager.figures = await text("#view .figures");
  await look("item");
  await open("Orders", "Orders per minute");
  await page.waitForSelector("#view canvas");
  await look("orders");
  await open("Alerts", "Open alerts");
  manager.alerts = await text("#view");
  await look("alerts");
  await page.click("#view button");
  await note("Acknowledged");
  manager.acknowledged = await text("#note");
  await signOut();

  await signIn("admin");
  await open("Parked messages", "Parked messages");
  await page.waitForSelector("#view table");
  const admin = { parked: await text("#view") };
  await look("parked");
  await page.click("#view button");
  await note("Replayed");
  admin.replayed = await text("#note");
  // With the keyboard alone, on a phone.
  await page.setViewport({ width: 390, height: 844 });
  await page.reload();
  await page.waitForSelector("nav a");
  for (let presses = 0; presses < 20; presses += 1) {
    await page.keyboard.press("Tab");
    if ((await page.evaluate(() => document.activeElement.textContent)) === "Health") break;
  }
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector("#view h2")?.textContent === "Health");
  await page.waitForSelector("#view table");
  admin.keyboard = await page.evaluate(() => document.activeElement.id === "main");
  admin.health = await text("#view");
  await look("phone");
  const overflows = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  if (overflows) faults.push("phone: wider than the screen");
  return { refused, viewer, manager, admin, faults, elsewhere };
}
