"""A vendor cloud of the sign-in-token scheme, in memory.

`realms` and `clock` depend on no other file. `users`, `sessions` and `realm` hold the state and do not
depend on HTTP. `api`, `identity` and `hooks` are the endpoints. `routes` and `http` are the server.
"""
