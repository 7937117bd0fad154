"""Digest authentication (RFC 2617 MD5, qop=auth or none) as a scripted party needs it: to answer and to check."""

import hashlib
import re
import secrets


def challenge(realm: str, nonce: str) -> str:
    return f'Digest realm="{realm}", nonce="{nonce}", algorithm=MD5, qop="auth"'


def fields(header: str) -> dict[str, str]:
    """The parameters of a challenge or of credentials."""
    found = re.findall(r'(\w+)\s*=\s*(?:"([^"]*)"|([^,\s]+))', header.partition(" ")[2])
    return {name.lower(): quoted or plain for name, quoted, plain in found}


def answer(header: str, user: str, password: str, method: str, uri: str) -> str:
    """Credentials for the challenge `header`."""
    given = fields(header)
    realm, nonce = given["realm"], given["nonce"]
    count, cnonce = "00000001", secrets.token_hex(8)
    qop = "auth" if "auth" in given.get("qop", "").split(",") else ""
    response = _response(user, realm, password, method, uri, nonce, count, cnonce, qop)
    text = (
        f'Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}", response="{response}", algorithm=MD5'
    )
    if qop:
        text += f', qop={qop}, nc={count}, cnonce="{cnonce}"'
    return text + (f', opaque="{given["opaque"]}"' if "opaque" in given else "")


def right(header: str, password: str, method: str, nonce: str) -> bool:
    """True when credentials prove `password` for our `nonce`."""
    given = fields(header)
    expected = _response(
        given.get("username", ""),
        given.get("realm", ""),
        password,
        method,
        given.get("uri", ""),
        nonce,
        given.get("nc", ""),
        given.get("cnonce", ""),
        given.get("qop", ""),
    )
    return given.get("nonce") == nonce and secrets.compare_digest(expected, given.get("response", ""))


def _response(
    user: str, realm: str, password: str, method: str, uri: str, nonce: str, count: str, cnonce: str, qop: str
) -> str:
    first, second = _md5(f"{user}:{realm}:{password}"), _md5(f"{method}:{uri}")
    middle = f"{nonce}:{count}:{cnonce}:{qop}" if qop else nonce
    return _md5(f"{first}:{middle}:{second}")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()
