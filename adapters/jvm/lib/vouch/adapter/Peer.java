package vouch.adapter;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;

/** JSON-RPC 2.0 in both directions over a {@link LineChannel}. It does not know the methods of the protocol. */
final class Peer {
    /** Gets the requests and notifications, on the thread that reads. It must not block. */
    interface Handler {
        /** Answers later, by {@link Peer#answer} or {@link Peer#refuse}. What it throws refuses the request. */
        void request(String method, Object params, Object id);

        void notification(String method, Object params);
    }

    /** A request of ours that is not answered yet. */
    static final class Question {
        final long id;
        final CompletableFuture<Map<String, Object>> answer = new CompletableFuture<>();
        final Consumer<Map<String, Object>> onResult;

        private Question(long id, Consumer<Map<String, Object>> onResult) {
            this.id = id;
            this.onResult = onResult;
        }
    }

    private final LineChannel channel;
    private final Map<Long, Question> questions = new ConcurrentHashMap<>();
    private final AtomicLong lastId = new AtomicLong();

    Peer(LineChannel channel) {
        this.channel = channel;
    }

    /** Reads until the input ends. Each message is passed on as its line is read, in the order of the lines. */
    void read(Handler handler) {
        channel.read(new LineChannel.Listener() {
            @Override
            public void line(byte[] line) {
                receive(line, handler);
            }

            @Override
            public void tooLong() {
                refuse(null, new RpcException(RpcException.INVALID_REQUEST, "a line is at most 1 MiB"));
            }
        });
    }

    /**
     * Sends a request.
     *
     * @param onResult runs before the next message is read, so that its effect cannot come late
     */
    Question ask(String method, Map<String, Object> params, Consumer<Map<String, Object>> onResult) {
        Question question = new Question(lastId.incrementAndGet(), onResult);
        questions.put(question.id, question);
        channel.write(Json.write(fields("jsonrpc", "2.0", "id", question.id, "method", method, "params", params)));
        return question;
    }

    /** Nobody waits for this answer any more. */
    void forget(Question question) {
        questions.remove(question.id);
        question.answer.completeExceptionally(new IllegalStateException("the app has ended"));
    }

    void notify(String method, Map<String, Object> params) {
        channel.write(Json.write(fields("jsonrpc", "2.0", "method", method, "params", params)));
    }

    void answer(Object id, Map<String, Object> result) {
        String line = Json.write(fields("jsonrpc", "2.0", "id", id, "result", result));
        try {
            channel.write(line);
        } catch (IllegalArgumentException e) {
            refuse(id, new RpcException(RpcException.CALL_FAILED, e.getMessage()));
        }
    }

    void refuse(Object id, RpcException error) {
        Map<String, Object> details = fields("code", error.code, "message", shortened(String.valueOf(error.getMessage())));
        if (error.code == RpcException.CALL_FAILED) details.put("data", fields("kind", error.kind.word));
        channel.write(Json.write(fields("jsonrpc", "2.0", "id", id, "error", details)));
    }

    /** An object of JSON: names and values in turn. */
    static Map<String, Object> fields(Object... pairs) {
        Map<String, Object> object = new LinkedHashMap<>();
        for (int i = 0; i < pairs.length; i += 2) object.put((String) pairs[i], pairs[i + 1]);
        return object;
    }

    private void receive(byte[] line, Handler handler) {
        Map<String, Object> message;
        try {
            message = Json.objectOrNull(Json.parse(line));
        } catch (Json.SyntaxException e) {
            refuse(null, new RpcException(RpcException.PARSE_ERROR, e.getMessage()));
            return;
        }
        Object id = message == null ? null : message.get("id");
        if (message == null || !"2.0".equals(message.get("jsonrpc"))) {
            refuse(null, new RpcException(RpcException.INVALID_REQUEST, "not a message of JSON-RPC 2.0"));
        } else if (!(message.get("method") instanceof String method)) {
            settle(message);
        } else if (!message.containsKey("id")) {
            handler.notification(method, params(message));
        } else if (!(id instanceof Number || id instanceof String)) {
            refuse(null, new RpcException(RpcException.INVALID_REQUEST, "an id is a number or a string"));
        } else {
            try {
                handler.request(method, params(message), id);
            } catch (RpcException e) {
                refuse(id, e);
            }
        }
    }

    private static Object params(Map<String, Object> message) {
        return message.containsKey("params") ? message.get("params") : Map.of();
    }

    private void settle(Map<String, Object> message) {
        Question question = message.get("id") instanceof Long id ? questions.remove(id) : null;
        if (question == null) return; // its caller was cancelled
        Map<String, Object> result = Json.objectOrNull(message.get("result"));
        if (result != null) {
            question.onResult.accept(result);
            question.answer.complete(result);
            return;
        }
        Map<String, Object> error = Json.objectOrNull(message.get("error"));
        Map<String, Object> data = error == null ? null : Json.objectOrNull(error.get("data"));
        ErrorKind kind = ErrorKind.of(data == null ? null : data.get("kind"), ErrorKind.NETWORK);
        String text = error == null ? "an answer without a result" : String.valueOf(error.get("message"));
        question.answer.completeExceptionally(new CallException(kind, text));
    }

    /** The text of an error may be a whole server answer. A line has a limit. */
    private static String shortened(String text) {
        return text.length() <= 20_000 ? text : text.substring(0, 20_000) + "…";
    }
}
