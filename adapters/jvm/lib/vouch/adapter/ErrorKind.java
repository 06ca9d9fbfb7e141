package vouch.adapter;

/** The kinds of errors that a call may end with. {@code docs/adapter-protocol.md} says when to use which. */
public enum ErrorKind {
    ALREADY_SIGNED_IN("alreadySignedIn"),
    INVALID_SIGN_IN_TOKEN("invalidSignInToken"),
    INCOMPATIBLE("incompatible"),
    NOT_CONFIGURED("notConfigured"),
    NOT_SIGNED_IN("notSignedIn"),
    INVALID_USER("invalidUser"),
    NEEDS_REAUTHENTICATION("needsReauthentication"),
    NETWORK("network"),
    UNAUTHORIZED("unauthorized"),
    INVALID_API_KEY("invalidApiKey"),
    UNEXPECTED_ANSWER("unexpectedAnswer"),
    STORAGE("storage"),
    CANCELLED("cancelled"),
    UNSUPPORTED("unsupported"),
    INTERNAL("internal");

    /** The kind as the protocol writes it. */
    public final String word;

    ErrorKind(String word) {
        this.word = word;
    }

    /** The kind with this word, or the other one if there is none. */
    static ErrorKind of(Object word, ErrorKind otherwise) {
        for (ErrorKind kind : values()) if (kind.word.equals(word)) return kind;
        return otherwise;
    }
}
