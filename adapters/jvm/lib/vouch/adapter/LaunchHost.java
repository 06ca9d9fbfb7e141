package vouch.adapter;

import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.function.Consumer;

/** What one launch of the SDK says to Vouch. After {@link #close} it says nothing more, whatever its threads still do. */
final class LaunchHost implements Host {
    private final Peer peer;
    private final Clock clock;
    private final Set<Peer.Question> open = new HashSet<>();
    private boolean closed;

    /** @param now the time of Vouch's clock, or null where the adapter does not claim it */
    LaunchHost(Peer peer, Long now) {
        this.peer = peer;
        this.clock = now == null ? new Clock.OfMachine() : new HarnessClock(now);
    }

    @Override
    public Clock clock() {
        return clock;
    }

    @Override
    public synchronized void statusChanged(Collection<String> words) {
        if (!closed) peer.notify("statusChanged", Peer.fields("status", List.copyOf(words)));
    }

    @Override
    public synchronized void log(String text) {
        if (!closed) peer.notify("log", Peer.fields("text", text));
    }

    void moveClock(long now) {
        if (clock instanceof HarnessClock harness) harness.now = now;
    }

    /** Asks and waits. An interrupt ends the wait. */
    Map<String, Object> ask(String method, Map<String, Object> params, Consumer<Map<String, Object>> onResult)
            throws InterruptedException {
        Peer.Question question;
        synchronized (this) {
            if (closed) throw new IllegalStateException("the app has ended");
            question = peer.ask(method, params, onResult);
            open.add(question);
        }
        try {
            return question.answer.get();
        } catch (ExecutionException e) {
            throw e.getCause() instanceof RuntimeException known ? known : new IllegalStateException(e.getCause());
        } finally {
            synchronized (this) {
                open.remove(question);
            }
            peer.forget(question);
        }
    }

    synchronized void close() {
        closed = true;
        open.forEach(peer::forget);
    }

    /** Vouch's clock: time stands still until Vouch moves it, and a wait is a request to Vouch. */
    private final class HarnessClock implements Clock {
        private volatile long now;

        HarnessClock(long now) {
            this.now = now;
        }

        @Override
        public long now() {
            return now;
        }

        @Override
        public void sleep(long milliseconds) throws InterruptedException {
            sleep(Peer.fields("milliseconds", Math.max(0, milliseconds)));
        }

        @Override
        public void sleepInBackground(long milliseconds) throws InterruptedException {
            sleep(Peer.fields("milliseconds", Math.max(0, milliseconds), "background", true));
        }

        private void sleep(Map<String, Object> params) throws InterruptedException {
            ask("sleep", params, result -> {
                if (result.get("now") instanceof Number moved) now = moved.longValue();
            });
        }
    }
}
