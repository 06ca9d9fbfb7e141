package vouch.adapter;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;

/** A call that runs on a thread, and can be cancelled from another one. */
final class RunningCall implements Call {
    /** Reaches zero when the answer was written. */
    final CountDownLatch answered = new CountDownLatch(1);

    private final LaunchHost host;
    private final List<Runnable> onCancel = new ArrayList<>();
    private Thread thread;
    private boolean cancelled;
    private boolean ended;

    RunningCall(LaunchHost host) {
        this.host = host;
    }

    /** The current thread runs this call from now on. */
    synchronized void begin() {
        thread = Thread.currentThread();
        if (cancelled) thread.interrupt();
    }

    /** Before the answer is written. A later interrupt must not meet the next call on this thread. */
    synchronized void end() {
        ended = true;
        Thread.interrupted();
    }

    void cancel() {
        List<Runnable> actions;
        synchronized (this) {
            if (ended || cancelled) return;
            cancelled = true;
            actions = List.copyOf(onCancel);
            if (thread != null) thread.interrupt();
        }
        actions.forEach(Runnable::run);
    }

    @Override
    public synchronized boolean isCancelled() {
        return cancelled;
    }

    @Override
    public void onCancel(Runnable action) {
        synchronized (this) {
            if (!cancelled) {
                onCancel.add(action);
                return;
            }
        }
        action.run();
    }

    @Override
    public String authenticate(String externalUserId) throws InterruptedException {
        Map<String, Object> result = host.ask("authenticate", Peer.fields("externalUserId", externalUserId), answer -> {});
        if (result.get("token") instanceof String token) return token;
        throw new CallException(ErrorKind.NETWORK, "the app's backend gave no sign-in token");
    }
}
