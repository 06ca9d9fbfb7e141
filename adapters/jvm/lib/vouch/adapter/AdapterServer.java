package vouch.adapter;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/** The methods of the protocol, and the calls of the SDK behind them. */
final class AdapterServer implements Peer.Handler {
    private static final int PROTOCOL = 1;
    private static final long LONGEST_END_NS = 3_000_000_000L;

    /** A call of the SDK, and its result as the protocol wants it. */
    private interface Action {
        Map<String, Object> run(Sdk sdk, Map<String, Object> params, Call call) throws Exception;
    }

    /** One launch of the SDK. */
    private record Running(LaunchHost host, CompletableFuture<Sdk> sdk, Map<Object, RunningCall> calls) {}

    private static final Map<String, Action> CALLS = Map.ofEntries(
            call("signIn", (sdk, params, call) -> done(() -> sdk.signIn(text(params, "token"), call))),
            call("signOut", (sdk, params, call) -> done(sdk::signOut)),
            call("configure", (sdk, params, call) ->
                    done(() -> sdk.configure(text(params, "apiKey"), text(params, "environment"), text(params, "region")))),
            call("setUserId", (sdk, params, call) -> done(() -> sdk.setUserId(text(params, "userId")))),
            call("identify", (sdk, params, call) -> done(() -> sdk.identify(text(params, "externalUserId"), call))),
            call("refresh", (sdk, params, call) -> done(() -> sdk.refresh(call))),
            call("lockStorage", (sdk, params, call) -> done(() -> sdk.lockStorage(Boolean.TRUE.equals(params.get("locked"))))),
            call("foreground", (sdk, params, call) -> done(sdk::foreground)),
            call("status", (sdk, params, call) -> Peer.fields("status", List.copyOf(sdk.status()))),
            call("currentUserId", (sdk, params, call) -> Peer.fields("userId", sdk.currentUserId())),
            call("request", (sdk, params, call) -> request(sdk, params, call)),
            call("storage", (sdk, params, call) -> Peer.fields("items", items(sdk.storage()))));

    private final Adapter adapter;
    private final Peer peer;
    private final Runnable onStop;
    private final ExecutorService threads = Executors.newCachedThreadPool(action -> {
        Thread thread = new Thread(action, "vouch-call");
        thread.setDaemon(true);
        return thread;
    });
    /** Is set on the reading thread, and taken away by {@code stop}. */
    private volatile Running running;

    /** @param onStop is called after the answer of a {@code stop} that ends the process */
    AdapterServer(Adapter adapter, Peer peer, Runnable onStop) {
        this.adapter = adapter;
        this.peer = peer;
        this.onStop = onStop;
    }

    @Override
    public void request(String method, Object rawParams, Object id) {
        Map<String, Object> params = Params.checked(method, rawParams);
        switch (method) {
            case "initialize" -> peer.answer(id, initialize(params));
            case "start" -> start(params, id);
            case "stop" -> threads.execute(() -> stop(params, id));
            case "clock" -> moveClock(params, id);
            default -> {
                Action action = CALLS.get(method);
                if (action == null) throw new RpcException(RpcException.METHOD_NOT_FOUND, "no such method");
                Running now = launched();
                perform(now, id, call -> action.run(sdk(now), params, call));
            }
        }
    }

    @Override
    public void notification(String method, Object params) {
        Running now = running;
        Map<String, Object> object = Json.objectOrNull(params);
        if (now == null || object == null || object.get("id") == null || !method.equals("cancel")) return;
        RunningCall call = now.calls.get(object.get("id"));
        if (call != null) call.cancel();
    }

    /** The connection has ended: nothing may go on. */
    void close() {
        Running last = running;
        running = null;
        if (last != null) end(last);
        threads.shutdown();
    }

    private Map<String, Object> initialize(Map<String, Object> params) {
        long newest = ((Number) params.get("protocol")).longValue();
        long oldest = params.get("minProtocol") instanceof Number least ? least.longValue() : newest;
        if (newest < PROTOCOL || oldest > PROTOCOL) {
            throw new RpcException(RpcException.INVALID_PARAMS, "this adapter speaks protocol " + PROTOCOL);
        }
        Adapter.SdkInfo sdk = adapter.sdk();
        List<String> capabilities = new ArrayList<>();
        for (Capability each : adapter.capabilities()) capabilities.add(each.word);
        return Peer.fields(
                "protocol", PROTOCOL,
                "sdk", Peer.fields("name", sdk.name(), "version", sdk.version(), "platform", sdk.platform()),
                "capabilities", capabilities,
                "tokenStorage", adapter.tokenStorage());
    }

