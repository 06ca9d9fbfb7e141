"""Serves an adapter on standard input and output, or over a TCP connection."""

import json
import os
import signal
import sys

from .channel import LineChannel
from .peer import Peer
from .server import AdapterServer


def serve(adapter, arguments=()):
    """Lets Vouch drive an SDK, until Vouch ends it. Then this process ends.

    Without arguments on standard input and output. The arguments, for example `sys.argv[1:]`; others are ignored:

        --listen [HOST:]PORT           accepts one TCP connection; with --forever the next one after it
        --dial URL --installation ID   dials in to a Vouch that listens
    """
    listen, dial = _option(arguments, "--listen"), _option(arguments, "--dial")
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends the process without a traceback
    if listen is None and dial is None:
        # The end of the input is the end of the process, whatever the SDK does at the moment.
        peer = Peer(LineChannel.over_stdio())
        peer.read(AdapterServer(adapter, peer, _exit).handle)
        _exit()
    try:
        if listen is not None:
            _listen(adapter, _address(listen), "--forever" in arguments)
        else:
            _dial(adapter, _address(dial), _option(arguments, "--installation"))
    except (OSError, ValueError) as error:
        sys.exit(f"vouch_adapter: {error}")
    _exit()


def _exit():
    """At once, whatever the SDK's threads do."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass  # nobody reads it
    os._exit(0)


def serve_channel(adapter, channel, on_stop):
    """Serves over a channel. Returns when its input ends. `on_stop()` is called after `stop` was answered: it ends the input."""
    peer = Peer(channel)
    server = AdapterServer(adapter, peer, on_stop)
    peer.read(server.handle)
    server.close()


def _listen(adapter, address, forever):
    import socket  # late: few adapters need it

    with socket.create_server(address) as server:
        print("listening on {}:{}".format(*server.getsockname()), file=sys.stderr, flush=True)
        while True:
            connection, _ = server.accept()
            _serve_socket(adapter, connection)
            if not forever:
                return


def _dial(adapter, address, installation):
    import socket

    if installation is None:
        raise ValueError("--dial needs --installation ID")
    connection = socket.create_connection(address)
    hello = {"jsonrpc": "2.0", "method": "hello", "params": {"installation": installation}}
    connection.sendall(json.dumps(hello).encode() + b"\n")
    _serve_socket(adapter, connection)


def _serve_socket(adapter, connection):
    """One connection is one process of the app: `stop` ends it."""
    import socket

    def end():
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it has ended

    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        serve_channel(adapter, LineChannel.over_socket(connection), end)


def _address(text):
    """`PORT`, `HOST:PORT` or a URL. Vouch takes lines over TCP on the port of its `ws://` address, too."""
    host, _, port = text.partition("://")[2].partition("/")[0].rpartition(":") if "://" in text else text.rpartition(":")
    if not port.isdecimal():
        raise ValueError(f"`{text}` is not HOST:PORT")
    return host.strip("[]") or "127.0.0.1", int(port)


def _option(arguments, name):
    arguments = list(arguments)
    place = arguments.index(name) if name in arguments else len(arguments)
    return arguments[place + 1] if place + 1 < len(arguments) else None
