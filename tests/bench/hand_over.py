"""`hand_over.py FD… -- COMMAND…`: runs a command with these sockets handed over as systemd does (sd_listen_fds(3))."""

import fcntl
import os
import sys

FIRST, CLEAR = 3, 64
words = sys.argv[1:]
numbers, command = [int(word) for word in words[: words.index("--")]], words[words.index("--") + 1 :]
apart = [fcntl.fcntl(number, fcntl.F_DUPFD, CLEAR) for number in numbers]  # none is overwritten by another
for place, number in enumerate(apart):
    os.dup2(number, FIRST + place)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(numbers))}
os.execv(command[0], command)
