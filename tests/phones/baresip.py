"""A real phone: one baresip 1.0.0 process with one account, in a network namespace of its own.

It sends its own tone (module aufile), an `Ear` at its host measures what reaches it, and its SIP trace gives every
message it sent and received. What it decodes is in `recordings()` too (module sndfile), which also works with SRTP.
"""

import contextlib
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from phones import message, netns, tone
from phones.control import Control, Event, PhoneError
from phones.ear import Ear

MODULES = "/usr/lib/baresip/modules"
MEDIA_PORTS = 20  # UDP ports of a phone: ten calls at once
CTRL_PORT = 14444
SILENT_SOURCE = 0.0
SPARE = "<sip:spare@127.0.0.1>;regint=0"

CONFIG = """\
sip_listen {address}:{port}
{certificate}
net_interface {interface}
rtp_ports {first_media}-{last_media}
audio_source aufile,{home}/tone.wav
audio_srate 8000-8000
audio_channels 1-1
jitter_buffer_delay 1-5
call_local_timeout 120
call_max_calls 8
snd_path {home}/heard
ctrl_tcp_listen {address}:{control}
module_path {modules}
ringback_disabled yes
menu_bell no
statmode_default off
module g711.so
module aufile.so
module sndfile.so
module srtp.so
module dtls_srtp.so
module uuid.so
module_app ctrl_tcp.so
module_app menu.so
module_app account.so
{more}
"""


