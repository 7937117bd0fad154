"""Who stands where in the lab: names, addresses and the way between them. Nothing here touches the machine."""

GATEWAY = "10.77.0.1"
"""The router: the lab namespace's own address, where the controller's ssh comes from."""

HOSTS = {
    "edge1": "10.77.0.11",
    "relay1": "10.77.0.12",
    "calls1": "10.77.0.13",
    "edge2": "10.77.0.21",
    "relay2": "10.77.0.22",
    "calls2": "10.77.0.23",
    "store1": "10.77.0.31",
    "pbx1": "10.77.0.11",
}
"""All throw-away hosts there may be, on one bridge. pbx1 is a whole PBX on one host, in edge1's place, so that
phones find it where they find the edge."""

SHAPES = {
    "lab": ("edge1", "relay1", "calls1"),
    "single": ("pbx1",),
    "cluster": ("edge1", "edge2", "relay1", "relay2", "calls1", "calls2", "store1"),
}
"""The hosts of inventory/SHAPE."""

DEFAULT = SHAPES["lab"]

EXAMPLE_ADDRESSES = {
    "192.0.2.5": "pbx1",
    "10.0.0.11": "edge1",
    "10.0.0.12": "edge2",
    "10.0.0.21": "relay1",
    "10.0.0.22": "relay2",
    "10.0.0.31": "calls1",
    "10.0.0.32": "calls2",
    "10.0.0.41": "store1",
}
"""Whom the addresses in inventory/single and inventory/cluster stand for."""

OUTSIDE = {
    **{f"phone{n}": f"10.78.0.{10 + n}" for n in range(1, 7)},
    "mtt": "198.51.100.10",
    "ural": "192.0.2.10",
    "stranger": "203.0.113.66",
    "nat": "203.0.113.80",
}
"""The outside parties: each has a link of its own to the router and knows nobody but it."""

BEHIND_NAT = {"natphone": "192.168.55.10"}
NAT_INSIDE = "192.168.55.1"
NAT_NETWORK = "192.168.55.0/24"

ROUTER = "lab"
"""The name of the router's own namespace, for `exec lab tcpdump …`."""

ADDRESSES = {ROUTER: GATEWAY, **HOSTS, **OUTSIDE, **BEHIND_NAT}

NAMES = {**HOSTS, "romashka.example": HOSTS["edge1"], "mtt.example": OUTSIDE["mtt"], "ural.example": OUTSIDE["ural"]}
"""What /etc/hosts says, on the hosts and for the outside parties."""


class Trouble(Exception):
    """Something the person at the keyboard can do something about; the text says what."""


def hosts_file(own_name: str) -> str:
    """The text of /etc/hosts for one host or party."""
    lines = ["127.0.0.1 localhost", f"127.0.1.1 {own_name}"] if own_name not in NAMES else ["127.0.0.1 localhost"]
    lines += [f"{address} {name}" for name, address in NAMES.items()]
    return "\n".join(lines) + "\n"
