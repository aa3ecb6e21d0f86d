"""The rounds as Markdown."""

from statistics import median

from servers import SERVERS

OURS = "hookspool"


def tables(about, records, memory):
    names = [name for name in SERVERS if any(record["server"] == name for record in [*records, *memory])]
    kept = sorted({record["connections"] for record in records if not record["fresh"]})
    fresh = sorted({record["connections"] for record in records if record["fresh"]})

    def of(key, connections, new):
        return {name: middle(record[key] for record in records if (record["server"], record["connections"],
                             record["fresh"]) == (name, connections, new)) for name in names}

    def by_connections(key, digits, best):
        return [row(str(count), of(key, count, False), digits, best) for count in kept]

    text = [header(about), quiet(records)]
    if kept:
        text += [
            table("Deliveries per second, kept connections", "connections", names, by_connections("per_second", 0, max)),
            table("Latency p50, ms", "connections", names, by_connections("p50_ms", 2, min)),
            table("Latency p99, ms", "connections", names, by_connections("p99_ms", 2, min)),
        ]
    if fresh:
        text += [table(f"A new TLS connection for each request ({fresh[0]} at a time)", "", names, [
            row("per second", of("per_second", fresh[0], True), 0, max),
            row("p50, ms", of("p50_ms", fresh[0], True), 2, min),
            row("p99, ms", of("p99_ms", fresh[0], True), 2, min),
        ])]
    if records:
        text += [table("CPU of the server for each delivery, ms", "connections", names, by_connections("cpu_ms", 3, min) + [
            row(f"{count}, each new", of("cpu_ms", count, True), 3, min) for count in fresh])]
    if memory:
        kib = {name: middle(record["kib_per_connection"] for record in memory if record["server"] == name) for name in names}
        text += [table("Memory of an idle connection, KiB (Pss)", "", names, [row("1,000 held open", kib, 1, min)])]
    return "\n\n".join(filter(None, [*text, faults(records)]))


def header(about):
    peers = {
        "file": "Of the peers a 200 says: written and fsynced, which is what tutorials have and the cheaper half.",
        "full": "Of the peers a 200 says: written, fsynced, renamed, directory fsynced, one delivery at a time.",
    }[about["durable"]]
    return "\n".join([
        "# hookspool and its peers", "",
        f"A POST of {about['bytes']} bytes over mutual TLS 1.3, the sender's CN checked, a durable write, then 200.",
        f"{peers} Of hookspool, always: written, synced, renamed, directory synced.",
        f"Medians of {about['rounds']} round{'s' * (about['rounds'] > 1)}, {about['seconds']:g} s a point; each server runs alone, the load generator"
        " on the same cores.",
        "The ratio is hookspool's number over the best peer's: above 1 is better for deliveries, below 1 for the rest.", "",
        f"{about['machine']}; {'; '.join(about['versions'])}.",
    ])


def quiet(records):
    """Others on the machine spoil what is measured; some of this is the kernel's own work for the file system."""
    cores = {what: [record["cores"][what] for record in records] for what in ("load", "elsewhere")}
    if not records:
        return ""
    return (f"The load generator kept {middle(cores['load']):.2f} cores busy (median), everything but it and the server"
            f" {middle(cores['elsewhere']):.2f} (at most {max(cores['elsewhere']):.2f}).")


def table(title, first, names, rows):
    head = [first, *(SERVERS[name].title for name in names), "hookspool / best peer"]
    line = lambda cells: f"| {' | '.join(cells)} |"
    return "\n".join([f"## {title}", "", line(head), line(["---"] + ["---:"] * (len(head) - 1)), *map(line, rows)])


def row(label, values, digits, best):
    peers = [value for name, value in values.items() if name != OURS and value is not None]
    ours, ratio = values.get(OURS), "–"
    if ours is not None and peers and best(peers) > 0:
        ratio = f"**{ours / best(peers):.2f}**"
    return [label, *("–" if value is None else f"{value:,.{digits}f}" for value in values.values()), ratio]


def middle(values):
    known = [value for value in values if value is not None]
    return median(known) if known else None


def faults(records):
    """What makes a number worthless."""
    found = []
    for record in records:
        where = f"{record['server']}, {record['connections']} connections{' each new' if record['fresh'] else ''}, round {record['round']}"
        if record["not_200"]:
            found.append(f"- **{where}: {record['not_200']} answers were not 200**")
        if record["lost"]:
            found.append(f"- **{where}: {record['lost']} deliveries had a 200 and no file**")
        for what, times in record["errors"].items():
            found.append(f"- **{where}: {times} times: {what}**")
        if record["deliveries"] == 0:
            found.append(f"- **{where}: not one delivery in time**")
    return "\n".join(["## FAULTS", "", *found]) if found else "Every answer was 200, and every 200 has its file."
