"""A sign-in core as a mobile SDK has one, in the standard library of Python 3.11.

Read it in this order; each file knows only the ones above it:

    errors.py        the one error type, with the kinds that an app can act on
    jsontext.py      strict JSON: what is not JSON is a ValueError and nothing else
    token.py         the sign-in token, read without a network call
    session.py       what is remembered about a signed-in user, and its bytes at rest
    storage.py       those bytes on disk: atomic, lockable, aware of reinstalls and of another profile's session
    call.py          one call of the app: cancellable, and the queue of such calls
    http.py          one HTTP/1.1 exchange a connection
    profile.py       what differs between wire profiles; junction.py and gcip.py are the two there are
    provider.py      the identity provider: exchange and refresh, and what its answers mean
    installation.py  the truth: the session in memory and on disk, its lock, its status
    refresh.py       the single refresh in flight
    sdk.py           the calls that an app makes

It knows nothing of Vouch or its protocol: `../bridge` connects it.
Imports are few on purpose; an app waits for its sign-in core at every launch.
"""
