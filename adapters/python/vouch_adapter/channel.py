"""The transport: lines over a pair of streams. It does not depend on JSON or the protocol."""

import os
import sys
import threading

LINE_LIMIT = 1024 * 1024
"""The longest line in bytes, its line break included, in both directions."""

TOO_LONG = object()
"""Stands for a line that was longer."""


class LineChannel:
    """Lines from a buffered binary reader, and to a function that writes bytes and returns how many it took."""

    def __init__(self, reader, write):
        self._reader = reader
        self._sink = write
        self._writing = threading.Lock()

    @classmethod
    def over_stdio(cls):
        """Standard input and output of this process. What else this process prints goes to standard error from now on: standard
        output carries protocol messages only."""
        output = os.dup(1)
        os.dup2(2, 1)
        sys.stdout.reconfigure(line_buffering=True)  # what is printed is not lost when the process is killed
        return cls(sys.stdin.buffer, lambda data: os.write(output, data))

    @classmethod
    def over_socket(cls, connection):
        """A connected TCP socket."""
        return cls(connection.makefile("rb"), connection.send)

    def lines(self):
        """Each line that comes, without its line break, or `TOO_LONG`. Ends with the input. An incomplete last line is dropped."""
        try:
            while line := self._reader.readline(LINE_LIMIT):
                if line.endswith(b"\n"):
                    yield line[:-1]
                elif len(line) == LINE_LIMIT:
                    while line and not line.endswith(b"\n"):
                        line = self._reader.readline(LINE_LIMIT)
                    yield TOO_LONG
        except (OSError, ValueError):
            pass  # the connection was cut, or closed by this side
        finally:
            self._reader.close()

    def write(self, line):
        """Writes bytes with their line break. Does nothing when the other side is gone: the end of the input says so."""
        with self._writing:
            view = memoryview(line)
            try:
                while view:
                    view = view[self._sink(view) :]
            except (OSError, ValueError):
                pass
