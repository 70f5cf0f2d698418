"""Where a secret may hide: in other forms of itself, and in the variables that a traceback can show."""

from __future__ import annotations

import base64
import traceback


def forms(secret: str) -> list[bytes]:
    """Plain, reversed, in hexadecimal, and in base64 wherever in the encoded text it begins."""
    plain = secret.encode()
    assert len(plain) >= 12, "of less, base64 leaves nothing to look for"
    encoded = [base64.b64encode(b"?" * offset + plain)[4:-4] for offset in range(3)]
    return [plain, plain[::-1], plain.hex().encode(), plain.hex().upper().encode(), *encoded]


def shown_by(error: BaseException) -> str:
    """All that can be shown of an error with its variables, those of the test left out."""
    shown, told = traceback.TracebackException.from_exception(error, capture_locals=True, compact=False), []
    while shown:
        told += shown.format_exception_only()
        for frame in shown.stack:
            if "/tests/" not in frame.filename:
                told.append(f"{frame.filename} {frame.locals}")
        shown = shown.__cause__ or shown.__context__
    return "\n".join(told)
