"""A telephone in a web page: JsSIP in headless Chromium, in a network namespace of its own.

Its microphone is a WAV of a tone (Chromium's fake device), its ear measures what WebRTC decoded. The page comes from
no server: its address is answered here, so that it is a secure context and its Origin is what is said.
"""

from __future__ import annotations

import base64
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from phones import netns, tone
from playwright.sync_api import Route, sync_playwright

FOLDER = Path(__file__).parent
JSSIP = FOLDER / "vendor" / "jssip-3.13.8.js"
CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    # the page seems to be of the open Internet and the lab is not: Chromium would ask its user
    "--disable-features=WebRtcHideLocalIpsWithMdns,LocalNetworkAccessChecks",
)
HTML = "<!doctype html><title>phone</title><script src=jssip.js></script><script src=phone.js></script>"


class BrowserError(AssertionError):
    """The page did something else; the text says what it did."""


class Browser:
    """A context manager. `certificate` is the edge's own: the only one that the page's connections may meet."""

    def __init__(self, namespace: str, *, hz: float, certificate: Path, origin: str = "https://phone.example") -> None:
        self.hz = hz
        self._namespace = namespace
        self._pin = _pin(certificate)
        self._origin = origin
        self._home = Path(tempfile.mkdtemp(prefix="browser-"))

    def __enter__(self) -> Self:
        tone.write_wav(self._home / "tone.wav", tone.sine(self.hz, 60.0))
        start = self._home / "chromium"
        inside = " ".join(netns.command(self._namespace, [CHROMIUM]))
        start.write_text(f'#!/bin/sh\nexec {inside} "$@"\n')
        start.chmod(0o755)
        self._playwright = sync_playwright().start()
        try:
            flags = [*FLAGS, f"--use-file-for-fake-audio-capture={self._home}/tone.wav"]
            flags.append(f"--ignore-certificate-errors-spki-list={self._pin}")
            self._browser = self._playwright.chromium.launch(executable_path=start, args=flags, timeout=60_000)
            self.page = self._browser.new_page()
            self.page.route("**/*", self._serve)
            self.page.goto(self._origin + "/")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def register(self, uri: str, password: str, server: str) -> None:
        self.do("register", {"uri": f"sip:{uri}", "password": password, "server": server})

    def do(self, verb: str, *words: Any) -> Any:
        """A verb of phone.js, and what it returned."""
        return self.page.evaluate("([verb, words]) => phone[verb](...words)", [verb, list(words)])

    def events(self) -> list[str]:
        found: list[str] = self.page.evaluate("() => phone.events")
        return found

    def wait(self, what: str, deadline: float = 10.0, since: int = 0) -> None:
        """Until the page notes an event that begins so."""
        look = "([what, since]) => phone.events.slice(since).some((event) => event.startsWith(what))"
        try:
            self.page.wait_for_function(look, arg=[what, since], timeout=deadline * 1000, polling=50)
        except Exception as error:
            raise BrowserError(f"no {what!r} within {deadline} s, but {self.events()[since:]}") from error

    def wait_tone(self, hz: float, deadline: float = 8.0) -> None:
        """Until half a second of this tone was heard in one piece."""
        instead = self.do("waitTone", hz, 10, deadline)
        if instead:
            raise BrowserError(f"no {hz} Hz within {deadline} s, but {instead}")

    def sdp(self, way: str) -> str:
        """The last SDP that was `sent` or `received`."""
        found: str = self.page.evaluate("(way) => phone.seen[way]", way)
        return found

    def _serve(self, route: Route) -> None:
        name = route.request.url.removeprefix(self._origin).lstrip("/")
        if name == "":
            route.fulfill(body=HTML, content_type="text/html")
        elif name in ("jssip.js", "phone.js"):
            route.fulfill(path=JSSIP if name == "jssip.js" else FOLDER / name, content_type="text/javascript")
        else:
            route.abort()

    def _end(self) -> None:
        if hasattr(self, "_browser"):
            self._browser.close()
        self._playwright.stop()
        shutil.rmtree(self._home, ignore_errors=True)


def _pin(certificate: Path) -> str:
    """The SHA-256 of the public key, as Chromium wants it."""
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    digest = hashes.Hash(hashes.SHA256())
    digest.update(spki)
    return base64.b64encode(digest.finalize()).decode()
