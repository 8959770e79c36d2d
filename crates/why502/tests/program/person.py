"""A person at a terminal: person.py COMMAND… and on standard input, line by line, what they do at each question:
a JSON list of a shell script that they run elsewhere first, and the keys they press then. Of the lab's hosts, too."""
import json, os, pty, subprocess, sys

visits = [json.loads(line) for line in sys.stdin]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
seen = b""
while True:
    try:
        data = os.read(terminal, 4096)
    except OSError:  # the other end is gone
        break
    seen += data
    sys.stdout.buffer.write(data.replace(b"\r\n", b"\n"))
    if seen.endswith(b"[y/N] "):
        seen = b""
        script, keys = visits.pop(0)
        subprocess.run(["sh", "-c", script], check=True)
        os.write(terminal, keys.encode())
_, status = os.waitpid(pid, 0)
sys.exit(os.waitstatus_to_exitcode(status) % 256)