class Baresip:
    """A context manager: the process starts with it and is ended, with its folder, by it.

    `user` is an address of record (`ivanov-desk@romashka.example`); `proxy` is host:port of the edge; `hz` the tone it
    sends, `SILENT_SOURCE` for silence. `namespace` None means loopback, where every phone needs its own `address`.
    """

    def __init__(
        self,
        user: str,
        *,
        namespace: str | None = None,
        address: str = "127.0.0.1",
        port: int = 5060,
        password: str = "",
        proxy: str = "",
        transport: str = "udp",
        hz: float = 600.0,
        media_port: int = 16000,
        control_port: int = CTRL_PORT,
        account: str = "",
        codecs: str = "PCMA,PCMU",
        certificate: str = "",
        authority: str = "",
        tone_seconds: float = 120.0,
        modules: Sequence[str] = (),
    ) -> None:
        self.user, self.address, self.port, self.hz = user, address, port, hz
        self.namespace, self.transport = namespace, transport
        self._media = range(media_port, media_port + MEDIA_PORTS)
        self._control_port = control_port
        self._certificate = certificate
        self._authority = authority
        self._tone_seconds = tone_seconds
        self._modules = modules  # further ones, e.g. `mwi`
        self._account = _account(user, password, proxy, transport, codecs, account)
        self._home = Path(tempfile.mkdtemp(prefix="baresip-"))

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def register(self, deadline: float = 5.0) -> Event:
        """Registers; PhoneError names the answer when it is refused."""
        place = self._renew("600")
        return self.control.wait_for("REGISTER_OK", deadline=deadline, since=place, unless=("REGISTER_FAIL",))

    def refused_register(self, deadline: float = 5.0) -> str:
        """Registers and expects to be refused: what the phone said about it (`403 Forbidden`)."""
        place = self._renew("600")
        failed = self.control.wait_for("REGISTER_FAIL", deadline=deadline, since=place, unless=("REGISTER_OK",))
        return failed.param

    def unregister(self, deadline: float = 5.0) -> None:
        """Takes the registration back (REGISTER with Expires 0) and goes on as a phone that is not registered."""
        place = self._renew("0")
        self.control.wait_for("UNREGISTERING", deadline=deadline, since=place)

    def dial(self, uri: str) -> "Place":
        """Dials and returns at once."""
        place = Place(self.control.mark(), time.monotonic())
        self.control.command("dial", uri)
        return place

    def answer(self, deadline: float = 5.0, since: int = 0) -> Event:
        """Answers the ringing call, waiting for it when it is not there yet, until it is established."""
        self.wait_incoming(deadline, since)
        place = self.control.mark()
        self.control.command("accept")
        return self.control.wait_for("CALL_ESTABLISHED", deadline=deadline, since=place, unless=("CALL_CLOSED",))

    def wait_incoming(self, deadline: float = 5.0, since: int = 0) -> Event:
        return self.control.wait_for("CALL_INCOMING", deadline=deadline, since=since)

    def wait_ringing(self, since: int = 0, deadline: float = 5.0) -> Event:
        """Until the far end rings, at a caller."""
        return self.control.wait_for("CALL_RINGING", deadline=deadline, since=since, unless=("CALL_CLOSED",))

    def wait_established(self, since: int = 0, deadline: float = 5.0) -> Event:
        return self.control.wait_for("CALL_ESTABLISHED", deadline=deadline, since=since, unless=("CALL_CLOSED",))

    def wait_closed(self, since: int = 0, deadline: float = 5.0) -> Event:
        return self.control.wait_for("CALL_CLOSED", deadline=deadline, since=since)

    def hangup(self) -> None:
        """Ends the call: CANCEL at a caller, 486 at a ringing callee, BYE when answered."""
        self.control.command("hangup")

    def hold(self) -> None:
        self._reinvite("hold")

    def resume(self) -> None:
        self._reinvite("resume")

    def digits(self, keys: str) -> None:
        """RFC 4733 digits, one after another."""
        for key in keys:
            self.control.command("sndcode", key)

    def place(self) -> "Place":
        """Now: a place in the events and on the clock."""
        return Place(self.control.mark(), time.monotonic())

    def messages(self, call_id: str | None = None) -> list[tuple[str, message.Message]]:
        """Every SIP message of the phone, or of one call, as ("sent" | "received", message), oldest first."""
        return [(way, m) for way, m in self._trace() if call_id in (None, m.get("Call-ID"))]

    def final(self, call_id: str) -> int:
        """The last final status of the phone's own INVITE of this call, 0 when there was none."""
        codes = [
            m.status
            for way, m in self._trace()
            if way == "received" and m.status >= 200 and m.method == "INVITE" and m.get("Call-ID") == call_id
        ]
        return codes[-1] if codes else 0

    def recordings(self) -> list[Path]:
        """What the phone itself decoded, a WAV for each call, oldest first; a file stops growing after a hold."""
        return sorted((self._home / "heard").glob("*-dec.wav"), key=lambda path: path.stat().st_mtime_ns)

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def _renew(self, interval: str) -> int:
        """The account anew with another `regint`: baresip 1.0.0 has no command to register or to leave by itself.

        A spare account is the current one meanwhile: `uadel` of the current one reads freed memory (as valgrind says),
        after which dialling fails with "Cannot allocate memory" or the phone crashes. And the old account must go
        first: both have the same `+sip.instance`, so its REGISTER with Expires 0 would take the new contact out.
        """
        place = self.control.mark()
        account = self._account.replace("regint=0", f"regint={interval}")
        for command, parameters in (
            ("uanew", SPARE),
            ("uanext", ""),
            ("uadel", f"sip:{self.user}"),
            ("uanew", account),
            ("uanext", ""),
            ("uadel", SPARE.partition(";")[0].strip("<>")),
        ):
            self.control.command(command, parameters)
        return place

    def _reinvite(self, what: str) -> None:
        place = self.control.mark()
        self.control.command(what)
        self.control.wait_for("CALL_REMOTE_SDP", deadline=5.0, since=place, unless=("CALL_CLOSED",))

    def _start(self) -> None:
        home = self._home
        (home / "heard").mkdir()
        self._log = home / "log"
        source = tone.sine(self.hz, self._tone_seconds) if self.hz else tone.sine(0, self._tone_seconds)
        tone.write_wav(home / "tone.wav", source)
        (home / "config").write_text(self._config())
        (home / "accounts").write_text(self._account + "\n")
        (home / "contacts").write_text("")
        self.ear = Ear(self.namespace, self.address, self._media)
        argv = netns.command(self.namespace, ["stdbuf", "-oL", "-eL", "baresip", "-4", "-s", "-f", str(home)])
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        alive = lambda: self._process.poll() is None  # noqa: E731
        try:
            self.control = Control(self.namespace, self.address, self._control_port, alive)
        except PhoneError as error:
            raise PhoneError(f"{error}\n{self.log()[-2000:]}") from error

    def _config(self) -> str:
        return CONFIG.format(
            address=self.address,
            port=self.port,
            interface=self.address,
            first_media=self._media.start,
            last_media=self._media.stop - 1,
            home=self._home,
            control=self._control_port,
            modules=MODULES,
            more="\n".join(f"module_app {name}.so" for name in self._modules),
            certificate="\n".join(
                f"{word} {path}"
                for word, path in (("sip_certificate", self._certificate), ("sip_cafile", self._authority))
                if path
            ),
        )

    def _end(self) -> None:
        process = getattr(self, "_process", None)
        if process is not None:
            process.terminate()
            try:
                process.wait(3)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for part in ("control", "ear"):
            if hasattr(self, part):
                with contextlib.suppress(OSError):
                    getattr(self, part).close()
        shutil.rmtree(self._home, ignore_errors=True)

    def _trace(self) -> Iterator[tuple[str, message.Message]]:
        """Messages of the SIP trace: `#`, a line `UDP source -> destination`, the message, an escape sequence."""
        own = f"{self.address}:"
        for part in self._log.read_bytes().split(b"\x1b[36;1m#\n")[1:]:
            head, _, rest = part.partition(b"\n")
            raw = rest.split(b"\x1b[;m")[0]
            source = re.match(r"\w+ (\S+) -> (\S+)", head.decode("ascii", "replace"))
            with contextlib.suppress(ValueError):
                yield ("sent" if source and source[1].startswith(own) else "received"), message.parse(raw)


class Place(int):
    """A place in a phone's events that also knows its time on the clock (`at`, monotonic seconds)."""

    at: float

    def __new__(cls, index: int, at: float) -> "Place":
        made = super().__new__(cls, index)
        made.at = at
        return made


def _account(user: str, password: str, proxy: str, transport: str, codecs: str, more: str) -> str:
    fields = ["regint=0", "answermode=manual", f"audio_codecs={codecs}", "ptime=20"]
    if password:
        fields += [f"auth_user={user.partition('@')[0]}", f"auth_pass={password}"]
    if proxy:
        fields.append(f'outbound="sip:{proxy};transport={transport}"')
    if more:
        fields.append(more)
    spoken = "" if transport == "udp" else f";transport={transport}"
    return f"<sip:{user}{spoken}>;" + ";".join(fields)
