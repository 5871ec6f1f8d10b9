// Reads the documentation as people do: opens both pages, signs in, and tries an operation out.

export default async function ({ page, input }) {
  const elsewhere = [];
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(input.url) && !url.startsWith("data:") && !url.startsWith("blob:")) elsewhere.push(url);
  });
  const seen = {};

  await page.goto(`${input.url}/docs`);
  await page.waitForSelector(".opblock");

  // The page holds only what is on the screen: whoever looks for something scrolls. Half a screen down; false at the end.
  const further = () =>
    page.evaluate(async () => {
      const end = document.documentElement.scrollHeight - window.innerHeight - 1;
      if (window.scrollY >= end) return false;
      window.scrollBy(0, window.innerHeight / 2);
      const drawn = () => new Promise((done) => requestAnimationFrame(done));
      await drawn();
      await drawn();
      return true;
    });
  const operations = new Set();
  do {
    for (const id of await page.$$eval(".opblock", (blocks) => blocks.map((block) => block.id))) operations.add(id);
  } while (await further());
  seen.operations = operations.size;
  await page.evaluate(() => window.scrollTo(0, 0));

  // Signs in with a user's password, as with any OAuth 2.0 client.
  await page.click(".btn.authorize");
  const form = await page.waitForSelector("::-p-xpath(//div[contains(@class, 'auth-container')][.//*[@id='oauth_username']])");
  await (await form.$("#oauth_username")).type(input.user);
  await (await form.$("#oauth_password")).type(input.password);
  await (await form.$("button.authorize")).click();
  await page.waitForFunction(() => document.querySelector(".auth-container .authorize-wrapper, .auth-btn-wrapper")?.closest(".modal-ux").textContent.includes("Logout"));
  await page.click(".btn-done");

  const tryOut = async (name, tag) => {
    const block = `#operations-${tag}-${name}`;
    while (!(await page.$(block))) if (!(await further())) throw new Error(`there is no ${block}`);
    await page.click(`${block} .opblock-summary-control`);
    await (await page.waitForSelector(`${block} .try-out__btn`)).click();
    await (await page.waitForSelector(`${block} .execute`)).click();
    const status = await page.waitForSelector(`${block} .live-responses-table .response .response-col_status`);
    return {
      status: await status.evaluate((cell) => cell.textContent.trim()),
      body: await page.$eval(`${block} .live-responses-table .response .response-col_description`, (cell) => cell.textContent),
      curl: await page.$eval(`${block} .curl-command`, (command) => command.textContent),
    };
  };
  seen.created = await tryOut("products_create", "products");
  seen.listed = await tryOut("locations_list", "locations");

  await page.goto(`${input.url}/redoc`);
  await page.waitForFunction(() => document.querySelector("h1")?.textContent.includes("Inventory"));
  await page.waitForFunction((wanted) => document.body.textContent.includes(wanted), {}, "Adds a product to the catalogue.");
  seen.sections = await page.$$eval("[id^='tag/'][id*='/operation/']", (sections) => sections.length);
  return { ...seen, elsewhere };
}
