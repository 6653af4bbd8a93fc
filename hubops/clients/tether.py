"""Becomes another program that the kernel ends together with hubops, however that ends: also by SIGKILL.

Run as a script, before the program: tether.py PID-OF-HUBOPS PROGRAM ARGUMENTS…
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(parent: int, *argv: str) -> None:
    """Does not return. The signal comes when the thread ends that started this process."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before it was asked
        os._exit(1)
    os.execv(argv[0], argv)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
