// A webhook receiver with Koa: mutual TLS, the sender's name, a synced file, 200.
// Environment: PORT, SPOOL, DURABLE (file or full), WORKERS; with CERTS it speaks TLS itself, else
// something in front of it does and has checked the sender.
"use strict";

const cluster = require("node:cluster");
const { SSL_OP_NO_TICKET } = require("node:constants");
const { randomUUID } = require("node:crypto");
const fs = require("node:fs");
const http = require("node:http");
const https = require("node:https");
const path = require("node:path");
const Koa = require("koa");

const { PORT, SPOOL, DURABLE, CERTS, WORKERS } = process.env;
const NEW = path.join(SPOOL, "new");
const TMP = path.join(SPOOL, "tmp");
const MAX_BODY = 1 << 20;

function bodyOf(request) {
    return new Promise((resolve, reject) => {
        const chunks = [];
        let length = 0;
        request.on("data", (chunk) => {
            length += chunk.length;
            if (length > MAX_BODY) reject(Object.assign(new Error("too long"), { status: 413, expose: true }));
            else chunks.push(chunk);
        });
        request.on("end", () => resolve(Buffer.concat(chunks)));
        request.on("error", reject);
    });
}

async function writeSynced(file, body) {
    const handle = await fs.promises.open(file, "wx");
    try {
        await handle.write(body);
        await handle.sync();
    } finally {
        await handle.close();
    }
}

async function store(name, body, folder) {
    if (DURABLE !== "full") return writeSynced(path.join(NEW, name), body);
    await writeSynced(path.join(TMP, name), body);
    await fs.promises.rename(path.join(TMP, name), path.join(NEW, name));
    await folder.sync();
}

async function serve() {
    const folder = await fs.promises.open(NEW, "r"); // kept open, which is cheaper
    const app = new Koa();
    app.use(async (ctx) => {
        if (ctx.method !== "POST" || ctx.path !== "/webhooks/pix") return;
        if (CERTS && ctx.req.socket.sender !== "client") ctx.throw(403);
        const id = randomUUID();
        await store(`${id}.json`, await bodyOf(ctx.req), folder);
        ctx.body = { id };
    });

    const server = CERTS ? https.createServer(tls(), app.callback()) : http.createServer(app.callback());
    // Once a connection, which is cheaper than once a request.
    server.on("secureConnection", (socket) => { socket.sender = socket.getPeerCertificate().subject?.CN; });
    server.keepAliveTimeout = 75_000;
    server.listen(Number(PORT), "127.0.0.1");
}

function tls() {
    const read = (name) => fs.readFileSync(path.join(CERTS, name));
    return {
        cert: read("server.pem"), key: read("server.key"), ca: read("root-ca.pem"),
        requestCert: true, rejectUnauthorized: true, minVersion: "TLSv1.3",
        secureOptions: SSL_OP_NO_TICKET, // every handshake in full, like every other server here
    };
}

if (cluster.isPrimary && Number(WORKERS) > 1) {
    for (let n = 0; n < Number(WORKERS); n += 1) cluster.fork();
} else {
    serve();
}
