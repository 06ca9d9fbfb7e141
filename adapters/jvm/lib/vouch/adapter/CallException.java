package vouch.adapter;

/** A call of the SDK that is refused or failed. */
public final class CallException extends RuntimeException {
    private static final long serialVersionUID = 1;

    /** What the app can do next. */
    public final ErrorKind kind;

    /** The message is the SDK's own text: Vouch shows it and searches it for secrets. */
    public CallException(ErrorKind kind, String message) {
        super(message);
        this.kind = kind;
    }

    static CallException unsupported(String call) {
        return new CallException(ErrorKind.UNSUPPORTED, "the SDK has no call " + call);
    }
}
