"""Load, latency, CPU and memory of one server that runs alone."""

import http.client
import json
import os
import resource
import socket
import sqlite3
import ssl
import subprocess
import time
from pathlib import Path

from tools import OHA

PATH = "/webhooks/pix"
WARM_UP = 1.0     # seconds of every run that do not count: connections are made, code gets hot
IDLE = 1000       # connections that are held open for the memory
TICK = 1000 / os.sysconf("SC_CLK_TCK")  # milliseconds
JSON_TYPE = {"Content-Type": "application/json"}


def allow_many_files():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


# --- one request at a time: is it a server as it should be, and what do idle connections cost? ---

def context(certs, client="client"):
    made = ssl.create_default_context(cafile=certs / "root-ca.pem")
    if client:
        made.load_cert_chain(certs / f"{client}.pem", certs / f"{client}.key")
    return made


def connect(server, tls, session=None):
    one = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    plain = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    one.sock = tls.wrap_socket(plain, server_hostname="localhost", session=session)
    return one


def post(one, body):
    one.request("POST", PATH, body, JSON_TYPE)
    answer = one.getresponse()
    answer.read()
    return answer.status


def status(server, tls, body):
    try:
        return post(connect(server, tls), body)
    except (OSError, http.client.HTTPException) as refusal:
        return f"{type(refusal).__name__}"


def prove(server, certs, body):
    """Nothing is measured of a server that does less than it has to."""
    def need(holds, what):
        if not holds:
            raise RuntimeError(f"{server.title}: {what}")

    server.empty()
    tls = context(certs)
    one = connect(server, tls)
    need(post(one, body) == 200, "no 200 for the client")
    need(one.sock.version() == "TLSv1.3", "not TLS 1.3")
    again = connect(server, tls, session=one.sock.session)
    need(post(again, body) == 200, "no 200 for a second connection")
    need(not again.sock.session_reused, "it resumed a session")
    entries = list(server.new.iterdir())
    need(len(entries) == 2, f"{len(entries)} files after 2 deliveries")
    for entry in entries:
        need(json.loads(server.payload(entry)) == json.loads(body), "the body is not what was sent")
    for client in ("other", None):
        need(status(server, context(certs, client), body) != 200, f"a 200 for {client or 'no certificate'}")
    need(server.stored() == 2, "it stored what it refused")


def idle_memory(server, certs, body):
    """KiB that the server needs for each connection that has delivered once and is quiet now."""
    server.empty()
    load(server, certs, body, connections=16, seconds=1.0, fresh=False, scratch=server.home)
    time.sleep(1)
    before = memory(server)
    tls, held = context(certs), []
    try:
        for _ in range(IDLE):
            one = connect(server, tls)
            held.append(one)
            if post(one, body) != 200:
                raise RuntimeError(f"{server.title}: no 200 on connection {len(held)}")
        time.sleep(2)
        after = memory(server)
        if post(held[0], body) != 200:
            raise RuntimeError(f"{server.title}: it did not keep the connections")
    finally:
        for one in held:
            one.close()
    return {"kib_per_connection": (after - before) / IDLE, "kib_before": before, "kib_after": after}


# --- load ---

def load(server, certs, body, connections, seconds, fresh, scratch):
    """A run of oha: what it saw between the end of the warm-up and `seconds` later."""
    rows, report, content = scratch / "oha.db", scratch / "oha.json", scratch / "body.json"
    rows.unlink(missing_ok=True)
    content.write_bytes(body)
    command = [
        OHA, "--no-tui", "--output-format", "json", "--output", report, "--db-url", rows,
        "-z", f"{WARM_UP + seconds + 0.2:.1f}s", "-c", connections, "-t", "20s", "--redirect", 0, "--http-version", "1.1",
        *(["--disable-keepalive"] if fresh else []),
        "-m", "POST", "-T", JSON_TYPE["Content-Type"], "-D", content,
        "--cacert", certs / "root-ca.pem", "--cert", certs / "client.pem", "--key", certs / "client.key",
        f"https://127.0.0.1:{server.port}{PATH}",
    ]
    # It also reads the system's CAs, which need not be there.
    environment = os.environ | {"SSL_CERT_FILE": str(certs / "root-ca.pem")}
    with open(scratch / "oha.log", "wb") as log:
        oha = subprocess.Popen([str(word) for word in command], env=environment, stdin=subprocess.DEVNULL,
                               stdout=log, stderr=log)
    try:
        time.sleep(WARM_UP)
        before, began = Ticks(server, oha.pid), time.monotonic()
        time.sleep(seconds)
        after, took = Ticks(server, oha.pid), time.monotonic() - began
        if oha.wait(seconds + 60) != 0:
            raise RuntimeError(f"oha: {(scratch / 'oha.log').read_text()[-500:]}")
    finally:
        oha.kill()
        oha.wait()
    stored = server.stored()
    cpu = TICK * (after.server - before.server)
    cores = {what: max(0, TICK * (getattr(after, what) - getattr(before, what)) / (1000 * took))
             for what in ("server", "load", "elsewhere")}
    with sqlite3.connect(rows) as base:
        answers = base.execute("select start, end, status from oha").fetchall()
    base.close()
    counted = [(start, end) for start, end, code in answers if WARM_UP <= end < WARM_UP + took and code == 200]
    # Those that were under way at the end are no fault of the server's.
    errors = {what: times for what, times in json.loads(report.read_text())["errorDistribution"].items()
              if what != "aborted due to deadline"}
    good = sum(code == 200 for _, _, code in answers)
    # What began before the warm-up was over has a handshake in it, unless every one is to have one.
    waits = sorted(1000 * (end - start) for start, end in counted if fresh or start >= WARM_UP)
    return {
        "connections": connections, "fresh": fresh, "seconds": took, "deliveries": len(counted),
        "per_second": len(counted) / took, "p50_ms": quantile(waits, 0.50), "p99_ms": quantile(waits, 0.99),
        "cpu_ms": cpu / len(counted) if counted else None, "cores": cores,
        "not_200": len(answers) - good, "errors": errors, "lost": max(0, good - stored),
    }


def quantile(ordered, share):
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


# --- what /proc knows of a server's processes ---

def processes(server):
    """Each process in the server's process groups, with the fields of its /proc/PID/stat from the third on."""
    groups = {str(group) for group in server.groups()}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = stat(entry)
            except OSError:
                continue
            if fields[2] in groups:
                yield entry, fields


def stat(process):
    return (process / "stat").read_text().rpartition(")")[2].split()


class Ticks:
    """CPU time until now: of the server, its ended children with it; of the load generator; of everything else."""

    def __init__(self, server, generator):
        self.server = sum(sum(map(int, fields[11:15])) for _, fields in processes(server))
        user, nice, system, _, _, irq, softirq, steal = map(int, Path("/proc/stat").read_text().split()[1:9])
        busy = user + nice + system + irq + softirq + steal
        self.load = sum(map(int, stat(Path(f"/proc/{generator}"))[11:13]))
        self.elsewhere = busy - self.server - self.load


def memory(server):
    """KiB of proportional set size."""
    total = 0
    for entry, _ in processes(server):
        for line in (entry / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total
