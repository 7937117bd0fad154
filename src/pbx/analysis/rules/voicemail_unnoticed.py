from __future__ import annotations

from collections.abc import Iterator

from pbx.analysis.rule import Context, Finding, Rule

RULE = Rule(
    "voicemail-unnoticed",
    "warning",
    "a box of which nobody is told that there is a message",
    reason="A caller who has left a message counts on being called back. Telephones that register have a lamp, and "
    "email: tells by e-mail; where the people of a box have neither, a message lies there until somebody dials *97 by "
    "chance.",
    wrong="""
users:
  clara: {extension: "203", devices: {mobile: {type: outside, number: "+79160000001", confirm: true}}}
voicemails:
  clara: {owner: user/clara}
""",
    right="""
users:
  clara:
    extension: "203"
    email: clara@acme.example
    devices: {mobile: {type: outside, number: "+79160000001", confirm: true}}
voicemails:
  clara: {owner: user/clara, email: notify}
""",
)


def check(context: Context) -> Iterator[Finding]:
    for tenant in context.tenants:
        for box in tenant.model.services.voicemails.values():
            people = [tenant.model.users[name] for name in box.users]
            lamps = any(device.type != "outside" for person in people for device in person.devices.values())
            if box.email == "none" and not lamps:
                who = " and ".join(f"user/{person.id}" for person in people)
                message = f"nobody learns of a message: no telephone of {who} has a lamp; write email: notify"
                yield tenant.finding(("voicemails", box.id), message)
