"""The sign-in part of a mobile SDK, with the standard library of Python 3.11 only.

The files in reading order; each depends only on those above it:

    errors.py        the error type, with the kinds that an app can react to
    jsontext.py      a strict JSON parser: any invalid text is a ValueError
    token.py         parses sign-in tokens, without network calls
    session.py       the session record and its encoding
    storage.py       stores the record on disk: atomic, lockable, detects reinstalls and sessions of another profile
    call.py          one cancellable call of the app, and the queue of such calls
    http.py          HTTP/1.1, one request per connection
    profile.py       the interface of wire profiles; junction.py and gcip.py implement it
    provider.py      the identity provider: exchange and refresh, and the meaning of its responses
    installation.py  the state: the session in memory and on disk, its lock, its status
    refresh.py       the single refresh in flight
    sdk.py           the calls that an app makes

It does not depend on Vouch or its protocol: `../worked.py` connects it.
It imports few modules, because an app waits for it at every launch.
"""
