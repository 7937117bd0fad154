"""Writes the model of the bars: 10,000 users and 10,000 numbers in one tenant, about 5 MB of YAML in block style.

`python tests/bench/big_model.py FOLDER [USERS [NUMBERS]]` · `python tests/bench/big_model.py --measure FOLDER` prints
what `pbx validate FOLDER` costs (B6: CPU seconds of the whole process, the most memory it had).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

SITE = """\
version: pbx/v1
trunks:
  mtt: {proxy: "sip:mtt.example", addresses: ["198.51.100.10"], max_channels: 3000, options_ping: 30s}
outbound_routes:
  world: {prefixes: ["+"], trunks: [trunk/mtt]}
"""
TENANT = """\
version: pbx/v1
tenant: {id: big, name: Big, domain: big.example, country: RU, timezone: Europe/Moscow, languages: [ru-RU]}
locations:
  msk: {address: "Москва, Примерная 1", emergency: {caller_id: "+74951000112", trunks: [trunk/mtt]}}
emergency: {numbers: ["112"]}
"""


def user(index: int) -> str:
    return f"""\
  user{index:05d}:
    name: Пользователь Номер {index}
    email: user{index:05d}@big.example
    extension: "{200_000 + index}"
    location: location/msk
    caller_id: "+7{4_950_000_000 + index}"
    class_of_service: class_of_service/national
    languages: [ru-RU]
    devices:
      desk:
        type: desk_phone
        model: yealink-t54w
        mac: "80:5e:c0:{index >> 16:02x}:{index >> 8 & 255:02x}:{index & 255:02x}"
      mobile:
        type: outside
        number: "+7{9_160_000_000 + index}"
        confirm: true
"""


def number(index: int, users: int) -> str:
    return f"""\
  "+7{4_950_000_000 + index}":
    trunk: trunk/mtt
    to: user/user{index % users:05d}
    state: active
"""


def tenant(users: int, numbers: int) -> Iterator[str]:
    yield TENANT
    yield "users:\n"
    yield from (user(index) for index in range(users))
    yield "numbers:\n"
    yield from (number(index, users) for index in range(numbers))


def write(root: Path, users: int = 10_000, numbers: int = 10_000) -> None:
    """A model root; the numbers are at least as many as the users, each of whom shows one."""
    for folder, text in (("site", SITE), ("big", "".join(tenant(users, numbers)))):
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / f"{folder}.yml").write_text(text, "utf-8")


def measure(root: Path, verb: str = "validate") -> tuple[float, float]:
    """CPU seconds and MiB of `pbx VERB ROOT`, a process of its own."""
    words = [sys.executable, "-c", "from pbx.cli.main import main; main()", verb, str(root)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    quiet = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_WRONLY, 0) for stream in (1, 2)]
    child = os.posix_spawn(sys.executable, words, environment, file_actions=quiet)
    _, status, usage = os.wait4(child, 0)
    if status != 0:
        raise SystemExit(f"pbx {verb} {root} ended with {os.waitstatus_to_exitcode(status)}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


if __name__ == "__main__":
    if sys.argv[1] == "--measure":
        seconds, mebibytes = measure(Path(sys.argv[2]))
        print(f"pbx validate: {seconds:.2f} s CPU, {mebibytes:.0f} MiB")
    else:
        write(Path(sys.argv[1]), *map(int, sys.argv[2:4]))
