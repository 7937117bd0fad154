"""pbx-web that cannot start says what is missing and what to do."""

import json
from pathlib import Path

import pytest

from pbx.server import web


def test_a_certificate_that_is_not_there_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = tmp_path / "web.json"
    names = {name: f"{tmp_path}/{name}" for name in ("store", "tokens", "secrets", "audit")}
    tls = {"certificate": f"{tmp_path}/server.pem", "key": f"{tmp_path}/server.key"}
    config.write_text(json.dumps({"listen": "127.0.0.1", "port": 1, "tls": tls, "calls": [], **names}))
    assert web.main(["--config", str(config)]) == 1
    assert f"{tmp_path}/server.pem is not there" in caplog.text
    assert "pbx_web_settings" in caplog.text
