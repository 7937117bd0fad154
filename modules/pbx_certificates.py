#!/usr/bin/python
"""Ansible module pbx_certificates: see DOCUMENTATION."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pbx.core.plugins.module_utils.actions import Step, named, report, state_option
from ansible_collections.pbx.core.plugins.module_utils.certificates import (
    Certificate,
    CertificateError,
    fits,
    read,
)
from ansible_collections.pbx.core.plugins.module_utils.files import Want, file_steps, write
from ansible_collections.pbx.core.plugins.module_utils.kamailio_rpc import KamailioDown, KamailioRpc, RpcError
from ansible_collections.pbx.core.plugins.module_utils.kamailio_service import certificate_of, served_certificate

DOCUMENTATION = r"""
module: pbx_certificates
short_description: Certificates and keys of a server, whole and not at their end
description:
  - Copies staged certificates, keys and authorities to where services read them, a certificate always with its key. One
    that has ended, or that its key does not fit, is refused before anything is written.
  - Compares what the running Kamailio shows in a handshake with the file and has it read the file again. Nothing is
    restarted and open connections stay.
  - A host has many certificates that are not ours, so there is no V(overridden); a certificate is a whole thing, so
    V(merged) would be V(replaced). A server without one could not start, so there is no V(deleted), and the text is not
    made here, so there is no V(rendered).
options:
  state:
    description: V(replaced) makes the named files as their sources are. V(gathered) only reads.
    type: str
    choices: [replaced, gathered]
    default: replaced
  certificates:
    description:
      - List of entries. C(certificate) and C(key) are paths on this host, C(ca) one more, if there is one.
      - C(from) is the folder of staged files of the same names. Without it the files are only checked.
      - C(owner), C(group) and C(mode) are those of certificate and key; the authority may be read by all.
    type: list
    elements: dict
    required: true
  warn_days:
    description: A certificate that ends within so many days is told in RV(expiring).
    type: int
    default: 30
  served_at:
    description: Address and port where the running Kamailio shows the first certificate. Empty leaves the server alone.
    type: str
    default: ""
  run_dir:
    description: The folder of Kamailio's control sockets.
    type: path
    default: /run/kamailio
author: The pbx-as-code authors (@pbx-as-code)
"""

EXAMPLES = r"""
- name: Certificate of the edge
  pbx.core.pbx_certificates:
    certificates:
      - certificate: /etc/pbx/tls/server.pem
        key: /etc/pbx/tls/server.key
        ca: /etc/pbx/tls/ca.pem
        from: /run/pbx-apply
        group: kamailio

- name: Take in what certbot has renewed
  pbx.core.pbx_certificates:
    certificates:
      - {certificate: /etc/letsencrypt/live/sip/fullchain.pem, key: /etc/letsencrypt/live/sip/privkey.pem}
    served_at: 192.0.2.11:5061
"""

RETURN = r"""
actions:
  description: >-
    What was done, or would be in check mode; C(op), C(kind) (C(file), C(certificate)), C(id) (the path), C(fields).
    C(reload) of a certificate is what the running server is told.
  returned: always
  type: list
  elements: dict
before:
  description: What the actions touch as it was, by kind and path; of contents the SHA-256.
  returned: when O(state=replaced)
  type: dict
after:
  description: The same as it is wanted.
  returned: when O(state=replaced)
  type: dict
digest:
  description: Of the wanted certificates; two runs with the same digest want the same.
  returned: when O(state=replaced)
  type: str
expiring:
  description: A sentence for each certificate that ends within O(warn_days).
  returned: always
  type: list
  elements: str
gathered:
  description: >-
    O(certificates) with C(subject), C(issuer), C(not_after), C(days_left), C(sha256) (of the DER form) and C(key_fits).
    One that is not there, or is none, has C(problem).
  returned: when O(state=gathered)
  type: list
  elements: dict
