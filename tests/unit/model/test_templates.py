"""Templates: what comes out of `use:`, that nothing of it is left, and what is said when it cannot be."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.model import template_schema

from pbx.model.load import Loaded, load
from pbx.model.problems import ModelErrors
from pbx.model.schemas import kinds_of, template_kinds

TENANT = """\
version: pbx/v1
tenant: {id: acme, name: Acme, domain: acme.example, country: RU, timezone: Europe/Moscow, languages: [ru-RU]}
locations: {msk: {emergency: {caller_id: "+74951000112", trunks: [trunk/mtt]}}}
emergency: {numbers: ["112"]}
numbers: {"+74951000100": {to: {hang_up: true}}}
"""
SITE = "version: pbx/v1\ntrunks: {mtt: {proxy: 'sip:mtt.example'}}\n"

pytestmark = pytest.mark.row("C01")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model root with a small tenant, and the folder that messages are relative to."""
    for folder, text in {"acme": TENANT, "site": SITE}.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "base.yml").write_text(text, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def loaded(root: Path, text: str, site: str = "") -> Loaded:
    (root / "acme/more.yml").write_text(text, "utf-8")
    (root / "site/more.yml").write_text(site, "utf-8")
    return load(".", whole=True)


def plain(root: Path, text: str, site: str = "") -> dict[str, Any]:
    return loaded(root, text, site).tenant_plain["acme"]


def refused(root: Path, text: str, site: str = "") -> list[str]:
    with pytest.raises(ModelErrors) as caught:
        loaded(root, text, site)
    return [str(problem) for problem in caught.value.problems]


def test_the_schema_is_fresh() -> None:
    assert template_schema.FILE.read_text("utf-8") == template_schema.made()


def test_which_kinds_have_templates() -> None:
    """All whose objects have keys of their own."""
    assert set(template_kinds()) == {*kinds_of("tenant"), *kinds_of("site")} - {"flows", "prompts", "voices"}


def test_a_template_is_as_if_written_out(root: Path) -> None:
    with_one = loaded(
        root,
        """\
templates:
  users:
    office:
      location: location/msk
      languages: [ru-RU]
      devices: {desk: {type: desk_phone, model: t54w}}
users:
  a: {use: office, extension: "201"}
  b: {use: office, extension: "202", languages: [], devices: {desk: {model: t57w}, soft: {type: softphone}}}
""",
    )
    written_out = loaded(
        root,
        """\
users:
  a: {extension: "201", location: location/msk, languages: [ru-RU], devices: {desk: {type: desk_phone, model: t54w}}}
  b:
    extension: "202"
    location: location/msk
    devices: {desk: {type: desk_phone, model: t57w}, soft: {type: softphone}}
""",
    )
    assert with_one.tenant_plain == written_out.tenant_plain
    assert with_one.revisions == written_out.revisions
    assert with_one.model == written_out.model


def test_the_later_of_several_wins_and_the_object_over_all(root: Path) -> None:
    groups = plain(
        root,
        """\
templates:
  ring_groups:
    quick: {ring_timeout: 5s, rounds: 3, ring: sequential}
    calm: {ring_timeout: 50s, rounds: 2}
users: {a: {}}
ring_groups:
  x: {use: [quick, calm], rounds: 1, members: [user/a], on_no_answer: {hang_up: true}}
  y: {use: [calm, quick], members: [user/a], on_no_answer: {hang_up: true}}
""",
    )["ring_groups"]
    assert [groups["x"][key] for key in ("ring", "ring_timeout", "rounds")] == ["sequential", "50s", 1]
    assert [groups["y"][key] for key in ("ring", "ring_timeout", "rounds")] == ["sequential", "5s", 3]


def test_lists_and_destinations_are_replaced_as_a_whole(root: Path) -> None:
    group = plain(
        root,
        """\
templates: {ring_groups: {x: {members: [user/a, user/b], on_no_answer: {reject: 603}}}}
users: {a: {}, b: {}, c: {}}
ring_groups: {x: {use: x, members: [user/c], on_no_answer: {hang_up: true}}}
""",
    )["ring_groups"]["x"]
    assert group["members"] == ["user/c"]
    assert group["on_no_answer"] == {"hang_up": True}


def test_templates_use_templates_and_those_of_the_site(root: Path) -> None:
    document = plain(
        root,
        """\
templates: {users: {chief: {use: staff, email: chief@acme.example}}}
users: {a: {use: chief, extension: "201"}}
""",
        "templates: {users: {staff: {use: all, email: staff@acme.example}, all: {location: location/msk}}}\n",
    )
    assert document["users"]["a"]["email"] == "chief@acme.example"
    assert document["users"]["a"]["location"] == "location/msk"


def test_objects_that_stand_once_or_in_a_list(root: Path) -> None:
    made = loaded(
        root,
        """\
templates:
  tests: {noon: {at: "2026-11-09T12:00+03:00", from: "+79161234567"}}
  numbers: {closed: {state: suspended, to: {hang_up: true}}}
numbers: {"+74951000101..+74951000109": {use: closed}}
tests: [{use: noon, to: "+74951000100"}]
""",
    )
    assert made.tests["acme"][0].caller == "+79161234567"
    assert made.tenant_plain["acme"]["numbers"]["+74951000105"]["state"] == "suspended"


def test_nothing_of_it_is_left(root: Path) -> None:
    text = repr(plain(root, "templates: {users: {x: {name: Ann}}}\nusers: {a: {use: x}, b: {use: [x, x]}}\n"))
    assert "use'" not in text
    assert "template" not in text


# --- what is said ----------------------------------------------------------------------------------------------------


def test_what_an_object_gets_from_a_template_names_both_places(root: Path) -> None:
    assert refused(
        root,
        "templates:\n  users:\n    office:\n      location: location/moon\nusers:\n  a: {use: office}\n",
    ) == [
        "acme/more.yml:6:3: users.a.location: location/moon does not exist; did you mean "
        '"location/msk"? (from template office in acme/more.yml:4)'
    ]


def test_what_the_object_says_itself_is_its_own(root: Path) -> None:
    assert refused(
        root,
        "templates: {users: {x: {location: location/moon}}}\nusers:\n  a: {use: x, location: location/sun}\n",
    ) == ['acme/more.yml:3:15: users.a.location: location/sun does not exist; did you mean "location/msk"?']


def test_a_mistake_in_a_template_is_told_once(root: Path) -> None:
    """At its own place, however many use it, and when nobody does."""
    text = "templates:\n  users:\n    x: {extension: 201, devices: {d: {typ: softphone}}}\n"
    once = [
        'acme/more.yml:3:9: templates.users.x.extension: 201 is a number here; quote it: "201"',
        'acme/more.yml:3:39: templates.users.x.devices.d.typ: unknown key; did you mean "type"?',
    ]
    assert refused(root, text) == once
    more = refused(root, text + "users:\n  a: {use: x}\n  b: {use: x}\n")
    assert more[:2] == once
    (missing,) = more[2:]
    assert missing.startswith("acme/more.yml:5:3: users.a.devices.d: type is missing: ")
    assert missing.endswith(" (from template x in acme/more.yml:3; and 1 more that uses it)")


def test_what_is_missing_after_all_is_missing(root: Path) -> None:
    (said,) = refused(root, "templates: {numbers: {x: {state: active}}}\nnumbers: {'+74951000101': {use: x}}\n")
    assert said.startswith("acme/more.yml:2:11: numbers.+74951000101: to is missing: ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "users:\n  a: {use: offise}\ntemplates: {users: {office: {}}}\n",
            '2:7: users.a.use: there is no template offise of users; did you mean "office"?',
        ),
        (
            "users:\n  a: {use: [office, x]}\ntemplates: {users: {office: {}}, trunks: {x: {}}}\n",
            "2:21: users.a.use[1]: there is no template x of users; "
            "write it under templates.users, or name one that is there",
        ),
        (
            "users:\n  a: {use: 5}\n",
            "2:7: users.a.use: use names a template, or a list of them; for example use: office",
        ),
        (
            "templates: {users: {x: {use: x}}}\nusers: {a: {use: x}}\n",
            "1:25: templates.users.x.use: templates use one another in a circle, x → x; take a use: out of one",
        ),
        (
            "templates:\n  users:\n    x: {use: y}\n    y: {use: [z]}\n    z: {use: x}\n",
            "5:9: templates.users.z.use: templates use one another in a circle, x → y → z → x; take a use: out of one",
        ),
        (
            "templates: {flows: {x: {}}}\n",
            "1:13: templates.flows: there are no templates of flows; take this out",
        ),
        (
            "templates: {user: {x: {}}}\n",
            '1:13: templates.user: unknown kind; did you mean "users"?',
        ),
        (
            "templates: [office]\n",
            "1:1: templates: a list is not right here; it is a mapping of kinds: templates: {users: {NAME: {…}}}",
        ),
        (
            "templates: {users: office}\n",
            "1:13: templates.users: office is not right here; it is a mapping of names: users: {NAME: {…}}",
        ),
        (
            "templates: {users: {x: office}}\nusers: {a: {use: x}}\n",
            '1:21: templates.users.x: "office" is not right here; it is a mapping',
        ),
    ],
)
def test_mistakes(root: Path, text: str, said: str) -> None:
    assert refused(root, text) == [f"acme/more.yml:{said}"]


