"""How long a server of the tests lives, and how it says where it listens.

Copyright (c) 2026, dataops authors; PostgreSQL License
"""
import os
import stat
import sys
import threading
import time


def serve(name, listener):
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    print(name, listener.port, flush=True)


def leave_with_input():
    """Ends the process when the pipe that is our input is closed."""
    while os.read(sys.stdin.fileno(), 65536):
        pass
    os._exit(0)


def wait_for_parent(keep=False):
    """Says that the server is ready, and returns when its parent has ended; never with "keep"."""
    print("ready", flush=True)
    parent = os.getppid()
    if not keep and stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode):
        threading.Thread(target=leave_with_input, daemon=True).start()
    while keep or os.getppid() == parent:
        time.sleep(0.5)
