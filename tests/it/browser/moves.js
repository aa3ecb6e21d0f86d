// An entry is requeued with a confirmation: with the mouse, with the keyboard alone, and without scripts, in both languages.
"use strict";

const { assert, context, facts, fs, open, run } = require("./common.js");

const WORDS = {
  en: { requeue: "Requeue", cancel: "Cancel", question: "Return this entry to the queue?", waiting: "waiting", show: "Show" },
  pt: { requeue: "Devolver à fila", cancel: "Cancelar", question: "Devolver esta entrega à fila?", waiting: "em espera", show: "Mostrar" },
};
const inQueue = (queue, id) => fs.existsSync(`${facts.directory}/spool/pix/${queue}/${id}.hook`);

async function withMouse(page, id, words) {
  await page.goto(`${facts.page}entry/${id}`);
  for (const answer of [words.cancel, words.requeue]) {
    await page.getByRole("link", { name: words.requeue }).click();
    assert.ok((await page.locator("main").innerText()).includes(words.question));
    assert.ok(inQueue("done", id));
    await page.getByRole(answer === words.cancel ? "link" : "button", { name: answer }).click();
    await page.waitForURL(`**/entry/${id}`);
  }
  assert.ok((await page.locator("dl").first().innerText()).includes(words.waiting));
  assert.ok(inQueue("new", id) && !inQueue("done", id));
}

// Presses Tab until an element with this text has the focus; returns the texts of all that had it.
async function tabTo(page, text) {
  const seen = [];
  while (seen.at(-1) !== text) {
    assert.ok(seen.length < 100, `${text} is not among ${seen}`);
    await page.keyboard.press("Tab");
    seen.push(await page.evaluate(() => document.activeElement.textContent.trim()));
  }
  return seen;
}

async function withKeyboard(page, id, words) {
  await page.goto(`${facts.page}deliveries`);
  // The first element leads to the content.
  await page.keyboard.press("Tab");
  assert.ok(await page.locator("a.skip").evaluate((link) => link === document.activeElement && link.getBoundingClientRect().left >= 0));
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.name), "q");
  // Tab reaches everything that the mouse reaches.
  await page.goto(`${facts.page}deliveries`);
  const all = await page.locator("a, button, input, select, [tabindex='0']").evaluateAll((found) => {
    const visible = found.filter((it) => it.checkVisibility());
    visible.forEach((it, index) => { it.dataset.number = index; });
    return visible.length;
  });
  const reached = new Set();
  for (let presses = 0; presses < 2 * all + 10; presses += 1) {
    await page.keyboard.press("Tab");
    reached.add(await page.evaluate(() => document.activeElement.dataset.number));
  }
  reached.delete(undefined);
  assert.equal(reached.size, all);

  await page.goto(`${facts.page}deliveries`);
  await tabTo(page, await page.locator(`tr[data-id="${id}"] a`).innerText());
  await page.keyboard.press("Enter");
  await page.waitForURL(`**/entry/${id}`);
  await tabTo(page, words.requeue);
  await page.keyboard.press("Enter");
  await page.waitForURL("**/requeue");
  await tabTo(page, words.requeue);
  await page.keyboard.press("Enter");
  await page.waitForURL(`**/entry/${id}`);
  assert.ok(inQueue("new", id));
}

async function withoutScripts(page, id, words) {
  await page.goto(`${facts.page}deliveries`);
  assert.ok(await page.locator("#rows tr[data-id]").count() > 2);
  await page.getByRole("searchbox").fill(facts.more.payloads[id]);
  await page.getByRole("button", { name: words.show }).click();
  await page.locator("tr.end").waitFor();
  assert.equal(await page.locator("#rows tr[data-id]").count(), 1);
  assert.equal(await page.locator("button:visible").count(), 1, "no button that needs scripts");
  await page.locator("#rows tr[data-id] a").click();
  await page.waitForURL(`**/entry/${id}`);
  await page.getByRole("link", { name: words.requeue }).click();
  await page.getByRole("button", { name: words.requeue }).click();
  await page.waitForURL(`**/entry/${id}`);
  assert.ok(inQueue("new", id));
}

run(async (browser) => {
  const page = await open(browser);
  const ids = [...facts.more.ids];
  for (const language of ["en", "pt"]) {
    const words = WORDS[language];
    await page.goto(`${facts.page}?lang=${language}`);
    await withMouse(page, ids.pop(), words);
    await withKeyboard(page, ids.pop(), words);
    // The language of the browser.
    const locale = { en: "en-GB", pt: "pt-BR" }[language];
    const plain = await (await context(browser, { javaScriptEnabled: false, locale })).newPage();
    await withoutScripts(plain, ids.pop(), words);
    assert.equal(await plain.locator("html").getAttribute("lang"), language);
  }
  // The choice of a language stays, and every page links to the other one.
  await page.goto(`${facts.page}deliveries?queue=new`);
  assert.equal(await page.locator("html").getAttribute("lang"), "pt");
  await page.getByRole("link", { name: "English" }).click();
  await page.waitForURL(/queue=new&lang=en/);
  assert.equal(await page.locator("html").getAttribute("lang"), "en");
});
