"""The adapter protocol of Vouch for Python: write an `Adapter`, and `serve(adapter)`.

    errors.py      the kinds of errors, and the error that a call of the SDK ends with
    adapter.py     what you write: `Adapter` and `Sdk`
    launch.py      what an app gives to its SDK at launch: folders, hosts, clock
    channel.py     lines over a pair of streams
    peer.py        JSON-RPC in both directions
    call.py        a call that can be cancelled
    host.py        what one launch of the SDK says to Vouch, and Vouch's clock
    server.py      the methods of the protocol
    serve.py       standard input and output, or a TCP connection

It needs the standard library of Python 3.9 only, and imports few modules: a suite starts it several hundred times.
"""

from .adapter import Adapter, ApiRequest, Sdk
from .channel import LINE_LIMIT, LineChannel
from .errors import KINDS, CallError
from .serve import serve, serve_channel

__all__ = [
    "Adapter",
    "ApiRequest",
    "CallError",
    "KINDS",
    "LINE_LIMIT",
    "LineChannel",
    "Sdk",
    "serve",
    "serve_channel",
]
