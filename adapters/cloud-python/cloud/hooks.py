"""Hooks for tests: events of a real cloud that its API does not offer."""

from .answers import Answer, Refusal
from .bodies import json_object, number_member, text_member
from .clock import as_text
from .realms import Place


def revoke(cloud, request):
    """Ends the sessions of a user, access tokens included."""
    realm, user_id = _whom(cloud, request)
    return _done(realm.revoke(user_id))


def refuse_access_tokens(cloud, request):
    """The API refuses the current access tokens of a user. A refresh returns a new valid one."""
    realm, user_id = _whom(cloud, request)
    return _done(realm.refuse_access_tokens(user_id))


def advance(cloud, request):
    """Advances the clock, which all realms share."""
    seconds = number_member(json_object(request), "seconds")
    try:
        cloud.clock.advance(seconds)
    except ValueError as problem:
        raise Refusal(422, "INVALID_REQUEST", f"`seconds`: {problem}") from None
    return Answer({"now": as_text(cloud.clock.now())})


def _whom(cloud, request):
    body = json_object(request)
    place = Place(text_member(body, "environment"), text_member(body, "region"))
    if place not in cloud.realms:
        raise Refusal(422, "INVALID_REQUEST", "no such environment and region")
    return cloud.realms[place], text_member(body, "userId")


def _done(user):
    if user is None:
        raise Refusal(404, "NOT_FOUND", "no such user")
    return Answer({"userId": user.id})
