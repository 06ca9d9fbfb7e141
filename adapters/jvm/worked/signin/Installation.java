package worked.signin;

import java.util.List;
import java.util.function.Consumer;
import java.util.function.Predicate;

/**
 * The state of this installation: the session in memory and on disk, and its status. Two rules for all other files:
 *
 * <ul>
 *   <li>What the <em>app</em> decides (sign in or out, configure) is first written, then applied. If it cannot be written, nothing
 *       changes.
 *   <li>What the <em>server</em> decides (a rotated token, a deleted user) is applied at once, and written as soon as storage
 *       allows it. A rotated token is not used before it is durable.
 * </ul>
 *
 * Every method holds the lock of this object. A caller that reads, decides and then changes holds it for all three.
 */
final class Installation {
    /**
     * The time from a user's sign-in to the sign-out, or a time without a user. Work that began in a tenure ends with it: so no
     * late answer brings a session back, and all callers get the same error.
     */
    static final class Tenure {
        final Ending ending = new Ending();
        /** The server wants no refresh between these two, in milliseconds since 1970. */
        long gateSince;
        long gateUntil;
    }

    /** Ends with the app. */
    final Ending closed = new Ending();

    private final SessionStore store;
    private final Predicate<Session> usable;
    private final Consumer<List<String>> onStatus;
    private Session session;
    private boolean loaded;
    private boolean unsaved;
    private List<String> reported = List.of();
    private Ending untilSignOut = new Ending();
    private Tenure tenure = new Tenure();

    /**
     * @param usable whether a stored session can be continued
     * @param onStatus is called for every change of the status
     */
    Installation(SessionStore store, Predicate<Session> usable, Consumer<List<String>> onStatus) {
        this.store = store;
        this.usable = usable;
        this.onStatus = onStatus;
    }

    /**
     * The session, or null. The first time it is read from storage.
     *
     * @throws SignInException {@code storage} if it cannot be read
     */
    synchronized Session session() {
        closed.check();
        if (!loaded) become(store.load(usable), SignInException.notSignedIn());
        else if (unsaved) trySave();
        return session;
    }

    synchronized String userId() {
        return session == null ? null : session.userId();
    }

    synchronized Tenure tenure() {
        return tenure;
    }

    /** Ends when the app signs out: a sign-in that began before is no longer wanted. */
    synchronized Ending untilSignOut() {
        return untilSignOut;
    }

    /** The session of this tenure's user, ready for a request. */
    synchronized Session signedIn(Tenure of) {
        of.ending.check();
        if (session == null || session.userId() == null) throw SignInException.notSignedIn();
        if (session instanceof Session.Token token && token.onHold()) throw SignInException.needsReauthentication();
        if (unsaved) save();
        return session;
    }

    /** To be called before a request whose answer must be stored, so that no token is lost. */
    void requireWritable() {
        if (store.isLocked()) throw SignInException.storageLocked();
    }

    /** Applies what the app has decided: first on disk, then in memory. */
    synchronized void commit(Session next) {
        closed.check();
        store.save(next);
        unsaved = false;
        become(next, SignInException.signedOutMeanwhile());
    }

    /** Signs out, which ends the calls in flight. Erases storage that seems to be empty, too. */
    synchronized void signOut() {
        closed.check();
        boolean knownEmpty = loaded && session == null && !unsaved;
        if (!(knownEmpty && store.isLocked())) store.erase();
        unsaved = false;
        untilSignOut.end(SignInException.signInOvertaken());
        untilSignOut = new Ending();
        become(null, SignInException.signedOutMeanwhile());
    }

    /** Applies what the server has decided: first in memory, then on disk. Null: the user is no longer valid. */
    synchronized void adopt(Session next) {
        closed.check();
        unsaved = true;
        become(next, SignInException.invalidUser());
    }

    /** The app ends. What is stored stays; nothing is sent or stored from now on. */
    synchronized void close() {
        closed.end(SignInException.appEnded());
        untilSignOut.end(SignInException.appEnded());
        tenure.ending.end(SignInException.appEnded());
    }

    private void trySave() {
        try {
            save();
        } catch (SignInException e) {
            // Storage is locked or full. `signedIn` tries again, and fails until it succeeds.
        }
    }

    private void save() {
        if (session == null) store.erase();
        else store.save(session);
        unsaved = false;
    }

    /**
     * The last user's tenure ends when the change is on disk and reported: its callers go on at once, on their own threads.
     *
     * @param reason what the callers of the last user get, if this one is another
     */
    private void become(Session next, SignInException reason) {
        String before = userId();
        String after = next == null ? null : next.userId();
        boolean other = before == null || !Session.sameUser(before, after);
        Tenure last = tenure;
        if (other) tenure = new Tenure();
        loaded = true;
        session = next;
        if (unsaved) trySave();
        report();
        if (other) last.ending.end(reason);
    }

    /** Reports the status if it is another than the last one. At launch that is the one that was restored. */
    private void report() {
        List<String> words = Session.statusOf(session);
        if (words.equals(reported)) return;
        reported = words;
        onStatus.accept(words);
    }
}
