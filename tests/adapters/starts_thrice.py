"""The example SDK of adapters/python that starts three times, and then no more: a machine without room. The first argument is a file
that counts the starts; with a second one, `hang`, the next process hangs in place of ending."""

import os
import runpy
import sys
import time

ALLOWED = 3

with open(sys.argv[1], "a+", encoding="utf-8") as file:
    file.write("x")
    file.flush()
    if os.fstat(file.fileno()).st_size > ALLOWED:
        if "hang" in sys.argv:
            time.sleep(60)
        sys.exit("no room for another process")

here = os.path.dirname(os.path.abspath(__file__))
adapter = os.path.join(here, "../../adapters/python")
sys.path.insert(0, adapter)
sys.argv = [os.path.join(adapter, "adapter.py")]
runpy.run_path(sys.argv[0], run_name="__main__")
