"""The documents of a call host: the model as plain data, and the process's own configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pbx.desired import recogniser, store
from pbx.desired.hosts import Host, InventoryError, of_group
from pbx.desired.relay import DIGITS_PORT

STATE = "/var/lib/pbx"
CONTROL = "/run/pbx-calls/control.sock"
API = "/run/pbx-calls/api.sock"
MAIL = ("host", "from")
MAIL_KEYS = "host, from, port (587), tls (starttls, tls or none) and user, whose password is the secret mail_password"
HEARD = "/run/pbx-calls/heard"
SPOOL = "/run/pbx-calls/recordings"  # in memory: what is recorded of rooms, a folder for each call process
ENGINE = "/run/pbx-media/control.sock"
FIRST_PORT = 5070
FIRST_API_PORT = 5170  # of TCP, where pbx-web runs on another host


def document(
    site: Mapping[str, Any], tenants: Mapping[str, Mapping[str, Any]], owned: Mapping[str, int]
) -> dict[str, Any]:
    """The model as the call processes of a host rebuild it (`pbx.model.build.model`). Every process has all tenants;
    `owned` are those whose calls come to this host, and the number of the process there that they come to."""
    return {
        "site": {"plain": dict(site)},
        "tenants": {id_: dict(plain) for id_, plain in sorted(tenants.items())},
        "owned": sorted(owned),
        "processes": dict(sorted(owned.items())),
    }


def is_asked_by_others(host: Host, hosts: list[Host]) -> bool:
    """Whether pbx-web of another host has to reach the call processes of this one."""
    return any(one != host for one in of_group(hosts, "web"))


def process(host: Host, hosts: list[Host], *, listens: bool = False) -> dict[str, Any]:
    """/etc/pbx/calls.json: where things are, as the first process of the host has them; `pbx-calls --instance` counts
    on from there. Changing it needs a restart; the model does not, but for a first menu that `listens`."""
    understands = recogniser.process(host)
    engines = of_group(hosts, "media")
    engine = host if "media" in host.groups else (engines[0] if engines else None)
    return {
        "name": host.name,
        "instance": 1,
        "listen": host.sip_address,
        "port": FIRST_PORT,
        "edges": [
            {
                "name": edge.name,
                "address": edge.sip_address,
                "port": 5080,
                "public": edge.public,
                "public_port": 5060,
            }
            for edge in of_group(hosts, "edges")
        ],
        "relays": [
            {"name": relay.name, "address": relay.sip_address, "port": 2223, "digits": DIGITS_PORT}
            for relay in of_group(hosts, "relays")
        ],
        "media": {"socket": ENGINE, "address": engine.media_address, "port": 41000} if engine else None,
        "control": CONTROL,
        "api": API,
        **({"api_port": FIRST_API_PORT} if is_asked_by_others(host, hosts) else {}),
        "journal": f"{STATE}/journal",
        "store": store.place(hosts),
        "prompts": f"{STATE}/prompts",
        "document": f"{STATE}/documents/calls.json",
        "secrets": f"{STATE}/secrets/calls.json",
        "messages": f"{STATE}/messages",
        "heard": HEARD,
        "spool": SPOOL,
        **({"mail": _mail(host)} if "mail" in host.settings else {}),
        **({"transcription": _transcription(host)} if "transcription" in host.settings else {}),
        **({"recogniser": understands} if listens and understands else {}),
    }


def _mail(host: Host) -> dict[str, Any]:
    """How e-mails leave. Raises InventoryError."""
    given = dict(host.settings["mail"])
    if strange := sorted(set(given) - {*MAIL, "port", "tls", "user"}):
        raise InventoryError(f"host {host.name}: pbx_mail_settings has no {strange[0]}; it has {MAIL_KEYS}")
    if missing := [key for key in MAIL if not given.get(key)]:
        raise InventoryError(f"host {host.name}: pbx_mail_settings has no {missing[0]}; it has {MAIL_KEYS}")
    if given.get("tls", "starttls") not in ("starttls", "tls", "none"):
        raise InventoryError(f"host {host.name}: pbx_mail_settings.tls is starttls, tls or none")
    return given


def _transcription(host: Host) -> dict[str, Any]:
    """The program that writes down messages. Raises InventoryError."""
    given = dict(host.settings["transcription"])
    where = f"host {host.name}: pbx_transcription_settings"
    if strange := sorted(set(given) - {"command", "within"}):
        raise InventoryError(f"{where} has no {strange[0]}; it has command and within")
    words, within = given.get("command"), given.get("within", 60)
    if not isinstance(words, list) or not words or not all(isinstance(word, str) and word for word in words):
        raise InventoryError(f"{where}.command is a list: a program and its arguments")
    if not words[0].startswith("/"):
        raise InventoryError(f"{where}.command: {words[0]} is no whole path of a program")
    if not isinstance(within, int) or not 1 <= within <= 110:
        raise InventoryError(f"{where}.within is 1 to 110, in seconds")
    return given


def engine(host: Host, instance: int = 1, tones: str = "RU") -> dict[str, Any]:
    """/etc/pbx/media.json."""
    return {
        "name": host.name,
        "instance": instance,
        "address": host.media_address,
        "port": 41000,
        "socket": ENGINE,
        "prompts": f"{STATE}/prompts",
        "tones": tones,
        "recordings": HEARD,
    }
