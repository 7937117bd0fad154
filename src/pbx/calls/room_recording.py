"""A conference room that is recorded (behaviour R13, R17): the mix of all, from the first member to the last, or while
a moderator wants it.

Whoever comes in hears the announcement of the policy before it hears anybody, and those who are in hear it when the
recording begins. A process or an engine that is killed leaves a gap, which is marked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pbx.model.services import ALWAYS, Recording
from pbx.routing.reason import Reason

if TYPE_CHECKING:
    from pbx.calls.call import Call
    from pbx.calls.meeting import Meeting, Member


class RoomTaping:
    """What keeps the mix of rooms. This one is of a simulation: it keeps nothing, and all is well."""

    async def begin(self, recording: str, key: str, about: Mapping[str, Any]) -> str:
        """Record the room that the engine knows by `key`, from now on; returns why that is not done, "" when it is."""
        return ""

    async def go_on(self, recording: str, key: str) -> str:
        """With one that was begun in a process before; the same."""
        return ""

    def end(self, recording: str, people: Sequence[str]) -> None:
        """The recording is to be finished; `people` are users who took part."""


class RoomRecording:
    """Of one meeting. `policy` None: its room is never recorded."""

    def __init__(self, meeting: Meeting, policy: Recording | None) -> None:
        self._meeting = meeting
        self.policy = policy
        self.id = ""  # of the recording that is on
        self._people: list[str] = []

    @property
    def is_on(self) -> bool:
        return self.id != ""

    @property
    def announcement(self) -> str | None:
        """What whoever comes in now is to hear before."""
        if self.policy is None or not (self.is_on or self.policy.mode == ALWAYS):
            return None
        return self.policy.announce

    async def joined(self, member: Member) -> None:
        """Somebody is in, also once more after the process was killed."""
        if self.policy is None:
            return
        known = member.entry.get("recording", "")
        if known and not self.is_on:
            self.id = known
            if problem := await member.call.house.taping.go_on(known, self._meeting.key):
                self._failed(member.call, problem)
        elif self.policy.mode == ALWAYS and not self.is_on:
            await self._begin(member.call)
        if self.is_on:
            self._takes_part(member)

    async def start(self, by: Member) -> bool:
        """A moderator, or the API, wants it; False when no policy allows that, or it is on."""
        if self.policy is None or self.is_on or not await self._begin(by.call):
            return False
        for member in self._meeting.members:
            self._takes_part(member)
            if self.policy.announce is not None:
                member.hears(self.policy.announce)
        return True

    async def stop(self, by: Member) -> bool:
        """No more; False when nothing is recorded, or it always is."""
        if not self.is_on or self.policy is None or self.policy.mode == ALWAYS:
            return False
        for member in self._meeting.members:
            member.entry["recording"] = ""
        self.over(by.call)
        by.call.connections.keep_now()
        return True

    def over(self, call: Call) -> None:
        """The last one has gone, or nobody wants it any more."""
        if self.is_on and self.policy is not None:
            recording, self.id = self.id, ""
            call.house.taping.end(recording, self._people)
            call.tell("recording.stopped", conference=self._meeting.room.id, policy=self.policy.id)

    async def _begin(self, call: Call) -> bool:
        policy, room = self.policy, self._meeting.room
        assert policy is not None
        recording = f"{call.tenant.id}-{room.id}-{call.moment():x}"
        about = {
            "tenant": call.tenant.id,
            "call_id": call.record.id,
            "policy": policy.id,
            "direction": "internal",
            "caller": "",
            "called": room.extension or room.id,
            "announced": policy.announce is not None,
            "store": policy.store,
            "retain": policy.retain,
            "listen": list(policy.listen),
        }
        if problem := await call.house.taping.begin(recording, self._meeting.key, about):
            self._failed(call, problem)
            return False
        self.id = recording
        call.note(Reason("conference_recorded", conference=room.id, policy=policy.id))
        call.tell("recording.started", conference=room.id, policy=policy.id)
        return True

    def _takes_part(self, member: Member) -> None:
        user = member.call.user
        if user is not None and user.id not in self._people:
            self._people.append(user.id)
        member.entry["recording"] = self.id
        member.call.connections.keep_now()

    def _failed(self, call: Call, why: str) -> None:
        """Somebody has to know; the conference goes on."""
        room = self._meeting.room.id
        call.tell("recording.failed", conference=room, policy=self.policy.id if self.policy else "", why=why)
        call.state.alert(f"conference {room} is not recorded: {why}")
