"""JSON Web Tokens with RS256 and one key.

Each realm has one key for each of its two kinds of tokens, so tokens of another realm or kind have no valid
signature. Only RS256 with this key is accepted, so a token that passes was issued here, and neither its
header nor the form of its claims has to be checked.
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
        """The claims of a token of this signer, else None. The caller checks the expiry."""
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
        """Generated on first use, because twelve keys would delay the start, and most runs need only a few."""
        with self._lock:
            if self._key is None:
                self._key = generate_private_key(public_exponent=65537, key_size=2048)
            return self._key


def _json(value):
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def _encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decode(text):
    """Decodes only the exact encoding of `_encode`; None for any other.

    Python's decoder skips invalid characters and ignores unused bits at the end, so it would also accept
    changed copies of a signed token.
    """
    try:
        data = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (UnicodeEncodeError, binascii.Error):
        return None
    return data if _encode(data) == text else None


_HEADER = _encode(_json({"alg": "RS256", "typ": "JWT"}))