    private void start(Map<String, Object> params, Object id) {
        if (running != null) throw new RpcException(RpcException.INVALID_REQUEST, "started already");
        Launch launch = Launch.of(params);
        Long now = params.get("now") instanceof Number time ? time.longValue() : null;
        Running next = new Running(new LaunchHost(peer, now), new CompletableFuture<>(), new ConcurrentHashMap<>());
        running = next;
        perform(next, id, call -> {
            try {
                next.sdk.complete(adapter.start(launch, next.host));
            } catch (Throwable e) {
                next.sdk.completeExceptionally(e);
                throw e;
            }
            return Peer.fields();
        });
    }

    private void moveClock(Map<String, Object> params, Object id) {
        Running now = launched();
        long time = ((Number) params.get("now")).longValue();
        now.host.moveClock(time); // here, so that the next call finds the new time
        perform(now, id, call -> {
            sdk(now).clockMoved(time);
            return Peer.fields();
        });
    }

    private void stop(Map<String, Object> params, Object id) {
        Running last = running;
        boolean reuse = Boolean.TRUE.equals(params.get("reuse")) && adapter.capabilities().contains(Capability.REUSE);
        RpcException failure = null;
        try {
            if (last != null) sdk(last).stop();
        } catch (Throwable e) {
            failure = refusal(e, false);
        }
        if (last != null && reuse) {
            end(last);
            awaitAnswers(last);
        }
        running = null;
        if (failure == null) peer.answer(id, Peer.fields());
        else peer.refuse(id, failure);
        if (!reuse) onStop.run();
    }

    private static void end(Running last) {
        last.host.close();
        for (RunningCall call : last.calls.values()) call.cancel();
    }

    /** After the answer to `stop` nothing may be sent. A call that does not end in time is a fault that Vouch reports. */
    private static void awaitAnswers(Running last) {
        long deadline = System.nanoTime() + LONGEST_END_NS;
        for (RunningCall call : last.calls.values()) {
            try {
                call.answered.await(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
            } catch (InterruptedException e) {
                return;
            }
        }
    }

    private Running launched() {
        Running now = running;
        if (now == null) throw new RpcException(RpcException.INVALID_REQUEST, "`start` comes first");
        return now;
    }

    private static Sdk sdk(Running now) throws Throwable {
        try {
            return now.sdk.get();
        } catch (ExecutionException e) {
            throw e.getCause();
        }
    }

    private interface Work {
        Map<String, Object> run(Call call) throws Throwable;
    }

    /** Runs on a thread of its own, and answers. */
    private void perform(Running now, Object id, Work work) {
        RunningCall call = new RunningCall(now.host);
        now.calls.put(id, call);
        threads.execute(() -> {
            Map<String, Object> result = null;
            RpcException failure = null;
            call.begin();
            try {
                result = work.run(call);
            } catch (Throwable e) {
                failure = refusal(e, call.isCancelled());
            }
            call.end();
            if (failure == null) peer.answer(id, result);
            else peer.refuse(id, failure);
            now.calls.remove(id, call);
            call.answered.countDown();
        });
    }

    /** What the SDK has thrown, as an error of the protocol. */
    private RpcException refusal(Throwable error, boolean cancelled) {
        if (error instanceof RpcException rpc) return rpc;
        ErrorKind kind = kindOf(error, cancelled);
        if (kind == ErrorKind.INTERNAL && !(error instanceof CallException)) error.printStackTrace();
        String message = error.getMessage() == null ? error.getClass().getSimpleName() : error.getMessage();
        return new RpcException(RpcException.CALL_FAILED, message, kind);
    }

    private ErrorKind kindOf(Throwable error, boolean cancelled) {
        if (error instanceof CallException call) return call.kind;
        ErrorKind kind = adapter.kindOf(error);
        boolean ended = error instanceof InterruptedException || error instanceof CancellationException;
        if ((kind == null || kind == ErrorKind.INTERNAL) && cancelled && ended) return ErrorKind.CANCELLED;
        return kind == null ? ErrorKind.INTERNAL : kind;
    }

    private interface Step {
        void run() throws Exception;
    }

    private static Map.Entry<String, Action> call(String name, Action action) {
        return Map.entry(name, action);
    }

    private static Map<String, Object> done(Step step) throws Exception {
        step.run();
        return Peer.fields();
    }

    private static Map<String, Object> request(Sdk sdk, Map<String, Object> params, Call call) throws Exception {
        Sdk.ApiRequest request = new Sdk.ApiRequest(
                text(params, "method"), text(params, "path"), params.containsKey("body"), params.get("body"));
        Sdk.ApiResponse response = sdk.request(request, call);
        return Peer.fields("status", response.status(), "body", response.body());
    }

    private static List<Object> items(Collection<Sdk.StorageItem> items) {
        List<Object> list = new ArrayList<>();
        for (Sdk.StorageItem item : items) list.add(Peer.fields("area", item.area(), "key", item.key(), "value", item.value()));
        return list;
    }

    private static String text(Map<String, Object> params, String name) {
        return (String) params.get(name);
    }
}
