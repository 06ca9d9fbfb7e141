"""The vendor API: users, sign-in tokens, and one kind of user-level resource.

A team's API key may make every call within its realm. An installation's access token may read the resources
of its own user. Ownership is checked before existence, so the response does not reveal which users exist.
"""

from .answers import UNCACHED, Answer, Refusal
from .bodies import json_object, text_member
from .clock import as_text
from .users import Taken

_PAGE = 100


# -- credentials -----------------------------------------------------------------------------------


def authenticate(realm, request):
    """The user of an access token, or None for the team itself.

    If both credentials are sent, the access token is used, because it has fewer rights.
    """
    authorization, api_key = request.header("Authorization"), request.header("x-vital-api-key")
    if authorization is not None:
        scheme, _, token = authorization.partition(" ")
        user = realm.user_of(token.strip()) if scheme.lower() == "bearer" else None
        if user is not None:
            return user
    elif api_key == realm.place.api_key:
        return None
    raise Refusal(401, "UNAUTHORIZED", "the credentials are missing or not valid here", {"WWW-Authenticate": "Bearer"})


def require_team(user):
    if user is not None:
        raise _forbidden()


def require_own(user, user_id):
    if user is not None and user.id != user_id.lower():
        raise _forbidden()


def _forbidden():
    return Refusal(403, "FORBIDDEN", "these credentials do not reach that far")


# -- the calls -------------------------------------------------------------------------------------


def create_user(realm, request):
    client_user_id = text_member(json_object(request), "client_user_id")
    try:
        user = realm.create_user(client_user_id)
    except Taken as taken:
        raise _conflict(taken.user) from None
    return Answer(_described(realm, user), 201)


def list_users(realm, request):
    offset, limit = request.count("offset", 0), request.count("limit", _PAGE)
    users = realm.users()
    page = [_described(realm, user) for user in users[offset : offset + limit]]
    return Answer({"users": page, "total": len(users), "offset": offset, "limit": limit})


def metrics(realm, request):
    return Answer({"total_connected_users": len(realm.users()), "total_connected_sources": 0})


def resolve_user(realm, request, client_user_id):
    return Answer(_described(realm, _found(realm.resolve_user(client_user_id))))


def get_user(realm, request, user_id):
    return Answer(_described(realm, _found(realm.find_user(user_id))))


def delete_user(realm, request, user_id):
    _found(realm.delete_user(user_id))
    return Answer({"success": True})


def undo_delete(realm, request):
    user_id = text_member(json_object(request), "user_id")
    try:
        _found(realm.bring_user_back(user_id))
    except Taken as taken:
        raise _conflict(taken.user) from None
    return Answer({"success": True})


def sign_in_token(realm, request, user_id):
    user, token = _found(realm.issue_sign_in_token(user_id))
    return Answer({"user_id": user.id, "sign_in_token": token}, headers=UNCACHED)


def summary(realm, request, resource, user_id):
    _found(realm.find_user(user_id))
    return Answer({resource: []})


def _found(value):
    if value is None:
        raise Refusal(404, "NOT_FOUND", "no such user")
    return value


def _conflict(user):
    return Refusal(
        400,
        "INVALID_REQUEST",
        "the client user id has a user already",
        more={"user_id": user.id, "created_on": as_text(user.created_on)},
    )


def _described(realm, user):
    return {
        "user_id": user.id,
        "team_id": realm.place.team_id,
        "client_user_id": user.client_user_id,
        "created_on": as_text(user.created_on),
        "connected_sources": [],
    }
