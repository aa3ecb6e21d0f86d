// Connects over a version of TLS with a session kept in a file, if there is one, delivers a body,
// and keeps whatever session the server gives. Prints what came of it as JSON.
const fs = require("fs");
const tls = require("tls");

const [port, version, kept, ca, cert, key] = process.argv.slice(2);
const session = fs.existsSync(kept) ? fs.readFileSync(kept) : undefined;
const socket = tls.connect({
  host: "127.0.0.1", port, servername: "localhost", session, minVersion: version, maxVersion: version,
  ca: fs.readFileSync(ca), cert: fs.readFileSync(cert), key: fs.readFileSync(key),
});
const seen = { status: null, reused: null, offered: session !== undefined };
let answer = "";
socket.on("session", (fresh) => fs.writeFileSync(kept, fresh));
socket.on("secureConnect", () => {
  seen.reused = socket.isSessionReused();
  if (socket.getSession()) fs.writeFileSync(kept, socket.getSession());
  socket.write("POST /webhooks/pix HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}");
});
socket.on("data", (bytes) => (answer += bytes));
socket.on("error", (error) => (seen.error = error.code));
socket.on("close", () => {
  const status = answer.match(/^HTTP\/1.1 (\d+)/);
  seen.status = status ? Number(status[1]) : null;
  console.log(JSON.stringify(seen));
});
