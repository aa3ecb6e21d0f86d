// An https Agent with key, cert and ca, as in the usual tutorial. Prints the status, or fails.
const fs = require("fs");
const https = require("https");

const [url, file, ca, cert, key] = process.argv.slice(2);
const read = (path) => (path ? fs.readFileSync(path) : undefined);
const agent = new https.Agent({ ca: read(ca), cert: read(cert), key: read(key) });
const request = https.request(url, { method: "POST", agent, headers: { "content-type": "application/json" } }, (answer) => {
  answer.resume();
  answer.on("end", () => console.log(answer.statusCode));
});
request.on("error", (error) => {
  console.error(error.code, error.message);
  process.exit(1);
});
request.end(fs.readFileSync(file));
