// Uses the page as a person does: by what is written on it.

export default async function ({ page, input }) {
  const text = (selector) => page.$eval(selector, (found) => found.textContent);
  const close = () => page.keyboard.press("Escape");
  const open = () => page.waitForSelector("dialog[open]");

  await page.setViewport({ width: 1280, height: 600 });
  await page.goto(input.url);
  await page.waitForFunction(() => document.querySelector("#handler").textContent.includes("handler ready"));
  const problems = await text("#problems");

  // A timer, from the keyboard alone.
  await page.focus("[aria-label='Run things_sweep now']");
  await page.keyboard.press("Enter");
  await page.locator("#invocations ::-p-text(things_sweep)").click();
  await open();
  const timer = await text("#dialog-content");
  await close();

  // A request.
  await page.locator("[aria-label='Run things_list']").click();
  await page.locator("::-p-text(Send request)").click();
  await page.waitForSelector("dialog pre[role=status]:not([hidden])");
  const http = await text("dialog pre[role=status]");
  await close();

  // An example of a message.
  await page.locator("[aria-label='Run things_process']").click();
  await page.waitForSelector("dialog label:not([hidden]) option:nth-child(2)");
  await page.select("dialog label:not([hidden]) select", "normal");
  const example = await page.$eval("dialog textarea", (area) => area.value);
  await close();

  // The dead letter, and another chance for it, which it does not take.
  await page.locator("[aria-label='1 dead letters of things']").click();
  await page.locator("::-p-text(Resubmit all)").wait();
  await page.waitForSelector("dialog article pre");
  const deadLetter = await text("dialog article pre");
  await page.screenshot({ path: input.screenshot.replace(".png", "-dead.png") });
  await page.locator("dialog article ::-p-text(Resubmit)").click();
  await page.waitForFunction(() => document.querySelector("#note").textContent === "Resubmitted: 1.");
  await close();

  await page.locator("#invocations ::-p-text(things_process)").wait();
  await page.screenshot({ path: input.screenshot });
  return { title: await page.title(), problems, timer, http, example, deadLetter };
}
