"""A person at a terminal: person.py KEYS COMMAND… presses the keys of a JSON list, one string at each question."""
import json, os, pty, sys

keys = json.loads(sys.argv[1])
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
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
        os.write(terminal, keys.pop(0).encode())
_, status = os.waitpid(pid, 0)
sys.exit(os.waitstatus_to_exitcode(status) % 256)
