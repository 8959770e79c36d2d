"""Runs commands in turns and prints a row for each: what, median and best s, least s of processors, GB/s of both, peak MiB.

Where others use the machine too, seconds of processors say more than those of the clock, and the least of them most. Then
what we promise, as ratios of rates in this very run.
"""
import json, os, statistics, subprocess, sys, time

# ours, the peer's, how many times as fast
PROMISES = [
    ("failures: why502 logs, 1 GiB", "failures: rg -c '\" 502 ', 1 GiB", 1),
    ("failures: why502 logs, 1 GiB", "failures: ClickHouse (chdb), 1 GiB", 10),
    ("everything: why502 logs --by all, 1 GiB", "everything: GoAccess, 128 MiB", 100),
    ("packed: why502 logs, 1 GiB in .gz", "packed: flate2 with zlib-rs alone", 1 / 1.2),
]

rows = json.load(open(sys.argv[1]))
took = {row["name"]: [] for row in rows}
busy = {row["name"]: [] for row in rows}
peak = {}
for _ in range(int(sys.argv[2])):
    for row in rows:
        start = time.monotonic()
        child = subprocess.Popen(row["argv"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        took[row["name"]].append(time.monotonic() - start)
        busy[row["name"]].append(usage.ru_utime + usage.ru_stime)
        peak[row["name"]] = max(peak.get(row["name"], 0), usage.ru_maxrss // 1024)
        if os.waitstatus_to_exitcode(status) not in (0, 2):
            sys.exit(f"{row['argv']}: {status}")

print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.0f}, {sys.argv[2]} rounds\n")
print("| what | median s | best s | least CPU s | GB/s | GB per CPU s | peak MiB |\n|---|---|---|---|---|---|---|")
rates = {}
for row in rows:
    name, times = row["name"], took[row["name"]]
    median, cpu, size = statistics.median(times), min(busy[name]), row["bytes"] / 1e9
    rates[name] = size / median
    print(f"| {name} | {median:.3f} | {min(times):.3f} | {cpu:.3f} | {size / median:.2f} | {size / cpu:.2f} | {peak[name]} |")

print("\n| ours | beside | times as fast | promised |\n|---|---|---|---|")
for ours, peer, promised in PROMISES:
    print(f"| {ours} | {peer} | {rates[ours] / rates[peer]:.2f} | {promised:.2f} |")
