"""A conference room while somebody is in it: who is there, who moderates, who speaks, whether its door is locked.

It exists from the first member to the last. Each member's own call tells its story (`pbx.features.conference`); what
one does to another (mute, send out) goes through here, and wakes that story.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from pbx.calls.room_recording import RoomRecording
from pbx.calls.state import EMPTY, Found
from pbx.model.services import Conference, Recording

if TYPE_CHECKING:
    from pbx.calls.call import Call
    from pbx.calls.happened import Entry
    from pbx.calls.hearing import Hearing

ANNOUNCED = 20
"""Members up to which each hears that somebody comes or goes: more would hear nothing else."""


class Member:
    """One who is in: the caller of a call, or one of several of a call (`ears`). `entry` is what its record says of it,
    and what the next process goes on with."""

    def __init__(self, call: Call, entry: Entry, ears: Hearing | None = None) -> None:
        self.call = call
        self.ears = ears or call
        self.entry = entry
        self.meets: str = entry.get("conference", call.record.id)
        self.moderates: bool = entry["moderates"]
        self.since = call.record.started + entry["at"]
        self.is_in = False  # hears the others; until then it waits for a moderator
        self.was_in: bool = entry.get("in", False)  # before its process was killed
        self.muted: bool = entry.get("muted", False)
        self.silenced: bool = entry.get("silenced", False)  # muted by somebody else: cannot take that back itself
        self.held = False  # its telephone holds the room: what it plays meanwhile is for nobody
        self.is_otherwise = False  # than the engine has been told
        self.speaks = False
        self.sent_out = False  # alone, or with all (`is_over`)
        self.is_over = False
        self.tone = ""  # that is to be heard next
        self.says = ""  # a prompt, the same
        self.news = asyncio.Event()

    @property
    def is_quiet(self) -> bool:
        """Nobody is to hear it."""
        return self.muted or self.silenced

    def hears(self, prompt: str) -> None:
        """It is to hear a prompt, at once."""
        self.says = prompt
        self.news.set()

    def holds(self, held: bool) -> None:
        """Its telephone has put the room on hold, or taken it back."""
        self.held, self.is_otherwise = held, True
        self.news.set()


class Meeting:
    """`key` names the room in the engine. `found` are others of whom nothing else is known: of a simulated room."""

    def __init__(self, room: Conference, key: str, found: Found = EMPTY, policy: Recording | None = None) -> None:
        self.room = room
        self.key = key
        self.members: list[Member] = []
        self.recording = RoomRecording(self, policy)
        self._found = found
        self._locked = found.locked

    @property
    def count(self) -> int:
        return len(self.members) + self._found.members

    @property
    def locked(self) -> bool:
        """Nobody else comes in, but a moderator."""
        return self._locked

    @property
    def has_begun(self) -> bool:
        """A moderator is or was there, or none is waited for."""
        if not self.room.wait_for_moderator or self._found.moderated:
            return True
        return any(member.moderates or member.is_in or member.was_in for member in self.members)

    def is_alone(self, member: Member) -> bool:
        """Nobody else is in, to be heard."""
        others = sum(other is not member and other.is_in for other in self.members)
        return others + self._found.members == 0

    def refuses(self, moderates: bool) -> str:
        """Why somebody may not come in now, `full` or `locked`; "" when they may."""
        if self.count >= self.room.max_members:
            return "full"
        return "locked" if self.locked and not moderates else ""

    def add(self, member: Member) -> None:
        self.members.append(member)
        self._locked = self._locked or member.entry.get("locked", False)
        self._wake()

    def remove(self, member: Member) -> None:
        """It has gone; the others hear that, and the lock stays with who is left."""
        self.members.remove(member)
        if self._locked and self.members and not any(other.entry.get("locked") for other in self.members):
            self._keep(self.members[0], locked=True)
        if member.is_in:
            self.announce(member, "left")
        self._wake()

    def comes_in(self, member: Member) -> None:
        """It hears the others from now on; they hear that, but for one who was here before the process was killed."""
        member.is_in = True
        self._keep(member, **{"in": True})
        if not member.was_in:
            self.announce(member, "joined")
        self._wake()

    def announce(self, about: Member, tone: str) -> None:
        """All others hear a tone."""
        if self.count <= ANNOUNCED:
            for other in self.members:
                if other is not about and other.is_in:
                    other.tone = tone
                    other.news.set()

    # --- what members and the API do --------------------------------------------------------------------------------

    def lock(self, by: Member | None, locked: bool) -> None:
        """The door; `by` None: somebody who is not in the room."""
        self._locked = locked
        keeper = by or self.members[0]
        for member in self.members:
            if member.entry.get("locked", False) is not (locked and member is keeper):
                self._keep(member, locked=locked and member is keeper)
        self._tell("conference.locked" if locked else "conference.unlocked", keeper)

    async def mute(self, member: Member, muted: bool, *, by_other: bool) -> bool:
        """Whether a member is heard; False: it was muted by somebody else, and cannot take that back."""
        if not by_other and not muted and member.silenced:
            return False
        if by_other:
            member.silenced = muted
            member.muted = member.muted and muted
        else:
            member.muted = muted
        self._keep(member, muted=member.muted, silenced=member.silenced)
        await self.let_hear(member)
        self._tell("conference.muted" if member.is_quiet else "conference.unmuted", member)
        return True

    async def mute_others(self, by: Member) -> bool:
        """All who do not moderate; when all of them are muted already, none any more. True: they are muted now."""
        others = [member for member in self.members if member is not by and not member.moderates]
        muted = not all(member.silenced for member in others)
        for member in others:
            if member.silenced is not muted:
                await self.mute(member, muted, by_other=True)
        return muted

    async def send_out(self, member: Member) -> None:
        """It hears nobody from now on, and its call ends."""
        member.sent_out = True
        member.news.set()
        await member.ears.connections.leave_room(member.ears.caller)

    async def end(self, by: Member) -> None:
        """The moderator ends it for all, itself included."""
        self._tell("conference.ended", by)
        for member in list(self.members):
            member.is_over = True
            await self.send_out(member)

    def last_who_came(self, besides: Member) -> Member | None:
        """The newest member who does not moderate."""
        others = [member for member in self.members if member is not besides and not member.moderates]
        return others[-1] if others else None

    def spoke(self, member: Member, on: bool) -> None:
        member.speaks = on
        self._tell("conference.speaks", member, speaks=on)

    async def let_hear(self, member: Member) -> None:
        """Bring the engine up to date about one who is in."""
        member.is_otherwise = False
        if member.is_in and not member.sent_out:
            ears, muted = member.ears, member.is_quiet or member.held
            await ears.connections.enter_room(ears.caller, self.key, muted=muted)

    # --- how it is seen ---------------------------------------------------------------------------------------------

    def roster(self) -> list[dict[str, Any]]:
        """Who is in, in the order in which they came."""
        return [
            {
                "call": member.call.record.id,
                "number": member.call.party.number,
                "name": member.call.party.name,
                "user": member.call.user.id if member.call.user else None,
                "since": member.since,
                "moderates": member.moderates,
                "waits": not member.is_in,
                "muted": member.is_quiet,
                "speaks": member.speaks and not member.is_quiet,
            }
            for member in self.members
        ]

    def tell_of(self, event: str, member: Member, **more: object) -> None:
        """Say to whoever looks on that somebody came or went, and how many are in."""
        self._tell(event, member, moderates=member.moderates, members=len(self.members), **more)

    def _tell(self, event: str, member: Member, **more: object) -> None:
        member.call.tell(event, conference=self.room.id, **more)

    def _keep(self, member: Member, **values: bool) -> None:
        """Into its record, and written down for the next process."""
        member.entry |= values
        member.call.connections.keep_now()

    def _wake(self) -> None:
        for member in self.members:
            member.news.set()
