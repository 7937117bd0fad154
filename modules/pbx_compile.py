#!/usr/bin/python
"""Documentation of the action plugin pbx_compile, which runs on the controller only."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pbx_compile
short_description: Compile the model for every host of the inventory
description:
  - Loads and validates the model root, then makes one document per server and role from the model and from inventory
    variables only, so C(--limit) works.
  - Reads the variables C(pbx_site_key) and C(pbx_secrets). No secret and no document is part of the result, which holds
    paths in a private folder of the controller that goes when the run ends.
options:
  model_root:
    description: Folder with C(site/) and one folder per tenant.
    type: path
    required: true
  lab_ca:
    description:
      - Folder on the controller with a certificate authority for throw-away hosts, made when it is not there. Each edge
        gets a certificate of it. Without this option certificates are the hosts' own business.
    type: path
  expect:
    description: Digest of what is wanted, from a plan. When it is another one now, the run ends before it began.
    type: str
  about:
    description: Commit and author of the model root when its folder is not under Git, as in a rollback.
    type: dict
    default: {}
author: The pbx-as-code authors (@pbx-as-code)
"""

EXAMPLES = r"""
- name: Compile
  pbx.core.pbx_compile:
    model_root: "{{ pbx_model_root }}"
  run_once: true
  register: pbx_compiled
"""

RETURN = r"""
servers:
  description: By host and role, the start-up configuration.
  returned: success
  type: dict
files:
  description: By host, path and digest of what is brought to it, such as documents, secrets and keys.
  returned: success
  type: dict
plan:
  description: C(compiled) holds the digests of what is wanted and of the servers, the revisions, and who compiled.
  returned: success
  type: dict
site_revision:
  description: Revision of what the operator owns.
  returned: success
  type: str
about:
  description: Who applies what, for the journals of the hosts, such as run, person, commit, author and revisions.
  returned: success
  type: dict
tenants:
  description: Revision of each tenant.
  returned: success
  type: dict
"""
