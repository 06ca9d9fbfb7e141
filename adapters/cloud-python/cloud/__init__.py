"""A vendor cloud of the sign-in-token scheme, in memory.

`realms` and `clock` know nothing of the rest; `users`, `sessions` and `realm` hold the state and know
nothing of HTTP; `api`, `identity` and `hooks` are what can be asked of it; `routes` and `http` carry it.
"""