"""

Entry = dict[str, Any]


def told(entry: Entry) -> Entry:
    """An entry with what its file says."""
    plain = {name: value for name, value in entry.items() if name != "from"}
    try:
        found = read(entry["certificate"])
    except CertificateError as error:
        return {**plain, "problem": str(error)}
    return {**plain, **facts(found), "key_fits": fits(entry["certificate"], entry["key"])}


def facts(one: Certificate) -> Entry:
    """What may be told of a certificate."""
    ends = {"not_after": one.not_after, "days_left": one.days_left()}
    return {"subject": one.subject, "issuer": one.issuer, **ends, "sha256": one.sha256}


def staged(entry: Entry, path: str) -> str:
    """Where the wanted content is: in the folder of staged files, or at the place itself."""
    return f"{entry['from']}/{path.rpartition('/')[2]}" if entry.get("from") else path


def wanted(entry: Entry) -> list[Want]:
    """The files of an entry that is brought here: key first, so that a reader between the two has a pair that fails."""
    if not entry.get("from"):
        return []
    wants = []
    for option in ("ca", "key", "certificate"):
        if option in entry:
            with open(staged(entry, entry[option]), "rb") as stream:
                content = stream.read()
            owner, group = str(entry.get("owner") or "root"), str(entry.get("group") or "root")
            mode = 0o644 if option == "ca" else int(str(entry.get("mode") or "0640"), 8)
            wants.append(Want(entry[option], "file", content, None, owner, "root" if option == "ca" else group, mode))
    return wants


def checked(entry: Entry) -> Certificate:
    """The wanted certificate of an entry; a CertificateError when it must not be used."""
    certificate, key = staged(entry, entry["certificate"]), staged(entry, entry["key"])
    found = read(certificate)
    if found.days_left() < 0:
        raise CertificateError(f"{certificate}: it has ended at {found.not_after}; nothing was changed")
    if not fits(certificate, key):
        raise CertificateError(f"{key}: it is not the key of {certificate}; nothing was changed")
    return found


def plan(params: dict[str, Any], files: list[Want]) -> list[Step]:
    """Files that differ; then what the running server has to read again."""
    steps = file_steps(files)
    address, _, port = params["served_at"].rpartition(":")
    if not port or not params["certificates"]:
        return steps
    path = params["certificates"][0]["certificate"]
    served, new = served_certificate(address, int(port)), any(one.id == path for one in steps)
    if served and (new or served != certificate_of(path)):
        steps.append(Step("reload", "certificate", path, fields=("running",)))
    return steps


def run(module: AnsibleModule) -> None:
    """Have, want, plan, apply, read back."""
    params: dict[str, Any] = module.params
    entries: list[Entry] = params["certificates"]
    if any(not {"certificate", "key"} <= set(entry) for entry in entries):
        raise CertificateError("certificates: each entry needs certificate and key")
    if params["state"] == "gathered":
        found = [told(entry) for entry in entries]
        module.exit_json(changed=False, actions=[], gathered=found, expiring=expiring(params, found))
    certificates = [{**entry, **facts(checked(entry))} for entry in entries]
    files = [want for entry in entries for want in wanted(entry)]
    steps = plan(params, files)
    digests = [{"path": one["certificate"], "sha256": one["sha256"]} for one in certificates]
    done = report(steps, digests, [], expiring=expiring(params, certificates))
    if steps and not module.check_mode:
        for want in files:
            write(want)
        if any(one.op == "reload" for one in steps):
            KamailioRpc(params["run_dir"]).call("tls.reload")
        left = plan(params, files)
        if left:
            module.fail_json(msg=f"not as wanted afterwards: {named(left)}", **done)
    module.exit_json(**done)


def expiring(params: dict[str, Any], certificates: list[Entry]) -> list[str]:
    """Sentences about those that end soon."""
    soon = [one for one in certificates if one.get("days_left", params["warn_days"]) < params["warn_days"]]
    return [f"{one['certificate']} ({one['subject']}) ends in {one['days_left']} days" for one in soon]


def main() -> None:
    """The module."""
    module = AnsibleModule(
        argument_spec={
            "state": state_option("replaced", "gathered"),
            "certificates": {"type": "list", "elements": "dict", "required": True},
            "warn_days": {"type": "int", "default": 30},
            "served_at": {"type": "str", "default": ""},
            "run_dir": {"type": "path", "default": "/run/kamailio"},
        },
        supports_check_mode=True,
    )
    try:
        run(module)
    except (CertificateError, RpcError, KamailioDown, OSError) as error:
        module.fail_json(msg=str(error), actions=[], expiring=[])


if __name__ == "__main__":
    main()
