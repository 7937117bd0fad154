"""Numbers as people dial them and as trunks write them, to E.164 and back. Pure text."""

from __future__ import annotations

from pbx.model.objects import Tenant

_PUNCTUATION = str.maketrans("", "", " -.()")


def dialled_to_e164(tenant: Tenant, dialled: str) -> str | None:
    """What a user of the tenant dialled, as E.164 (`8 495 100-01-00` → `+74951000100`), or None if it is no number."""
    text = dialled.translate(_PUNCTUATION)
    if text.startswith("+"):
        return _checked(text[1:])
    if not text.isdigit():
        return None
    # The longer prefix first: Russia's 810 begins with its 8.
    international, national = tenant.international_prefix, tenant.national_prefix
    if international and text.startswith(international):
        return _checked(text[len(international) :])
    if national and text.startswith(national):
        return _checked(tenant.calling_code + text[len(national) :])
    return None


def received_to_e164(tenant_code: str, national_prefix: str, user: str, form: str) -> str | None:
    """The user part of a URI from a trunk in the trunk's format (`e164_plus | e164_digits | national`), as E.164."""
    text = user.translate(_PUNCTUATION)
    if text.startswith("+"):
        return _checked(text[1:])
    if not text.isdigit():
        return None
    if form == "national":
        if national_prefix and text.startswith(national_prefix):
            text = text[len(national_prefix) :]
        return _checked(tenant_code + text)
    return _checked(text)


def sent_to_trunk(tenant: Tenant, number: str, form: str) -> str:
    """An E.164 number as the trunk wants it; a foreign number in national format gets the international prefix."""
    if form == "e164_plus":
        return number
    if form == "e164_digits":
        return number[1:]
    code = tenant.calling_code
    if number[1:].startswith(code):
        return tenant.national_prefix + number[1 + len(code) :]
    return tenant.international_prefix + number[1:]


def _checked(digits: str) -> str | None:
    """E.164 (ITU-T): up to 15 digits, no leading zero; shorter than 7 is no subscriber of the public network."""
    if digits.isdigit() and digits.isascii() and 7 <= len(digits) <= 15 and digits[0] != "0":
        return "+" + digits
    return None
