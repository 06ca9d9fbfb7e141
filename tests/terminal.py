"""Runs a command on a terminal of 80 columns: `terminal.py [[TEXT, KEYS], ...] COMMAND...`.

For each pair of the JSON list it waits until the text is shown, then types the keys. It prints what the terminal showed, and ends
with the exit code of the command.
"""

import fcntl
import json
import os
import pty
import select
import struct
import sys
import termios
import time

LIMIT = 30

dialogue, command = json.loads(sys.argv[1]), sys.argv[2:]
process, terminal = pty.fork()
if process == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    os.environ["TERM"] = "xterm-256color"
    os.execvp(command[0], command)

shown, end = b"", time.monotonic() + LIMIT


def read():
    """Adds what comes within a moment. Returns whether the command still has the terminal."""
    global shown
    if not select.select([terminal], [], [], 0.1)[0]:
        return True
    try:
        more = os.read(terminal, 4096)
    except OSError:
        return False
    shown += more
    return bool(more)


seen = 0
for text, keys in dialogue:
    while shown.find(text.encode(), seen) < 0 and time.monotonic() < end and read():
        pass
    seen = len(shown)
    # The question is there; its options follow at once.
    time.sleep(0.2)
    os.write(terminal, keys.encode())
while time.monotonic() < end and read():
    pass
if time.monotonic() >= end:
    os.kill(process, 9)
sys.stdout.buffer.write(shown)
sys.stdout.flush()
status = os.waitpid(process, 0)[1]
sys.exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 1)
