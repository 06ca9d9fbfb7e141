"""Connects the SDK of `../signin` to Vouch: the adapter protocol on one side, the SDK's calls on the other.

    peer.py     JSON-RPC messages in both directions
    clock.py    the SDK's clock, controlled by Vouch
    adapter.py  the methods
"""
