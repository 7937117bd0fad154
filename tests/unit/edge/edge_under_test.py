"""A real Kamailio with our configuration, in a network namespace and folders of its own."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from ansible_collections.pbx.core.plugins.module_utils.kamailio_rpc import KamailioRpc
from ansible_collections.pbx.core.plugins.module_utils.kamailio_schema import create_location, create_tables

ROLE = Path(__file__).resolve().parents[3] / "roles" / "kamailio"
EDGE, CALLS, CALLS_2 = "10.77.0.11", "10.77.0.13", "10.77.0.14"
PHONE, PHONE_2, CARRIER, STRANGER, OFFICE = (
    "10.78.0.11", "10.78.0.12", "198.51.100.10", "203.0.113.66", "203.0.113.80",
)  # fmt: skip
ADDRESSES = (EDGE, CALLS, CALLS_2, PHONE, PHONE_2, CARRIER, STRANGER, OFFICE)

REGISTER_EVERY = 'modparam("uac", "reg_timer_interval", 5)'
SETTINGS = {
    "max_fail": 5, "ban_seconds": 300, "max_invites": 0, "max_subscribes": 0, "owner_timeout": 600,
    "device_timeout": 2000, "trunk_timeout": 2000,
}  # fmt: skip


class EdgeUnderTest:
    """Start with `start()`; `folder` holds what /etc, /run and /var/lib hold on a real edge."""

    def __init__(self, *, children: int = 2, pike_density: int = 100000, private_mb: int = 16, **more: str) -> None:
        self.features = more.pop("features", "").split()  # WITH_… of the routing files
        self.words = more  # what pbx_local.cfg says otherwise
        self.children, self.pike_density, self.private_mb = children, pike_density, private_mb
        self.user = pwd.getpwnam("kamailio")
        self.folder = Path(tempfile.mkdtemp(prefix="pbx-edge-"))
        self.run_dir = self.folder / "run"
        self.run_dir.mkdir()
        self.database = self.folder / "pbx.sqlite"
        self.rpc = KamailioRpc(self.run_dir, timeout=5)
        self.process: subprocess.Popen[bytes] | None = None
        self.holder = subprocess.Popen(["unshare", "-n", "sleep", "infinity"])
        self._wait(lambda: os.stat(f"/proc/{self.holder.pid}/ns/net").st_ino != os.stat("/proc/self/ns/net").st_ino)
        self._inside("ip", "link", "set", "lo", "up")
        for address in ADDRESSES:
            self._inside("ip", "address", "add", f"{address}/32", "dev", "lo")
        self.write_files()

    @property
    def namespace(self) -> int:
        return self.holder.pid

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def write_files(self) -> None:
        for name in ("kamailio.cfg", "pbx_outside.cfg", "pbx_inside.cfg", "pbx_browsers.cfg"):
            shutil.copy(ROLE / "files" / name, self.folder)
        config = self.folder / "kamailio.cfg"
        text = config.read_text()
        assert (
            REGISTER_EVERY in text
        )  # seconds until Kamailio looks whether a trunk is to be registered: tests wait for it
        config.write_text(text.replace(REGISTER_EVERY, REGISTER_EVERY.replace("5", "1")))
        names = {
            "SIP_ADDRESS": EDGE, "PUBLIC_ADDRESS": EDGE, "PUBLIC_PORT": 5060, "OUTSIDE_PORT": 5060, "INSIDE_PORT": 5080,
            "TLS_PORT": 5061, "WSS_PORT": 8443, "WSS_ORIGINS": "^https://",
            "SERVER_NAME": "edge1", "CHILDREN": self.children, "PIKE_DENSITY": self.pike_density,
            "RUN_DIR": self.run_dir, "STATE_DIR": self.folder, "ETC_DIR": self.folder,
        }  # fmt: skip
        names.update(self.words)
        local = "".join(f"#!define {name}\n" for name in self.features)
        local += "".join(f'#!substdef "!{name}!{value}!g"\n' for name, value in names.items())
        (self.folder / "pbx_local.cfg").write_text(local)
        settings = "".join(f'pbx.{name} = {value} desc "{name}"\n' for name, value in SETTINGS.items())
        (self.folder / "pbx_settings.cfg").write_text(settings)
        (self.folder / "pbx_dispatcher.list").write_text("")
        (self.folder / "pbx_addresses").write_text("")
        create_tables(self.database)
        create_location(self.run_dir / "location.sqlite")

    def start(self) -> None:
        for path in (self.folder, *self.folder.rglob("*")):
            os.chown(path, self.user.pw_uid, self.user.pw_gid)
        # as systemd does with User=: never root, also while it makes its sockets
        command = [
            "nsenter", f"--net=/proc/{self.holder.pid}/ns/net",
            "setpriv", "--reuid=kamailio", "--regid=kamailio", "--clear-groups", "--inh-caps=-all",
            "kamailio", "-DD", "-E", "-x", "fm", "-X", "fm", "-m", "64", "-M", str(self.private_mb),
            "-Y", str(self.run_dir), "-P", str(self.run_dir / "kamailio.pid"), "-f", str(self.folder / "kamailio.cfg"),
        ]  # fmt: skip
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        process = self.process

        def ready() -> bool:
            assert process.poll() is None, f"kamailio ended:\n{self.log[-3000:]}"
            return self.rpc.up()

        self._wait(ready)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Signal until it ends (Kamailio's main process can miss one), then end what children are left."""
        if self.process is None:
            return
        deadline = time.monotonic() + 20
        while self.process.poll() is None and time.monotonic() < deadline:
            self.process.send_signal(how)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.1)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None

    def close(self) -> None:
        self.stop(signal.SIGKILL)
        self.holder.kill()
        self.holder.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def fill(self, table: str, rows: dict[str, str]) -> None:
        """Rows straight into the running htable, as a test's ground state."""
        self.rpc.calls([("htable.sets", (table, key, value)) for key, value in rows.items()])

    def addresses(self, text: str) -> None:
        (self.folder / "pbx_addresses").write_text(text)
        self.rpc.call("permissions.addressReload")

    def _inside(self, *command: str) -> None:
        subprocess.run(["nsenter", f"--net=/proc/{self.holder.pid}/ns/net", *command], check=True)

    @staticmethod
    def _wait(done: object, seconds: float = 10.0) -> None:
        deadline = time.monotonic() + seconds
        while not done():  # type: ignore[operator]
            assert time.monotonic() < deadline, "the edge did not come up in time"
            time.sleep(0.01)
