"""From the model and the inventory to one document per server and role. Pure: same input, same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pbx.desired import calls, edge, keeper, pins, recogniser, relay, store, web
from pbx.desired.hosts import Host, InventoryError, of_group
from pbx.desired.owners import owners
from pbx.desired.secrets import SOUND_KEY, SecretError, Secrets, device_password, given_secret, ha1, sound_key
from pbx.model.objects import Model, Tenant

FORMAT = 1
MAIL_PASSWORD = "mail_password"
ROLES: Mapping[str, str] = {
    "edge": "edges",
    "relay": "relays",
    "sealer": "relays",
    "calls": "calls",
    "keeper": "calls",
    "media": "media",
    "store": "store",
    "web": "web",
}


@dataclass(frozen=True, slots=True)
class Source:
    """What is compiled: the model, the plain data it was made of, and the audio of its prompts."""

    model: Model
    site: Mapping[str, Any]
    tenants: Mapping[str, Mapping[str, Any]]
    site_revision: str
    revisions: Mapping[str, str]  # tenant → revision (contracts §7.1)
    prompts: Sequence[str] = ()  # <sha256>.alaw


@dataclass(frozen=True, slots=True)
class ServerDocument:
    """One role of one server. `secrets` travels apart from `document`; `process` is the start-up configuration."""

    server: str
    role: str
    document: dict[str, Any]
    secrets: dict[str, str] = field(repr=False)
    process: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Compiled:
    site_revision: str
    tenants: dict[str, str]  # id → revision
    documents: tuple[ServerDocument, ...]

    def of(self, server: str, role: str) -> ServerDocument | None:
        """The document of a server's role, or None when it has no such role."""
        return next((one for one in self.documents if (one.server, one.role) == (server, role)), None)


def compile_all(source: Source, hosts: Sequence[Host], secrets: Secrets) -> Compiled:
    """All documents. Raises InventoryError, or SecretError that names every missing secret."""
    ordered = sorted(hosts, key=lambda host: host.name)
    _require_groups(ordered)
    revisions = {id_: source.revisions[id_] for id_ in sorted(source.tenants)}
    passwords = edge_secrets(source.model, secrets)
    trunks = trunk_secrets(source.model, secrets)
    mail = {SOUND_KEY: sound_key(secrets)} if _has_boxes(source.model) else {}
    keeper.require(source.model, ordered)
    _require_help(source.model, ordered)
    stored = {store.PASSWORD: store.password(secrets)} if store.server(ordered) else {}
    documents: list[ServerDocument] = []
    for host in ordered:
        for role, group in ROLES.items():
            if group not in host.groups or (role == "store" and host != store.server(ordered)):
                continue
            body, values, process = _role(
                role, source, ordered, host, revisions, passwords, trunks, stored, mail, secrets
            )
            head = {"format": FORMAT, "server": host.name, "role": role, "site_revision": source.site_revision}
            documents.append(ServerDocument(host.name, role, {**head, **body}, values, process))
    return Compiled(source.site_revision, revisions, tuple(documents))


def _role(
    role: str,
    source: Source,
    hosts: list[Host],
    host: Host,
    revisions: dict[str, str],
    passwords: dict[str, str],
    trunks: dict[str, str],
    stored: dict[str, str],
    mail: dict[str, str],
    secrets: Secrets,
) -> tuple[dict[str, Any], dict[str, str], dict[str, Any] | None]:
    if role == "edge":
        body = edge.document(source.model, hosts, host)
        registering = {row["auth_password"]["secret"] for row in body["registrations"]}
        values = {**passwords, **{name: trunks[name] for name in sorted(registering)}}
        return {"tenants": dict(revisions), **body}, values, None
    if role == "relay":
        return {"tenants": {}, **relay.document(host)}, {}, relay.process(host)
    if role == "sealer":
        return {"tenants": {}}, keeper.sealer_secrets(secrets), keeper.sealer(host, hosts)
    if role == "keeper":
        return {"tenants": {}}, {**stored, **keeper.keeper_secrets(host, hosts, secrets)}, keeper.keeper(host, hosts)
    if role == "calls":
        listens = recogniser.is_wanted(source.model)
        plains = {id_: {"revision": revisions[id_], "plain": dict(source.tenants[id_])} for id_ in source.tenants}
        owned = {tenant: one.instance for tenant, one in owners(source.model, hosts).items() if one.host == host}
        if host.settings.get("mail", {}).get("user"):
            mail = {**mail, MAIL_PASSWORD: given_secret(secrets.given, MAIL_PASSWORD, f"host {host.name}: mail")}
        values = {
            **trunks,
            **stored,
            **mail,
            **pins.hashes(source.model, secrets),
            **web.key_of_asked(host, hosts, secrets),
        }
        return calls.document(source.site, plains, owned), values, calls.process(host, hosts, listens=listens)
    if role == "web":
        return (
            web.document(source.model, secrets),
            {**stored, **mail, **web.key_of_asker(host, hosts, secrets), **keeper.key_of_asker(host, hosts, secrets)},
            web.process(host, hosts),
        )
    if role == "store":
        return {"tenants": {}, **store.document(host, hosts)}, dict(stored), None
    return {"tenants": {}, "prompts": sorted(source.prompts)}, {}, calls.engine(host)


def _require_help(model: Model, hosts: Sequence[Host]) -> None:
    """Boxes that tell by e-mail need somebody who sends it, those that are written down a program."""
    for what, says in (("mail", "tells by e-mail"), ("transcription", "is to be written down")):
        without = [host.name for host in of_group(list(hosts), "calls") if what not in host.settings]
        for tenant in model.tenants.values() if without else ():
            for box in tenant.services.voicemails.values():
                if box.transcribe if what == "transcription" else box.email != "none":
                    raise InventoryError(
                        f"{tenant.id}: voicemails/{box.id} {says}, and host {without[0]} has no pbx_{what}_settings"
                    )


def _has_boxes(model: Model) -> bool:
    return any(tenant.services.voicemails for tenant in model.tenants.values())


def edge_secrets(model: Model, secrets: Secrets) -> dict[str, str]:
    """`ha1/<address of record>` → HA1, for every device that registers."""
    values: dict[str, str] = {}
    missing: list[str] = []
    for tenant in model.tenants.values():
        for sip_user, user, device in edge.devices_of(tenant):
            try:
                values[f"ha1/{sip_user}@{tenant.domain}"] = _device_ha1(tenant, user, device, secrets)
            except SecretError as error:
                missing.append(str(error))
    if missing:
        raise SecretError("\n".join(missing))
    return values


def _device_ha1(tenant: Tenant, user_id: str, device_id: str, secrets: Secrets) -> str:
    user = tenant.users[user_id]
    password = device_password(secrets.site_key, secrets.given, tenant, user, user.devices[device_id])
    return ha1(f"{user_id}-{device_id}", tenant.domain, password)


def trunk_secrets(model: Model, secrets: Secrets) -> dict[str, str]:
    """Secret name → value for each trunk with a login."""
    return {
        trunk.login_secret: given_secret(secrets.given, trunk.login_secret, f"trunk {trunk.key}")
        for trunk in edge.all_trunks(model)
        if trunk.login_secret
    }


def _require_groups(hosts: list[Host]) -> None:
    empty = [group for group in ("edges", "relays", "calls") if not of_group(hosts, group)]
    if empty:
        raise InventoryError(f"the inventory has no host in: {', '.join(empty)}")
