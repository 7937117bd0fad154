"""A trunk's target and its way of writing numbers."""

from __future__ import annotations

from pbx.model.objects import Tenant, Trunk


def target(trunk: Trunk) -> str:
    """`sip:host:port;transport=x`, all said: what the edge sends to (RFC 3261 §19.1.2 defaults, 5061 for TLS)."""
    scheme, _, rest = trunk.proxy.partition(":")
    address, *parameters = rest.split(";")
    given = dict(parameter.partition("=")[::2] for parameter in parameters)
    transport = given.get("transport", "tls" if scheme == "sips" else "udp").lower()
    if ":" not in address:
        address += ":5061" if transport == "tls" else ":5060"
    return f"sip:{address};transport={transport}"


def in_format(tenant: Tenant, number: str, form: str) -> tuple[str, ...]:
    """How an E.164 number may stand in a Request-URI from a trunk of this receive format.

    `national` is accepted with and without the national prefix, as carriers differ.
    """
    if form == "e164_plus":
        return (number,)
    if form == "e164_digits":
        return (number[1:],)
    if number[1:].startswith(tenant.calling_code):
        subscriber = number[1 + len(tenant.calling_code) :]
        return tuple(dict.fromkeys((tenant.national_prefix + subscriber, subscriber)))
    return (tenant.international_prefix + number[1:],)
