package worked.signin;

import vouch.adapter.ErrorKind;

/**
 * The error of every call. Its text is shown to users and written to logs. So it is a text of this SDK, and never has a text of
 * the server, a token or a key in it.
 */
public class SignInException extends RuntimeException {
    private static final long serialVersionUID = 1;

    /** What the app can do next. */
    public final ErrorKind kind;

    SignInException(ErrorKind kind, String message) {
        super(message, null, false, false); // it is shared by several callers, so it has no stack
        this.kind = kind;
    }

    /** The same call may succeed later. */
    static final class Temporary extends SignInException {
        private static final long serialVersionUID = 1;

        /** The server's Retry-After in milliseconds, or -1. */
        final long retryAfter;

        Temporary(String message, long retryAfter) {
            super(ErrorKind.NETWORK, message);
            this.retryAfter = retryAfter;
        }

        Temporary(String message) {
            this(message, -1);
        }
    }

    static SignInException notSignedIn() {
        return new SignInException(ErrorKind.NOT_SIGNED_IN, "no user is signed in");
    }

    static SignInException signedOutMeanwhile() {
        return new SignInException(ErrorKind.NOT_SIGNED_IN, "the user was signed out meanwhile");
    }

    static SignInException signInOvertaken() {
        return new SignInException(ErrorKind.CANCELLED, "the app signed out during the sign-in");
    }

    static SignInException appEnded() {
        return new SignInException(ErrorKind.CANCELLED, "the app has ended");
    }

    static SignInException invalidUser() {
        return new SignInException(ErrorKind.INVALID_USER, "the user no longer exists and was signed out");
    }

    static SignInException otherUser() {
        return new SignInException(ErrorKind.ALREADY_SIGNED_IN, "another user is signed in");
    }

    static SignInException storageLocked() {
        return new SignInException(ErrorKind.STORAGE, "secure storage is locked");
    }

    static SignInException needsReauthentication() {
        return new SignInException(ErrorKind.NEEDS_REAUTHENTICATION, "the session is on hold until the user signs in again");
    }

    static SignInException incompatible(String what) {
        return new SignInException(ErrorKind.INCOMPATIBLE, "the sign-in token is of another " + what + " than this installation");
    }

    static SignInException unexpectedAnswer(String what) {
        return new SignInException(ErrorKind.UNEXPECTED_ANSWER, "the server's answer is malformed: " + what);
    }

    static SignInException malformedToken(String what) {
        return new SignInException(ErrorKind.INVALID_SIGN_IN_TOKEN, "the sign-in token is malformed: " + what);
    }
}
