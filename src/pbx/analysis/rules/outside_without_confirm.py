from __future__ import annotations

from collections.abc import Iterator

from pbx.analysis.rule import Context, Finding, Rule

RULE = Rule(
    "outside-without-confirm",
    "warning",
    "an outside number whose voicemail may take the call",
    reason="A mobile that is off or busy often answers with its voicemail. It takes the call, all other phones stop "
    "ringing, and the caller talks to a machine. With confirm whoever answers must press 1.",
    wrong="""
users:
  clara: {location: location/msk, devices: {desk: {type: desk_phone}, mobile: {type: outside, number: "+79160000001"}}}
""",
    right="""
users:
  clara:
    location: location/msk
    devices: {desk: {type: desk_phone}, mobile: {type: outside, number: "+79160000001", confirm: true}}
""",
)


def check(context: Context) -> Iterator[Finding]:
    for tenant in context.tenants:
        for user in tenant.model.users.values():
            for device in user.devices.values():
                if device.number is not None and not device.confirm:
                    message = (
                        f"the voicemail of {device.number} can take the calls of user/{user.id}, and the other phones "
                        "stop ringing; write confirm: true"
                    )
                    yield tenant.finding(("users", user.id, "devices", device.id), message)
        for group in tenant.model.ring_groups.values():
            if group.confirm_outside:
                continue
            for index, member in enumerate(group.members):
                if member.kind == "outside":
                    message = (
                        f"the voicemail of {member.value} can take the calls of the group; write confirm_outside: true"
                    )
                    yield tenant.finding(("ring_groups", group.id, "members", index), message)
