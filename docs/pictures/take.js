// Takes the pictures.
"use strict";

const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const { chromium } = require("playwright-core");

const { LINK, OUTPUT } = process.env;
const [WIDE, PHONE] = [{ width: 1100, height: 800 }, { width: 375, height: 740 }];

async function main() {
  const executablePath = execFileSync("sh", ["-c", "command -v chromium"], { encoding: "utf8" }).trim();
  const browser = await chromium.launch({ executablePath, chromiumSandbox: process.getuid() !== 0,
    args: ["--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"] });
  const context = await browser.newContext({ viewport: WIDE, colorScheme: "light", locale: "en", reducedMotion: "reduce" });
  const page = await context.newPage();
  // Chromium writes PNG or JPEG; its canvas also writes WebP, which is a third as large.
  const converter = await context.newPage();
  const webp = (png) => converter.evaluate(async (source) => {
    const image = new Image();
    image.src = source;
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: image.width, height: image.height });
    canvas.getContext("2d").drawImage(image, 0, 0);
    return canvas.toDataURL("image/webp", 0.85).split(",")[1];
  }, `data:image/png;base64,${png.toString("base64")}`);
  await page.goto(LINK);
  await page.waitForURL((url) => !url.search);
  const base = page.url();
  const take = async (name, path, options = {}) => {
    await page.setViewportSize(options.viewport ?? WIDE);
    await page.goto(base + path);
    if (path.startsWith("deliveries")) await page.locator("tr.end").waitFor();
    const png = await page.screenshot({ fullPage: options.isWhole ?? true });
    fs.writeFileSync(`${OUTPUT}/${name}.webp`, Buffer.from(await webp(png), "base64"));
    if (process.env.PNG) fs.writeFileSync(`${OUTPUT}/${name}.png`, png);
  };
  await take("first-screen", "", { isWhole: false });
  await take("now", "");
  await take("now-phone", "", { viewport: PHONE, isWhole: false });
  await take("deliveries", "deliveries", { isWhole: false });
  await page.goto(`${base}deliveries?queue=failed`);
  const failed = await page.locator("#rows a").first().getAttribute("href");
  const entry = failed.slice(failed.indexOf("entry/"));
  await take("entry", entry);
  await take("confirm", `${entry}/requeue`, { isWhole: false });
  await take("refused", "refused");
  await take("senders", "senders");
  // To be looked at, but not in the documents.
  if (process.env.ALL) {
    await take("deliveries-phone", "deliveries?lang=pt", { viewport: PHONE, isWhole: false });
    await take("senders-phone", "senders", { viewport: PHONE });
    await take("refused-phone", "refused", { viewport: PHONE });
    await take("entry-phone", entry, { viewport: PHONE });
    await page.emulateMedia({ colorScheme: "dark" });
    await take("now-dark", "");
  }
  await browser.close();
}

main();
