"""States and times of the four transaction machines (RFC 3261 §17, RFC 6026)."""

from __future__ import annotations

from enum import Enum

T1 = 0.5  # seconds: the round trip time that is assumed
T2 = 4.0  # longest interval between retransmissions
T4 = 5.0  # how long a message may stay in the network
TIMEOUT = 64 * T1  # timers B, F, H, J, L, M
TIMER_D = 32.0  # how long a repeated final response to our INVITE is still ACKed over UDP


class State(Enum):
    CALLING = "calling"
    TRYING = "trying"
    PROCEEDING = "proceeding"
    ACCEPTED = "accepted"
    COMPLETED = "completed"
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"
