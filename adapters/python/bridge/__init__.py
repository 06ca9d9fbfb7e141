"""Connects the SDK of `../signin` to Vouch: the adapter protocol on one side, the SDK's calls on the other.

    peer.py     the frame: lines of JSON-RPC, both ways
    clock.py    Vouch's clock, as the SDK asks for time
    adapter.py  the methods
"""
