"""Runs a command while holding a lock file: with_lock.py LOCKFILE COMMAND [ARGUMENT...]

The lock belongs to the open file, which the command inherits, so the kernel releases it when the command and
its children have ended, also after a kill.
"""

import fcntl
import os
import sys

lock = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o644)
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print("another process is at the same work, waiting for it (" + sys.argv[1] + ")", file=sys.stderr)
    fcntl.flock(lock, fcntl.LOCK_EX)
os.set_inheritable(lock, True)
os.execvp(sys.argv[2], sys.argv[2:])
