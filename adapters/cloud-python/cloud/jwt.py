"""JSON Web Tokens, RS256, by one key.

Each realm has a key of its own for each of its two kinds of token, so a token of another realm or of the
other kind has no valid signature here. And since only this key's signatures count, and always as RS256,
whatever passes was made by us: neither its header nor the shape of its claims needs a second look.
"""

import base64
import binascii
import json
import threading

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256


class Signer:
    def __init__(self):
        self._lock = threading.Lock()
        self._key = None

    def sign(self, claims):
        signed = _HEADER + "." + _encode(_json(claims))
        return signed + "." + _encode(self._private_key().sign(signed.encode("ascii"), PKCS1v15(), SHA256()))

    def read(self, token):
        """The claims of a token that this signer made, else None. Its expiry is left to the caller."""
        signed, _, signature = token.rpartition(".")
        claims = _decode(signed.rpartition(".")[2])
        signature = _decode(signature)
        if claims is None or signature is None or not signed.isascii():
            return None
        try:
            self._private_key().public_key().verify(signature, signed.encode("ascii"), PKCS1v15(), SHA256())
        except InvalidSignature:
            return None
        return json.loads(claims)

    def _private_key(self):
        """Made on first use: twelve keys at once would delay the start, and most runs need a few of them."""
        with self._lock:
            if self._key is None:
                self._key = generate_private_key(public_exponent=65537, key_size=2048)
            return self._key


def _json(value):
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def _encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decode(text):
    """None for all but the one spelling that `_encode` gives.

    Python's decoder skips strange characters and ignores the loose bits at the end, so that a token whose
    last letter was changed could still pass. The token then would not be the one that we signed.
    """
    try:
        data = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (UnicodeEncodeError, binascii.Error):
        return None
    return data if _encode(data) == text else None


_HEADER = _encode(_json({"alg": "RS256", "typ": "JWT"}))
