"""The daemon and its peers: how each is started, where it listens, where it keeps what it got."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

from tools import GO_PEER, HERE, HOOKSPOOL, KOA

READY_WITHIN = 20  # seconds


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait_for(what, ready):
    until = time.monotonic() + READY_WITHIN
    while not ready():
        if time.monotonic() > until:
            raise RuntimeError(f"{what} does not get ready")
        time.sleep(0.05)


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


class Server:
    """One of them while it runs; every process it has is in a process group that this one leads."""

    title = ""

    def __init__(self, home, certs, durable):
        self.home, self.certs, self.durable = home, certs, durable
        self.port, self.processes = free_port(), []
        self.spool = home / "spool"
        self.new = self.spool / "new"

    def __enter__(self):
        self.home.mkdir(parents=True)
        for folder in (self.spool / "tmp", self.new):
            folder.mkdir(parents=True)
        try:
            self.start()
            wait_for(self.title, lambda: listens(self.port))
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        raise NotImplementedError

    def spawn(self, *command, **variables):
        # No log of accesses from the peers; what else they say goes beside their spool.
        with open(self.home / "log", "ab") as log:
            self.processes.append(subprocess.Popen(
                [str(word) for word in command], cwd=self.home, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, env=os.environ | {name: str(value) for name, value in variables.items()}))

    def stop(self):
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                pass
            try:
                os.killpg(process.pid, signal.SIGKILL)  # our own group: what of it is left
            except ProcessLookupError:
                pass
            process.wait()
        self.processes = []

    def empty(self):
        """Moves aside what was stored. Deleting it would slow what follows: ext4 is long in using an inode again."""
        aside = self.home / "aside" / str(time.monotonic_ns())
        aside.mkdir(parents=True)
        for entry in os.scandir(self.new):
            os.rename(entry.path, aside / entry.name)
        subprocess.run(["sync", "-f", self.home], check=True, timeout=120)

    def stored(self):
        return sum(1 for _ in os.scandir(self.new))

    def payload(self, entry):
        return entry.read_bytes()

    def groups(self):
        return {process.pid for process in self.processes}

    # What the peers are made of.

    def start_koa(self, port, **variables):
        # As many workers and file threads as do it good.
        self.spawn("node", KOA / "server.js", PORT=port, SPOOL=self.spool, DURABLE=self.durable, NODE_ENV="production",
                   WORKERS=os.cpu_count(), UV_THREADPOOL_SIZE=32, **variables)

    def start_nginx(self, behind, path=""):
        wait_for("what is behind nginx", lambda: listens(behind))
        written = fill(HERE / "nginx" / "nginx.conf.in", self.home / "nginx.conf", HOME=self.home, PORT=self.port,
                       CERTS=self.certs, BEHIND=behind, PATH=path)
        self.spawn("nginx", "-p", self.home, "-c", written, "-e", self.home / "nginx.log")


def fill(template, file, **values):
    text = template.read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    file.write_text(text)
    return file


class Hookspool(Server):
    title = "hookspool"

    def start(self):
        self.spool = self.home / "hookspool"
        self.new = self.spool / "pix" / "new"
        self.admin = free_port()
        config = fill(HERE / "webhooks.toml.in", self.home / "webhooks.toml",
                      PORT=self.port, ADMIN=self.admin, CERTS=self.certs, SPOOL=self.spool)
        # Its log has a line for each delivery, and it keeps that.
        self.spawn(HOOKSPOOL, "run", "--config", config)
        wait_for(self.title, self.ready)

    def ready(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/readyz", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def payload(self, entry):
        return entry.read_bytes().partition(b"\n")[2]


class Koa(Server):
    title = "koa"

    def start(self):
        self.start_koa(self.port, CERTS=self.certs)


class NginxKoa(Server):
    title = "nginx + koa"

    def start(self):
        behind = free_port()
        self.start_koa(behind)
        self.start_nginx(behind)


class Go(Server):
    title = "go"

    def start(self):
        self.spawn(GO_PEER, PORT=self.port, SPOOL=self.spool, DURABLE=self.durable, CERTS=self.certs)


class NginxWebhook(Server):
    title = "nginx + webhook"

    def start(self):
        behind = free_port()
        hooks = fill(HERE / "webhook" / "hooks.json.in", self.home / "hooks.json", HERE=HERE)
        self.spawn("webhook", "-hooks", hooks, "-ip", "127.0.0.1", "-port", behind,
                   SPOOL=self.spool, DURABLE=self.durable)
        self.start_nginx(behind, path="/hooks/pix")

    def payload(self, entry):
        # It hands on what it has parsed, with the keys in an order of its own.
        return json.dumps(json.loads(entry.read_bytes())).encode()


SERVERS = {"hookspool": Hookspool, "koa": Koa, "nginx-koa": NginxKoa, "go": Go, "nginx-webhook": NginxWebhook}
