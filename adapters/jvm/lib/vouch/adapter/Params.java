package vouch.adapter;

import java.util.List;
import java.util.Map;

/** Checks the params of requests. */
final class Params {
    /** What each request must have: method, then names with their types. */
    private static final Map<String, Map<String, Class<?>>> REQUIRED = Map.of(
            "initialize", Map.of("protocol", Number.class),
            "start", Map.of("profile", String.class, "storage", Map.class, "endpoints", List.class, "requestTimeoutMs", Number.class),
            "signIn", Map.of("token", String.class),
            "configure", Map.of("apiKey", String.class, "environment", String.class, "region", String.class),
            "setUserId", Map.of("userId", String.class),
            "identify", Map.of("externalUserId", String.class),
            "request", Map.of("method", String.class, "path", String.class),
            "lockStorage", Map.of("locked", Boolean.class),
            "clock", Map.of("now", Number.class));

    private Params() {}

    /** The same params as an object. */
    static Map<String, Object> checked(String method, Object params) {
        Map<String, Object> object = Json.objectOrNull(params);
        if (object == null) throw new RpcException(RpcException.INVALID_PARAMS, "params must be an object");
        REQUIRED.getOrDefault(method, Map.of()).forEach((name, type) -> {
            if (!type.isInstance(object.get(name))) {
                String wanted = type.getSimpleName().toLowerCase(java.util.Locale.ROOT);
                throw new RpcException(RpcException.INVALID_PARAMS, "`" + name + "` must be a " + wanted);
            }
        });
        return object;
    }
}
