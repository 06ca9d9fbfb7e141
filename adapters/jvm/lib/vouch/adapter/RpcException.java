package vouch.adapter;

/** An error of JSON-RPC itself, with its code. */
final class RpcException extends RuntimeException {
    static final int PARSE_ERROR = -32700;
    static final int INVALID_REQUEST = -32600;
    static final int METHOD_NOT_FOUND = -32601;
    static final int INVALID_PARAMS = -32602;
    static final int CALL_FAILED = -32000;

    private static final long serialVersionUID = 1;

    final int code;
    /** Only with {@link #CALL_FAILED}. */
    final ErrorKind kind;

    RpcException(int code, String message) {
        this(code, message, ErrorKind.INTERNAL);
    }

    RpcException(int code, String message, ErrorKind kind) {
        super(message);
        this.code = code;
        this.kind = kind;
    }
}