def test_the_name_of_one_of_the_site(root: Path) -> None:
    assert refused(root, "templates: {users: {x: {}}}\n", "\ntemplates: {users: {x: {}}}\n") == [
        "acme/more.yml:1:21: templates.users.x: the site has this template too (site/more.yml:2); give it another name"
    ]


def test_the_same_name_twice(root: Path) -> None:
    (root / "acme/last.yml").write_text("templates: {users: {x: {}}}\n", "utf-8")
    assert refused(root, "templates: {users: {x: {}}}\n") == [
        "acme/more.yml:1:21: templates.users.x: stands twice, first in acme/last.yml:1; take one out"
    ]


def test_the_site_does_not_see_those_of_a_tenant(root: Path) -> None:
    (said,) = refused(root, "templates: {trunks: {x: {}}}\n", "trunks: {x: {use: x, proxy: 'sip:a.example'}}\n")
    assert said.startswith("site/more.yml:1:14: trunks.x.use: there is no template x of trunks")


USES = st.sampled_from(["x", "y", "z", ["x", "y"], ["z", "x"], [], None, 5, {"x": "y"}, [["x"]], ["x", 5]])
PARTS = st.dictionaries(
    st.sampled_from(["use", "extension", "devices", "location", "", "name"]),
    USES | st.sampled_from(["201", {"desk": {"type": "desk_phone"}}, {"desk": None}, {"desk": {"media": "either"}}]),
    max_size=4,
)
NAMED = st.dictionaries(st.sampled_from(["x", "y", "z", "A B"]), PARTS | USES, max_size=3)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(NAMED | USES, NAMED, st.sampled_from(["users", "flows", "numbers", "u"]))
def test_whatever_stands_there_is_a_model_or_is_refused(root: Path, templates: Any, users: Any, plural: str) -> None:
    text = json.dumps({"templates": {"users": templates, plural: templates}, "users": users})
    try:
        assert "use" not in loaded(root, text).tenant_plain["acme"].get("users", {}).get("x", {})
    except ModelErrors as errors:
        assert all(problem.message and problem.line for problem in errors.problems), errors.problems
