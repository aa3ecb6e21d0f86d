// Writes the deliveries of the last hours into the spool of the current directory, with the envelopes of real ones.
"use strict";

const crypto = require("node:crypto");
const fs = require("node:fs");

// The same numbers each time, so that the pictures change only with the page.
let seed = 7;
function random() {
  seed = (seed * 48271) % 2147483647;
  return seed / 2147483647;
}

const templates = fs.readdirSync("spool/pix/new").map((name) => {
  const text = fs.readFileSync(`spool/pix/new/${name}`, "utf8");
  const end = text.indexOf("\n");
  return { envelope: JSON.parse(text.slice(0, end)), payload: text.slice(end + 1) };
});

function write(at, number, queue) {
  const { envelope, payload } = templates[random() < 0.7 ? 1 : 0];
  const time = at.toString(16).padStart(12, "0");
  const id = `${time.slice(0, 8)}-${time.slice(8)}-7${number.toString(16).padStart(3, "0")}-8${crypto.randomBytes(8).toString("hex").slice(1, 4)}-${crypto.randomBytes(6).toString("hex")}`;
  const value = (random() * 300 + 5).toFixed(2);
  const body = payload.replace(/"valor": "[0-9.]+"/, `"valor": "${value}"`);
  const digest = crypto.createHash("sha256").update(body).digest("hex");
  const facts = { ...envelope, id, received_at: new Date(at).toISOString().replace("Z", "000Z"),
    payload: { ...envelope.payload, length: Buffer.byteLength(body), sha256: digest } };
  fs.writeFileSync(`spool/pix/${queue}/${id}.hook`, `${JSON.stringify(facts)}\n${body}`);
  return id;
}

let number = 0;
const now = Date.now();
for (let minute = 179; minute > 0; minute -= 1) {
  const busy = 3 + 3 * Math.sin(minute / 25) + (minute > 60 && minute < 70 ? 14 : 0);
  for (let count = Math.floor(busy * random() * 1.6); count > 0; count -= 1) {
    number += 1;
    const at = now - minute * 60_000 - Math.floor(random() * 60_000);
    write(at, number % 4096, minute < 4 ? "new" : "done");
  }
}
for (const [minutes, reason] of [[25, "the application answered 422: `valor` does not match the order"], [95, "the application answered 500"]]) {
  const at = now - minutes * 60_000;
  const id = write(at, 1, "failed");
  const note = { at: new Date(at + 600_000).toISOString(), consumer: "ledger", attempts: 7, reason };
  fs.writeFileSync(`spool/pix/failed/${id}.why`, `${JSON.stringify(note)}\n`);
}
