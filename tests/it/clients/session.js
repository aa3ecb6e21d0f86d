// Connects with a version of TLS and the session stored in a file, if any, delivers a body and stores
// the new session. Prints the result as JSON.
const fs = require("fs");
const tls = require("tls");

const [port, version, kept, ca, cert, key] = process.argv.slice(2);
const session = fs.existsSync(kept) ? fs.readFileSync(kept) : undefined;
const socket = tls.connect({
  host: "127.0.0.1", port, servername: "localhost", session, minVersion: version, maxVersion: version,
  ca: fs.readFileSync(ca), cert: fs.readFileSync(cert), key: fs.readFileSync(key),
});
const result = { status: null, reused: null, offered: session !== undefined };
let answer = "";
socket.on("session", (fresh) => fs.writeFileSync(kept, fresh));
socket.on("secureConnect", () => {
  result.reused = socket.isSessionReused();
  if (socket.getSession()) fs.writeFileSync(kept, socket.getSession());
  socket.write("POST /webhooks/pix HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}");
});
socket.on("data", (bytes) => (answer += bytes));
socket.on("error", (error) => (result.error = error.code));
socket.on("close", () => {
  const status = answer.match(/^HTTP\/1.1 (\d+)/);
  result.status = status ? Number(status[1]) : null;
  console.log(JSON.stringify(result));
});
