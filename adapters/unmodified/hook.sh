#!/bin/sh
# What Vouch has in the place of the person in front of the app: it runs the app's own commands, and translates what the app
# says into the words of the adapter protocol. With a real app this is Maestro, Appium or `adb shell input`.
export XDG_DATA_HOME="$VOUCH_SECURE" XDG_CONFIG_HOME="$VOUCH_PLAIN"
app() { python3 app.py "$@"; }

case "$1" in
sign-in) printf %s "$VOUCH_TOKEN" | app sign-in ;;
sign-out) app sign-out ;;
status)
    case "$(app status)" in
    "signed in") echo configured signedIn useSignInToken ;;
    "on hold") echo configured signedIn useSignInToken pendingReauthentication ;;
    esac ;;
whoami) app whoami ;;
request)
    # The app only reads.
    [ "$VOUCH_METHOD" = GET ] || { echo unsupported; exit 1; }
    app get "$VOUCH_PATH" ;;
esac
code=$?
case "$code" in
0) exit 0 ;;
2) echo invalidSignInToken the app refuses the token ;;
3) echo alreadySignedIn another user is signed in ;;
4) echo network the app is offline ;;
5) echo needsReauthentication the session is on hold ;;
6) echo invalidUser the user is gone ;;
7) echo notSignedIn nobody is signed in ;;
8) echo unexpectedAnswer the app did not understand the answer ;;
9) echo unauthorized the app was refused ;;
10) echo storage the app cannot store its data ;;
*) echo the app failed ;;
esac
exit "$code"
