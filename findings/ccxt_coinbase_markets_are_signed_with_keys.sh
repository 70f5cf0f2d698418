#!/usr/bin/env bash
# ccxt 4.5.90: load_markets of Coinbase is public without keys. With keys it also asks for the fees of the account,
# which is signed with a token of this machine's time. With a wrong clock the list of markets cannot be read then, and
# so nothing that needs it: the time has to be corrected before the first call.
#
# Expected: the list of markets is public, with or without keys. Seen on 2026-12-01, Python 3.11, Linux:
#   without keys -> loaded, signed requests: none
#   with keys -> AuthenticationError, signed requests: transaction_summary
# The script fails when that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check ccxt==4.5.90 cryptography==50.0.2
cat >"$folder/seen.py" <<'PROGRAM'
import asyncio

import ccxt.async_support as ccxt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

KEY = ec.generate_private_key(ec.SECP256R1()).private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
)


async def loaded(keys):
    exchange = ccxt.coinbase(keys)
    signed = []

    async def fetch(url, method="GET", headers=None, body=None):
        if "Authorization" in (headers or {}):
            signed.append(url.rpartition("/")[2])
            raise ccxt.AuthenticationError("Unauthorized")  # as for a token whose times are wrong
        return {"products": [], "data": []}

    exchange.fetch = fetch
    try:
        await exchange.load_markets()
        end = "loaded"
    except ccxt.BaseError as error:
        end = type(error).__name__
    await exchange.close()
    return f"{end}, signed requests: {', '.join(signed) or 'none'}"


async def main():
    print("without keys ->", await loaded({}))
    print("with keys ->", await loaded({"apiKey": "organizations/a/apiKeys/b", "secret": KEY.decode()}))


asyncio.run(main())
PROGRAM
(cd "$folder" && env/bin/python seen.py) | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
without keys -> loaded, signed requests: none
with keys -> AuthenticationError, signed requests: transaction_summary
SEEN
