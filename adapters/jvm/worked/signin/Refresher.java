package worked.signin;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Consumer;
import vouch.adapter.Clock;
import vouch.adapter.ErrorKind;

/**
 * The one refresh in flight. Refresh tokens rotate: a second refresh with the same token could end the session. So all callers who
 * need a new access token wait for the same refresh. It has a thread of its own: if one caller is cancelled, the others still get
 * their token.
 */
final class Refresher {
    private static final int RETRIES = 2;
    private static final long FIRST_PAUSE_MS = 500;
    private static final long JITTER_MS = 250;
    private static final long REAL_TIME_BUDGET_MS = 8_000;

    private record Flight(Installation.Tenure tenure, CompletableFuture<Void> ended) {}

    private final Installation installation;
    private final IdentityProvider provider;
    private final Clock clock;
    private final long timeout;
    private final long patience;
    private final Consumer<String> log;
    /** Guarded by the installation, as all decisions are. */
    private Flight flight;

    /**
     * @param timeout of one answer, in milliseconds
     * @param patience the longest Retry-After that is waited for while callers wait, in milliseconds
     */
    Refresher(Installation installation, IdentityProvider provider, Clock clock, long timeout, long patience, Consumer<String> log) {
        this.installation = installation;
        this.provider = provider;
        this.clock = clock;
        this.timeout = timeout;
        this.patience = patience;
        this.log = log;
    }

    boolean isFresh(Session.Token session) {
        return clock.now() < session.freshUntil();
    }

    /**
     * Waits until the access token is another one than {@code stale}. If it has been replaced in the meantime, nothing is sent.
     *
     * @param stale the access token that is expired or was refused
     * @throws InterruptedException if this caller is cancelled. The refresh goes on
     */
    void renew(Installation.Tenure tenure, String stale) throws InterruptedException {
        CompletableFuture<Void> ended;
        synchronized (installation) {
            Session.Token session = (Session.Token) installation.signedIn(tenure);
            if (!session.accessToken().equals(stale) && isFresh(session)) return;
            if (flight == null || flight.tenure != tenure) takeOff(tenure, session);
            ended = flight.ended;
        }
        Ending.await(ended, tenure.ending);
    }

    private void takeOff(Installation.Tenure tenure, Session.Token session) {
        checkGate(tenure);
        installation.requireWritable();
        Flight next = new Flight(tenure, new CompletableFuture<>());
        flight = next;
        Thread thread = new Thread(() -> fly(next, session), "refresh");
        thread.setDaemon(true);
        thread.start();
    }

    private void fly(Flight own, Session.Token session) {
        Throwable failure = null;
        try {
            attempts(own.tenure, session);
        } catch (RuntimeException | InterruptedException e) {
            failure = e;
        }
        synchronized (installation) {
            if (flight == own) flight = null;
        }
        if (failure == null) own.ended.complete(null);
        else own.ended.completeExceptionally(failure);
    }

    private void attempts(Installation.Tenure tenure, Session.Token session) throws InterruptedException {
        long began = System.nanoTime();
        for (int attempt = 0; ; attempt++) {
            try {
                attempt(tenure, session);
                return;
            } catch (SignInException.Temporary e) {
                long spent = (System.nanoTime() - began) / 1_000_000;
                boolean last = attempt == RETRIES || spent + timeout > REAL_TIME_BUDGET_MS;
                long pause = pauseAfter(e, attempt, tenure, last);
                if (pause < 0) throw e;
                log.accept("a refresh failed for the moment; the next attempt is in " + pause + " ms");
                clock.sleep(pause);
            }
        }
    }

    private void attempt(Installation.Tenure tenure, Session.Token session) throws InterruptedException {
        tenure.ending.check();
        Session.Tokens tokens;
        try {
            tokens = provider.refresh(session, tenure.ending);
        } catch (SignInException e) {
            adoptRefusal(tenure, e.kind);
            throw e;
        }
        synchronized (installation) {
            Session.Token current = (Session.Token) installation.signedIn(tenure);
            installation.adopt(current.renewed(tokens, clock.now()));
            installation.signedIn(tenure); // throws `storage` if the new tokens are not durable
        }
    }

    private void adoptRefusal(Installation.Tenure tenure, ErrorKind kind) {
        synchronized (installation) {
            tenure.ending.check();
            if (kind == ErrorKind.INVALID_USER) {
                log.accept("the user is no longer valid and was signed out");
                installation.adopt(null);
            } else if (kind == ErrorKind.NEEDS_REAUTHENTICATION) {
                log.accept("the session is on hold");
                installation.adopt(((Session.Token) installation.signedIn(tenure)).held());
            }
        }
    }

    /** Milliseconds until the next attempt, or -1 to give up. */
    private long pauseAfter(SignInException.Temporary error, int attempt, Installation.Tenure tenure, boolean last) {
        if (error.retryAfter < 0) {
            long pause = FIRST_PAUSE_MS << attempt;
            return last ? -1 : pause / 2 + random(pause / 2);
        }
        if (!last && error.retryAfter <= patience) return error.retryAfter + random(JITTER_MS);
        synchronized (installation) {
            tenure.gateSince = clock.now();
            tenure.gateUntil = tenure.gateSince + error.retryAfter;
        }
        return -1;
    }

    /** Fails without a request while a Retry-After lasts. A clock that was set back does not make it longer. */
    private void checkGate(Installation.Tenure tenure) {
        long now = clock.now();
        if (tenure.gateSince <= now && now < tenure.gateUntil) {
            throw new SignInException.Temporary("the identity provider asked to wait");
        }
        tenure.gateUntil = 0;
    }

    private static long random(long most) {
        return ThreadLocalRandom.current().nextLong(most + 1);
    }
}
