"""Measures hookspool beside what one would otherwise use. Installs what is missing, builds, measures, prints Markdown."""

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import measure
import report
import tools
from servers import SERVERS

KEPT = [1, 16, 64, 256]
FRESH = 16
HOT = 2.0  # seconds of load that do not count: Node wants to have compiled what it runs


def options():
    def known(text):
        names = text.split(",")
        if unknown := set(names) - set(SERVERS):
            raise argparse.ArgumentTypeError(f"not {', '.join(unknown)}: choose from {', '.join(SERVERS)}")
        return names

    def numbers(text):
        return [int(number) for number in text.split(",")]

    choose = argparse.ArgumentParser(description=__doc__)
    choose.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds over all servers (default 5)")
    choose.add_argument("--seconds", type=float, default=4, metavar="N", help="measured at each point (default 4)")
    choose.add_argument("--durable", choices=["file", "full"], default="file",
                        help="what a peer does before its 200: fsync the file (default), or also rename and fsync the "
                             "directory; hookspool always does all of it")
    choose.add_argument("--only", type=known, default=list(SERVERS), metavar="NAMES", help=f"of {','.join(SERVERS)}")
    choose.add_argument("--connections", type=numbers, default=KEPT, metavar="NUMBERS",
                        help=f"kept connections (default {','.join(map(str, KEPT))})")
    choose.add_argument("--no-new", action="store_true", help="leave out the new connection for each request")
    choose.add_argument("--no-memory", action="store_true", help="leave out the memory of idle connections")
    choose.add_argument("--dir", type=Path, metavar="DIR", help="where spools go (default: beneath the target folder)")
    choose.add_argument("--json", type=Path, metavar="FILE", help="write every round there too")
    return choose.parse_args()


def pix(size=921):
    """Two of the samples in one body, filled up to 0.9 KiB."""
    samples = [tools.ROOT / "tests" / "samples" / name for name in ("02-pix-varios.json", "01-pix-recebido.json")]
    body = {"pix": [pix for sample in samples for pix in json.loads(sample.read_text())["pix"]]}
    spell = lambda: json.dumps(body, ensure_ascii=False, indent=1).encode()
    body["pix"][-1]["infoPagador"] += "." * (size - len(spell()))
    return spell()


def machine(folder):
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    device, file_system = tools.version(["df", "--output=source,fstype", folder]).split()
    journal = Path("/proc/fs/jbd2").glob(f"{Path(device).resolve().name}-*")
    if file_system == "ext4" and not any(journal):
        file_system += " without a journal"
    return f"{os.cpu_count()} cores of {model}, Linux {platform.release()}, {file_system}"


def need_room(chosen, folder):
    """Nothing is deleted before the end, see Server.empty: a block for each delivery, five thousand a second."""
    points = len(chosen.connections) + 1
    need = 4096 * 5000 * (chosen.seconds + 1) * points * len(chosen.only) * chosen.rounds
    if shutil.disk_usage(folder).free < need + (1 << 30):
        sys.exit(f"benches/peers: {folder} needs {need / 1e9 + 1:.0f} GB free: choose another --dir, or fewer --rounds")


def main():
    chosen = options()
    tools.install()
    tools.build()
    measure.allow_many_files()
    folder = chosen.dir or tools.TARGET
    folder.mkdir(parents=True, exist_ok=True)
    need_room(chosen, folder)
    scratch = Path(tempfile.mkdtemp(prefix="peers-", dir=folder.resolve()))
    try:
        run(chosen, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def run(chosen, scratch):
    certs, body = scratch / "certs", pix()
    tools.certificates(certs)
    about = {
        "durable": chosen.durable, "rounds": chosen.rounds, "seconds": chosen.seconds, "bytes": len(body),
        "machine": machine(scratch), "versions": tools.versions(),
    }
    points = [(count, False) for count in chosen.connections] + ([] if chosen.no_new else [(FRESH, True)])
    records, memory = [], []

    def started(name, what):
        return SERVERS[name](scratch / f"{name}-{what}", certs, chosen.durable)

    for number in range(1, chosen.rounds + 1):
        # Every other round the other way round, against whatever drifts.
        for name in chosen.only if number % 2 else reversed(chosen.only):
            with started(name, f"load-{number}") as server:
                measure.prove(server, certs, body)
                measure.load(server, certs, body, FRESH, HOT, False, scratch)
                for count, fresh in points:
                    server.empty()
                    found = measure.load(server, certs, body, count, chosen.seconds, fresh, scratch)
                    records.append({"round": number, "server": name} | found)
                    tools.say(f"round {number}: {name}, {count}{' new' if fresh else ''}: {found['per_second']:.0f}/s"
                              + ", cores: " + ", ".join(f"{what} {busy:.2f}" for what, busy in found["cores"].items()))
            if not chosen.no_memory:
                with started(name, f"memory-{number}") as server:
                    found = measure.idle_memory(server, certs, body)
                    memory.append({"round": number, "server": name} | found)
                    tools.say(f"round {number}: {name}: {found['kib_per_connection']:.1f} KiB a connection")
            if chosen.json:
                chosen.json.write_text(json.dumps({"about": about, "records": records, "memory": memory}, indent=1) + "\n")
    print(report.tables(about, records, memory))
    if any(record["not_200"] or record["errors"] or record["lost"] or not record["deliveries"] for record in records):
        sys.exit("benches/peers: see FAULTS above: these numbers are worth nothing")


def start():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("benches/peers: told to stop"))
    try:
        main()
    except (RuntimeError, OSError, subprocess.SubprocessError) as failure:
        sys.exit(f"benches/peers: {failure}")
    except KeyboardInterrupt:
        sys.exit("benches/peers: told to stop")
