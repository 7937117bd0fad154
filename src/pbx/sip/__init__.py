"""Our SIP stack: sans-I/O messages, transactions, dialogs and call legs; one thin asyncio shell (`transport`).

Floors, each standing on the one before: `message` and `render` (bytes), `transaction_layer` with its client and server
machines, `dialog`, `session` with its parts (incoming and outgoing INVITE, offer/answer, confirmation), `stack`.
"""

from pbx.sip.address import Address
from pbx.sip.listener import SessionListener
from pbx.sip.message import Request, Response
from pbx.sip.server_transaction import ServerTransaction
from pbx.sip.session import InviteSession
from pbx.sip.stack import Stack
from pbx.sip.uri import host_of, user_of

__all__ = [
    "Address",
    "InviteSession",
    "Request",
    "Response",
    "ServerTransaction",
    "SessionListener",
    "Stack",
    "host_of",
    "user_of",
]
