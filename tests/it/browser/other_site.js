// A server on another port of 127.0.0.1 and a site with another name, visited from the browser with the session: they
// receive no cookie, read nothing and move nothing, although they know the secret prefix and an ID.
"use strict";

const http = require("node:http");
const { assert, context, facts, fs, open, run } = require("./common.js");

const { id, secret } = facts.more;
const received = [];
const isDone = () => fs.existsSync(`${facts.directory}/spool/pix/done/${id}.hook`);

// A page that has tried everything sets `document.title` to `done`; what it has read is in `results`.
const attack = (page) => `<!doctype html><title>attack</title><body><script type="module">
const page = ${JSON.stringify(page)};
const results = globalThis.results = {};
const attempt = async (name, what) => { try { results[name] = String(await what()); } catch (error) { results[name] = "error: " + error; } };
const load = (name, attribute, url) => attempt(name, () => new Promise((resolve) => {
  const element = document.createElement(name);
  element.onload = () => resolve("loaded: " + (name === "iframe" ? element.contentDocument?.body.innerText : ""));
  element.onerror = () => resolve("refused");
  element[attribute] = url;
  document.body.append(element);
}));
await attempt("fetch", async () => (await fetch(page, { credentials: "include" })).text());
await attempt("opaque", async () => (await fetch(page, { credentials: "include", mode: "no-cors" })).text());
await attempt("post", async () => (await fetch(page + "entry/${id}/requeue", { method: "POST", credentials: "include", mode: "no-cors",
  body: new URLSearchParams({ form_token: globalThis.token ?? "0".repeat(32), from: "done" }) })).text());
await load("iframe", "src", page);
await load("img", "src", page + "entry/${id}/payload");
await load("script", "src", page + "entry/${id}/payload");
await attempt("events", () => new Promise((resolve) => {
  const source = new EventSource(page + "events/now", { withCredentials: true });
  source.onerror = () => { source.close(); resolve("refused"); };
  source.onopen = () => { source.close(); resolve("opened"); };
}));
document.title = "done";
</script>`;

function serve() {
  const server = http.createServer((request, response) => {
    received.push({ url: request.url, cookie: request.headers.cookie, referer: request.headers.referer });
    response.setHeader("content-type", "text/html");
    response.end(attack(facts.page));
  });
  return new Promise((resolve) => { server.listen(0, "127.0.0.1", () => resolve(server)); });
}

// Sends a form from the page, as a user would who clicks a button there.
async function sendForm(page, token, enctype) {
  const answered = page.waitForNavigation();
  await page.evaluate(([action, form_token, type]) => {
    const form = document.createElement("form");
    Object.assign(form, { action, method: "post", enctype: type });
    for (const [name, value] of Object.entries({ form_token, from: "done" })) {
      form.append(Object.assign(document.createElement("input"), { name, value }));
    }
    document.body.append(form);
    form.submit();
  }, [`${facts.page}entry/${id}/requeue`, token, enctype]);
  const status = (await answered).status();
  assert.equal(status, 403);
  assert.ok(isDone());
}

run(async (browser) => {
  const own = await open(browser);
  await own.goto(`${facts.page}entry/${id}`);
  assert.ok((await own.locator("main").innerText()).includes(secret), "the session reads it");
  await own.goto(`${facts.page}entry/${id}/requeue`);
  const token = await own.locator("[name=form_token]").inputValue();
  // A form of the page itself with a guessed token.
  await sendForm(own, "0".repeat(32), "application/x-www-form-urlencoded");

  const server = await serve();
  const { port } = server.address();
  // The attacks cause errors on the console, so these pages have a context of their own, with the same cookie.
  const hostile = await browser.newContext();
  await hostile.addCookies([facts.session]);
  for (const site of [`http://127.0.0.1:${port}`, `http://localhost:${port}`, `http://bank.example:${port}`]) {
    const page = await hostile.newPage();
    for (const path of ["/", "/deliveries", "/entry/"]) await page.goto(site + path);
    await page.waitForFunction(() => document.title === "done");
    const results = await page.evaluate(() => globalThis.results);
    assert.deepEqual(Object.keys(results).sort(), ["events", "fetch", "iframe", "img", "opaque", "post", "script"]);
    for (const [name, result] of Object.entries(results)) {
      assert.ok(/^(error: TypeError|refused|loaded: undefined)/.test(result), `${site} ${name}: ${result}`);
    }
    // A window cannot be read, and is not connected to the page that opened it.
    const [popup] = await Promise.all([hostile.waitForEvent("page"), page.evaluate((url) => { globalThis.popup = window.open(url); }, facts.page)]);
    await popup.waitForLoadState();
    assert.ok(!(await popup.content()).includes(secret));
    assert.match(await popup.locator("h1").innerText(), /No session/);
    assert.equal(await page.evaluate(() => { try { return globalThis.popup.document?.body.innerText; } catch { return undefined; } }), undefined);
    await popup.close();
    // Even with a stolen token, and with each type of form.
    for (const [stolen, type] of [["0".repeat(32), "application/x-www-form-urlencoded"], [token, "application/x-www-form-urlencoded"],
      [token, "text/plain"], [token, "multipart/form-data"]]) {
      await page.goto(site);
      await sendForm(page, stolen, type);
    }
    await page.close();
  }
  assert.ok(received.length > 10);
  assert.deepEqual(received.filter(({ cookie, referer }) => cookie || referer?.includes(facts.page)), []);

  // A name that an attacker directs to 127.0.0.1 (DNS rebinding), with a cookie for it.
  const viewPort = new URL(facts.page).port;
  const rebound = `http://bank.example:${viewPort}${new URL(facts.page).pathname}`;
  await hostile.addCookies([{ name: "hookspool", value: facts.session.value, url: rebound }]);
  const page = await hostile.newPage();
  const refused = await page.goto(rebound);
  assert.deepEqual([refused.status(), (await refused.text()).trim()], [403, "the host must be 127.0.0.1, [::1] or localhost"]);
  await hostile.close();

  // The same form in the page itself moves the entry, so the attacks failed for the right reason.
  await own.goto(`${facts.page}entry/${id}/requeue`);
  await own.getByRole("button", { name: "Requeue" }).click();
  await own.waitForURL(`**/entry/${id}`);
  assert.ok(!isDone());
  server.close();
  server.closeAllConnections();
}, ["--host-resolver-rules=MAP bank.example 127.0.0.1"]);
