"""Why a call goes where it goes, as a value: a code with its arguments, which knows no language but its record's.

`str(reason)` is the English text that a call record keeps; other languages are tables of the same codes
(`pbx.analysis.russian`). A new reason is one line in ENGLISH and one in each other table, and then
`Reason("code", name=value)` where the decision is made; a test holds codes and arguments against each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time

# Arguments: text and figures as they are; a Reason is told in the same language; a tuple is told part by part.
# `leg` is a leg's label (`device petrova-desk`, `trunk mtt`).
ENGLISH: Mapping[str, str] = {
    # the first decision
    "number_unknown": "{number} is not a number of {tenant}",
    "trunk_not_used": "trunk {trunk} is not one that {tenant} uses",
    "trunk_unexpected": "expected over trunk/{expected}, came over {trunk}: taken",
    "number_quarantined": "{number} is in quarantine",
    "number_suspended": "{number} is suspended",
    "number_to": "number {number}: to {to}",
    "number_is_back": "number {number}: out of use until {day}, back since: to {to}",
    "dialled_code": "{digits} is the code of override/{override}",
    "dialled_feature_code": "{digits} is the feature code {name}",
    "dialled_emergency": "{digits} is an emergency number",
    "dialled_extension": "extension {digits}: {to}",
    "dialled_nothing": "{digits} is no extension and no number that can be dialled",
    "dialled_own": "{digits} is our own number {number}",
    "dialled_outside": "{digits} is the outside number {number}",
    "called_by_api": "asked for by the API: the telephones of user/{user} first, then {digits}",
    "over_limit": "limit: more than max_calls {limit}",
    # flows and their conditions
    "step_taken": "flow/{flow} step {step}: {why}: to {to}",
    "step_not_taken": "flow/{flow} step {step} not taken: {why}",
    "step_passed_over": "flow/{flow} step {step} passed over: {why}",
    "step_rings_nobody": "{to} rings nobody, so the call goes there for good",
    "steps_over": "flow/{flow}: no step is left",
    "step_no_answer": "{to} did not answer in {seconds:g} s: next step",
    "no_condition": "no condition",
    "not": "not ({why})",
    "all": "{whys}",
    "number_is": "number is {number}",
    "language_is": "language is {language}",
    "date_is": "date is {day}",
    "caller_is": "caller is {caller}",
    "caller_in_list": "caller {caller} is in list/{list}",
    "caller_not_meant": "caller {caller} is not meant",
    "caller_hidden": "hidden",
    "override_on": "override/{override} is on",
    "override_off": "override/{override} is off",
    "override_not_allowed": "whoever calls may not switch override/{override}",
    "no_override_on": "no override is on",
    "share": "the caller is among {drawn} of 100, {percent} % is asked",
    "queue_is": "queue/{queue} is {state}",
    "fact_is": "{fact} is {value}",
    "fact_unknown": "{fact} is not known",
    "fact_leads_nowhere": "{fact} is {value}, which is nobody and nothing of this PBX and no number",
    "lookup_told": "lookup/{lookup}: {facts}",
    "lookup_silent": "lookup/{lookup} did not answer in {seconds:g} s: nothing is known",
    "nothing_known": "nothing is known of the caller",
    # hours
    "schedule": "schedule/{schedule} {why}",
    "open_since_evening": "open since the evening of {day}",
    "open": "open: {day}, {clock}",
    "closed": "closed: {day}, {clock}",
    "day": "{weekday} {day}",
    "day_closed": "{weekday} {day}, closed by the calendar",
    "day_own_hours": "{weekday} {day}, hours of its own",
    "day_worked_as": "{weekday} {day}, worked as {other}",
    "weekday_MO": "MO",
    "weekday_TU": "TU",
    "weekday_WE": "WE",
    "weekday_TH": "TH",
    "weekday_FR": "FR",
    "weekday_SA": "SA",
    "weekday_SU": "SU",
    # menus and groups
    "key_typed": "ivr/{ivr}: {digits} typed: to {to}",
    "phrase_heard": "ivr/{ivr}: “{phrase}” heard ({score:.2f}, {engine}): to {to}",
    "phrase_unsure": "ivr/{ivr}: “{phrase}” is unsure ({score:.2f} of {confidence:g}, {engine}) (try {attempt})",
    "phrase_unknown": "ivr/{ivr}: what was said is none of its phrases ({engine}) (try {attempt})",
    "nobody_listens": "ivr/{ivr}: speech is not understood now ({why}): keys alone",
    "wrong_key": "ivr/{ivr}: {digits} typed (try {attempt})",
    "no_key": "ivr/{ivr}: nothing typed (try {attempt})",
    "collected": "{name}: {digits} typed",
    "collected_secretly": "{name}: {length} digits typed, not written down",
    "wrong_length": "{name}: {length} digits typed, {least} to {most} are asked for (try {attempt})",
    "not_acceptable": "the caller's offer is of no use: {error}",
    "not_read_back": "{name}: read back and not confirmed (try {attempt})",
    "forwarded_always": "user/{user} forwards every call: to {to}",
    "forwarded_busy": "user/{user} is busy: to {to}",
    "forwarded_no_answer": "user/{user} did not answer in {seconds:g} s: to {to}",
    "forwarded_unavailable": "user/{user} cannot be reached: to {to}",
    "set_by_themselves": "{why} (set by user/{user} themselves on {at})",
    "set_by": "{why} (set by {author} on {at})",
    "do_not_disturb": "user/{user} does not want to be disturbed",
    "limit_minute": "{calls} a minute",
    "limit_day": "{calls} a day",
    "limit_of_all": "limit: {most} to the outside",
    "limit_of_user": "limit: {most} to the outside of user/{user}",
    "limit_of_expensive": "limit: {most} to expensive numbers",
    "limit_recorded": "{why}",
    "person_talks": "user/{user} has {calls} calls already",
    "over_own_limit": "limit: user/{user} has max_calls {limit} already",
    "own_of_nobody": "whoever calls is no person of ours, and has no settings",
    "own_set": "user/{user}: {key} is {value}",
    "own_refused": "user/{user}: {key} stays as it is: {why}",
    "forward_loop": "loop: forwarded to where the call has been: {path}",
    "forwards_too_many": "forwarded {hops} times: {path}; to {to}",
    "group_no_answer": "ring_group/{group}: nobody answered ({status}): to {to}",
    # queues, boxes, rooms
    "queue_full": "queue/{queue}: {length} are waiting already",
    "queue_empty": "queue/{queue}: nobody is logged in",
    "queue_timeout": "queue/{queue}: nobody answered in {seconds:g} s",
    "queue_left": "queue/{queue}: to {to}",
    "queue_offers": "queue/{queue}: offered to {agents} ({choose})",
    "agent_lacks": "queue/{queue}: user/{user} has no skill {skills}",
    "agent_not_free": "queue/{queue}: user/{user} is {state}",
    "agent_autopaused": "queue/{queue}: user/{user} is paused after {offers} offers without an answer",
    "agent_busy": "busy",
    "agent_wrapping_up": "wrapping up",
    "agent_paused": "paused",
    "agent_logged_out": "logged out",
    "message": "voicemail/{voicemail}: a message of {seconds} s",
    "message_too_short": "voicemail/{voicemail}: nothing was said, no message",
    "message_not_kept": "voicemail/{voicemail}: no message is taken: {why}",
    "no_box": "there is no box of that person",
    "box_chosen": "voicemail/{voicemail}: chosen among several",
    "box_opened": "voicemail/{voicemail}: opened by its PIN",
    "box_without_pin": "voicemail/{voicemail}: has no PIN yet, and opens for the own telephones of its people only",
    "box_locked": "voicemail/{voicemail}: locked after wrong PINs",
    "box_pin_wrong": "voicemail/{voicemail}: {tries} wrong PIN since the last right one",
    "box_pin_set": "voicemail/{voicemail}: has another PIN",
    "message_heard": "message {message}: heard",
    "message_not_heard": "message {message}: cannot be played: {why}",
    "message_deleted": "message {message}: deleted",
    "message_forwarded": "message {message}: forwarded to voicemail/{voicemail}",
    "greeting_recorded": "voicemail/{voicemail}: has another greeting",
    "box_full": "voicemail/{voicemail}: full, {most} messages are in it",
    "greeting_not_heard": "voicemail/{voicemail}: the recorded greeting cannot be played: {why}",
    "conference_member": "conference/{conference}: comes in",
    "conference_moderator": "conference/{conference}: comes in as the moderator",
    "conference_pin_wrong": "conference/{conference}: no right PIN in {tries} tries",
    "conference_guessed": "conference/{conference}: too many wrong PINs: no more are asked for, for a while",
    "conference_full": "conference/{conference}: {members} are in, that is all it takes",
    "conference_locked": "conference/{conference}: locked by its moderator",
    "invited": "conference/{conference}: {digits} is called in",
    "third_called": "{leg} calls {digits} in, for all to talk",
    "third_failed": "{digits} does not come in: {status}",
    "mixed": "a conference of {legs}",
    "mix_sent_out": "{leg} is sent out of the conference",
    "mix_over": "the conference is over: two talk on, {leg} is one",
    "conference_recorded": "conference/{conference}: recorded by recording/{policy}",
    "conference_over": "conference/{conference}: its moderator has ended it",
    "conference_sent_out": "conference/{conference}: sent out",
    # ringing
    "leg_failed": "{node}: {leg} {status}",
    "leg_failed_saying": "{node}: {leg} {status} {phrase}",
    "leg_unusable": "{leg} answered, and its sound is of no use: {error}",
    "not_confirmed": "{node} answered on {leg} and did not confirm",
    "redirected": "{leg} sends the caller on to {digits}",
    "redirect_refused": "{leg} sends the caller on to {digits}, where its owner may send nobody",
    # transfers
    "next_call": "{leg} hangs the other one up and dials anew",
    "transferred": "{leg} sends the call on to {digits}",
    # recordings
    "recorded": "recording/{policy} records it: the call is {direction}",
    "recorded_number": "recording/{policy} records it: the call is {direction}, the number {number}",
    "recording_unannounced": "nobody could be told that the call is recorded, so it is not",
    "recording_refused": "{leg} asks for a recording that no policy allows",
    "recording_by": "{leg}: recording {what}",
    "transferred_to_call": "{leg} joins the call with its other one, {call}",
    "transfer_to_itself": "user/{user} would be sent on to itself",
    "transfer_back": "nobody answered ({status}): back to {leg}",
    "transfer_rings_back": "nobody answered ({status}), and who sent the call on has hung up: to user/{user}",
    "nothing_rings": "nothing rings at {users}",
    "pickup_barred": "whoever calls may not take calls that ring at {users}",
    "picked_up": "picks up the call from {party}",
    "too_late": "that call is taken already",
    "parked": "parked in slot {slot} by user/{user}",
    "no_slot": "slot {slot} is not free",
    "nobody_parks": "nobody has sent this call here, so nobody would take it back",
    "park_timeout": "nobody took it in {seconds:g} s: back to user/{user}",
    "nothing_parked": "nothing is parked in slot {slot}",
    "no_intercom": "{digits} is nobody with a desk phone",
    "dials_last": "dials {number} once more",
    "nothing_dialled": "whoever calls has dialled no number yet that is known",
    "nobody_called": "nobody who is known has called whoever calls",
    "last_caller_hid": "whoever called last did not show a number",
    "speed_dial": "short number {number} of {owner}: {to}",
    "no_speed_dial": "{number} is no short number of whoever calls, nor of the tenant",
    "may_not_page": "user/{user} lets others speak on the loudspeaker (paged_by)",
    "nobody_to_page": "at {digits} is nobody with a desk phone who could be paged now",
    "joined_by": "{leg} comes into the call",
    "gave_way": "{leg} gives way to the other end of its call {call}",
    # to the outside
    "barred": "{number} is {level}, class_of_service/{allowed} allows up to {allowed}",
    "barred_prefix": "class_of_service/{allowed} bars {prefix}, and so {number}",
    "barred_unnamed": "class_of_service/{allowed} allows no prefix of {number}",
    "level_internal": "internal",
    "level_local": "local",
    "level_national": "national",
    "level_international": "international",
    "for_node": "{node}: {why}",
    "no_route": "no outbound route has a prefix of {number}",
    "route": "outbound_route/{route}: longest prefix of {number}; {trunks}",
    "route_unusable": "outbound_route/{route}: longest prefix of {number}, and none of its trunks can be used now",
    "trunk_left_out": "trunk/{trunk} left out: {why}",
    "trunk_full": "all its {channels} channels are taken",
    "trunk_down": "it does not answer OPTIONS",
    "trunk_last": "trunk/{trunk} comes last: {why}",
    "trunk_price": "trunk/{trunk} at {price} {currency} a minute",
    "trunk_no_price": "trunk/{trunk} without a price for it",
    "route_cheapest": "outbound_route/{route}: longest prefix of {number}, the cheapest first: {trunks}",
    "emergency_located": "emergency by location/{location} (the caller's location)",
    "emergency_elsewhere": "emergency by location/{location} (the caller has no location with one: the first)",
    "emergency_nowhere": "no location has an emergency trunk",
    # what else a simulated call tells
    "leg": "{leg}",
    "leg_shown": "{leg}, shown {number}",
    "leg_shown_nothing": "{leg}, shown no number",
    "leg_status": "{leg} {status}",
    "by_pbx": "by the PBX",
    "talks_with": "talks with {leg}",
    "relay_forgot": "the relay has forgotten the call meanwhile",
    "recovered": "the process was started again: the call goes on",
    # what must not be
    "media_timeout": "nobody sent sound for {seconds} s",
    "loop": "loop: more than {limit} nodes: {path}",
    "error": "error: {error}",
}


class Reason:
    """A code of ENGLISH with its arguments. Equal when both are."""

    __slots__ = ("arguments", "code")

    def __init__(self, code: str, /, **arguments: object) -> None:
        self.code = code
        self.arguments = arguments

    def __str__(self) -> str:
        return told(self, ENGLISH)

    def __repr__(self) -> str:
        return f"Reason({self.code!r}, {self.arguments!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reason) and (self.code, self.arguments) == (other.code, other.arguments)

    def __hash__(self) -> int:
        return hash(str(self))


def told(reason: Reason, texts: Mapping[str, str], *, day: str = "%Y-%m-%d", legs: Mapping[str, str] = {}) -> str:
    """The reason by a table of texts. `day` is how a date is written, `legs` what `device` and `trunk` are called."""

    arguments = {name: _plain(name, value, texts, day, legs) for name, value in reason.arguments.items()}
    return texts[reason.code].format(**arguments)


def _plain(name: str, value: object, texts: Mapping[str, str], day: str, legs: Mapping[str, str]) -> object:
    match value:
        case Reason():
            return told(value, texts, day=day, legs=legs)
        case tuple():
            return "; ".join(str(_plain(name, part, texts, day, legs)) for part in value)
        case date():
            return value.strftime(day)
        case time():
            return f"{value:%H:%M}"
        case str() if name == "leg":
            kind, _, rest = value.partition(" ")
            return f"{legs.get(kind, kind)} {rest}"
    return value
