// A function that wants no key, and one that does.

export default async function ({ page, input }) {
  const answer = async () => {
    await page.locator("::-p-text(Send request)").click();
    await page.waitForFunction(() => /^\d{3} /.test(document.querySelector("dialog pre[role=status]")?.textContent ?? ""));
    return page.$eval("dialog pre[role=status]", (found) => found.textContent);
  };
  await page.goto(input.url);
  await page.locator("[aria-label='Run open']").click();
  await page.waitForSelector("dialog[open]");
  const asked = (await page.$("dialog input[type=password]")) !== null;
  const open = await answer();
  await page.keyboard.press("Escape");
  await page.locator("[aria-label='Run locked']").click();
  await page.locator("dialog input[type=password]").fill(input.key);
  return { asked, open, locked: await answer() };
}
