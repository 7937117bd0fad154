"""SIP, SIPS and tel URIs: only what a call needs (RFC 3261 §19.1, RFC 3966)."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import quote, unquote

from pbx.sip.address import Address

# Host names with an underscore and user parts with a bare "#" are against the grammar and common in the field.
_HOST = r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_](?:[A-Za-z0-9_.\-]*))"
_USER = r"[A-Za-z0-9\-_.!~*'()&=+$,;?/%#]+"
_PARAMETERS = r"(?:;[A-Za-z0-9\-_.!~*'()\[\]/:&+$%]+(?:=[A-Za-z0-9\-_.!~*'()\[\]/:&+$%]*)?)*"
_HEADERS = r"(?:\?[A-Za-z0-9\-_.!~*'()\[\]/?:+$%=&]*)?"
_SIP = re.compile(
    rf"(?P<scheme>sips?):(?:(?P<user>{_USER})(?::[A-Za-z0-9\-_.!~*'()&=+$,%]*)?@)?"
    rf"(?P<host>{_HOST})(?::(?P<port>[0-9]{{1,5}}))?(?P<parameters>{_PARAMETERS})(?P<headers>{_HEADERS})",
    re.IGNORECASE | re.ASCII,
)
_TEL = re.compile(
    r"tel:(?P<number>\+?[0-9A-Fa-f*#\-.()]+)(?:;[A-Za-z0-9\-]+(?:=[^\s;<>\"]*)?)*", re.IGNORECASE | re.ASCII
)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+\-.]*:")
_NUMBER = re.compile(r"\+?[0-9*#\-.()]+;")


def is_valid(uri: str) -> bool:
    """True for a well-formed sip, sips or tel URI; a port above 65535 is not well formed."""
    found = _SIP.fullmatch(uri)
    if found is None:
        return _TEL.fullmatch(uri) is not None
    port = found["port"]
    return port is None or int(port) <= 65535


@lru_cache(1024)
def is_sip(uri: str) -> bool:
    """True for a well-formed sip or sips URI without a `?headers` part: one that a request may be sent to."""
    found = _SIP.fullmatch(uri)
    return found is not None and not found["headers"] and (found["port"] is None or int(found["port"]) <= 65535)


def scheme_of(uri: str) -> str:
    """The scheme in small letters, empty when there is none."""
    found = _SCHEME.match(uri)
    return found[0][:-1].lower() if found else ""


def user_of(uri: str) -> str:
    """The user part, unescaped, without a password; the number of a tel URI; empty when there is none.

    Parameters of a telephone number (`+74951234567;npdi@…`) are cut off, since what is asked for is the number.
    """
    found = _SIP.fullmatch(uri)
    if found is not None:
        user = found["user"] or ""
        if ";" in user and _NUMBER.match(user):
            user = user.partition(";")[0]
        return unquote(user) if "%" in user else user
    tel = _TEL.fullmatch(uri)
    return re.sub(r"[\-.()]", "", tel["number"]) if tel else ""


def user_part(text: str) -> str:
    """A text as the user part of a URI: what may not stand there (§25.1) is escaped, a byte that is no text is "?"."""
    return quote(text, safe="-_.!~*'()&=+$,;?/", errors="replace")


def host_of(uri: str) -> str:
    """The host in small letters (IPv6 in its brackets), empty for a tel or a broken URI."""
    found = _SIP.fullmatch(uri)
    return found["host"].lower() if found else ""


def parameter_of(uri: str, name: str) -> str | None:
    """The value of a URI parameter (empty for one without a value), None when it is absent."""
    found = _SIP.fullmatch(uri)
    if found is None:
        return None
    for part in found["parameters"].split(";")[1:]:
        key, _, value = part.partition("=")
        if key.lower() == name:
            return unquote(value)
    return None


@lru_cache(1024)
def address_of(uri: str) -> Address | None:
    """The transport address that a URI with an IP literal names (RFC 3263 §4.2 without DNS), else None."""
    found = _SIP.fullmatch(uri)
    if found is None:
        return None
    host = found["host"].strip("[]")
    try:
        ip_address(host)
    except ValueError:
        return None
    transport = (parameter_of(uri, "transport") or "udp").lower()
    return Address("tcp" if transport == "tcp" else "udp", host, int(found["port"] or 5060))
