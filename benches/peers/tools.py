"""What has to be there before anything is measured: Debian's packages, the load generator, the builds."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
TOOLS = TARGET / "peers-tools"
HOOKSPOOL = TARGET / "dist" / "hookspool"
OHA = TOOLS / "bin" / "oha"
OHA_VERSION = "1.16.0"
GO_PEER = TOOLS / "go-peer"
KOA = TOOLS / "koa"

# Debian keeps servers where not every user looks.
os.environ["PATH"] += ":/usr/sbin"

# command: Debian package that has it
NEEDED = {"cc": "gcc", "go": "golang-go", "nginx": "nginx", "node": "nodejs", "npm": "npm", "webhook": "webhook"}


def say(*words):
    print("benches/peers:", *words, file=sys.stderr, flush=True)


def do(*command, minutes=10, **options):
    """Runs a command that has to succeed; what it prints goes to standard error."""
    options = {"stdin": subprocess.DEVNULL, "stdout": sys.stderr} | options
    subprocess.run([str(word) for word in command], check=True, timeout=60 * minutes, **options)


def certificates(folder):
    """A throwaway PKI: a server, the client that may, another that may not."""
    do(HOOKSPOOL, "certs", "init", "--dir", folder, "--host", "localhost", "--client", "client", "--client", "other",
       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def install():
    missing = [package for command, package in NEEDED.items() if not shutil.which(command)]
    if not missing:
        return
    say("installing", *missing)
    if not shutil.which("apt-get"):
        sys.exit(f"benches/peers: this is not Debian: install {' '.join(missing)} yourself, and run again")
    as_root = [] if os.geteuid() == 0 else ["sudo"]
    # Debian starts what it installs, unless this script says no (invoke-rc.d(8)).
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        subprocess.run([*as_root, "tee", policy], input=b"#!/bin/sh\nexit 101\n", stdout=subprocess.DEVNULL, check=True)
        do(*as_root, "chmod", "0755", policy)
    try:
        do(*as_root, "apt-get", "update", "-qq")
        do(*as_root, "env", "DEBIAN_FRONTEND=noninteractive",
           "apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing)
    finally:
        if ours:
            do(*as_root, "rm", "-f", policy)


def build():
    TOOLS.mkdir(parents=True, exist_ok=True)
    say("building hookspool")
    do("cargo", "build", "--profile", "dist", "--locked", "--quiet", cwd=ROOT, minutes=30)
    if version([OHA, "--version"]) != f"oha {OHA_VERSION}":
        say("building oha, the load generator, once")
        do("cargo", "install", "oha", "--version", OHA_VERSION, "--locked", "--quiet", "--no-default-features",
           "--features", "rustls", "--root", TOOLS, "--target-dir", TOOLS / "build", cwd=ROOT, minutes=60)
        shutil.rmtree(TOOLS / "build")
    do("go", "build", "-o", GO_PEER, ".", cwd=HERE / "go")
    shutil.copytree(HERE / "koa", KOA, dirs_exist_ok=True)
    if not (KOA / "node_modules" / "koa").exists():
        do("npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error", cwd=KOA)


def version(command):
    """The last line a program says of itself, wherever it says it."""
    try:
        said = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=20)
        return (said.stdout + said.stderr).strip().splitlines()[-1]
    except (OSError, IndexError, subprocess.TimeoutExpired):
        return ""


def versions():
    koa = json.loads((KOA / "node_modules" / "koa" / "package.json").read_text())["version"]
    commit = version(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"])
    return [
        f"{version([HOOKSPOOL, '--version'])} ({commit})", f"Koa {koa} on Node {version(['node', '--version'])}",
        version(["go", "version"]).removeprefix("go version ").split()[0],
        version(["nginx", "-v"]).removeprefix("nginx version: "), version(["webhook", "-version"]),
        f"load by oha {OHA_VERSION}",
    ]
