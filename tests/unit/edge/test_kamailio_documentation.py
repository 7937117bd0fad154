"""What ansible-doc says of the edge's modules is what they take."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args

NAMES = ("kamailio_addresses", "kamailio_config", "kamailio_dispatcher", "kamailio_htables")


class Caught(Exception):
    """Carries the argument_spec out of a module's main()."""


@pytest.mark.parametrize("name", NAMES)
def test_documentation_is_the_argument_spec(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module(f"ansible_collections.pbx.core.plugins.modules.{name}")

    def catch(argument_spec: dict[str, Any], **_options: Any) -> None:
        raise Caught(argument_spec)

    monkeypatch.setattr(module, "AnsibleModule", catch)
    with patch_module_args({}), pytest.raises(Caught) as caught:
        module.main()
    spec = caught.value.args[0]
    options = yaml.safe_load(module.DOCUMENTATION)["options"]
    assert set(options) == set(spec)
    for option, given in spec.items():
        told = options[option]
        assert told["type"] == given["type"], option
        assert told.get("default") == given.get("default"), option
        assert told.get("choices") == given.get("choices"), option
        assert told.get("required", False) == given.get("required", False), option
    for part in ("EXAMPLES", "RETURN"):
        assert yaml.safe_load(getattr(module, part))
