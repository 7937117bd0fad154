"""What NOTIFY bears: dialog-info (RFC 4235) and message summaries (RFC 3842)."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from pbx.sip import dialog_info, message_summary
from pbx.sip.dialog_info import WatchedDialog
from pbx.sip.message_summary import Messages

pytestmark = pytest.mark.row("R10")
NAMESPACE = {"d": "urn:ietf:params:xml:ns:dialog-info"}


@pytest.mark.parametrize("state", ["trying", "early", "confirmed", "terminated"])
def test_a_document_of_each_state(state: str) -> None:
    dialogs = [
        WatchedDialog("a1", state, "recipient"),
        WatchedDialog("b2", "confirmed", "initiator", "sip:301@x.example"),
    ]
    root = ET.fromstring(dialog_info.document("sip:202@x.example", 7, dialogs))
    assert root.tag == "{urn:ietf:params:xml:ns:dialog-info}dialog-info"
    assert root.attrib == {"version": "7", "state": "full", "entity": "sip:202@x.example"}
    first, second = root.findall("d:dialog", NAMESPACE)
    assert first.attrib == {"id": "a1", "direction": "recipient"} and first.findtext("d:state", "", NAMESPACE) == state
    assert first.find("d:remote", NAMESPACE) is None
    assert second.findtext("d:remote/d:identity", "", NAMESPACE) == "sip:301@x.example"


def test_what_a_caller_wrote_breaks_no_document() -> None:
    evil = "sip:\"><dialog>&'@x"
    root = ET.fromstring(dialog_info.document(evil, 0, [WatchedDialog(evil, "early", "recipient", evil)]))
    (dialog,) = root
    assert root.attrib["entity"] == dialog.attrib["id"] == evil
    assert dialog.findtext("d:remote/d:identity", "", NAMESPACE) == evil


def test_idle_is_a_document_without_dialogs() -> None:
    assert list(ET.fromstring(dialog_info.document("sip:202@x.example", 0, []))) == []


@pytest.mark.parametrize(
    ("account", "messages", "lines"),
    [
        ("", Messages(), ["Messages-Waiting: no", "Voice-Message: 0/0 (0/0)"]),
        ("", Messages(0, 4), ["Messages-Waiting: no", "Voice-Message: 0/4 (0/0)"]),
        (
            "sip:*97@x",
            Messages(2, 4),
            ["Messages-Waiting: yes", "Message-Account: sip:*97@x", "Voice-Message: 2/4 (0/0)"],
        ),
    ],
)
def test_message_summary(account: str, messages: Messages, lines: list[str]) -> None:
    assert message_summary.document(account, messages).decode() == "\r\n".join([*lines, ""])
