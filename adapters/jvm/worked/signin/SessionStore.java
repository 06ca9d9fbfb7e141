package worked.signin;

import java.nio.charset.StandardCharsets;
import java.util.function.Consumer;
import java.util.function.Predicate;

/**
 * The one session record in {@code secure}, and the marker of the installation in {@code plain}. A keychain outlives its app: a
 * session without the marker among the app's own files is of a deleted installation, so the app starts signed out.
 */
public final class SessionStore {
    private static final String SESSION = "session";
    private static final String MARKER = "installed";
    private static final byte[] MARK =
            "This app is installed: what secure storage holds is its own.\n".getBytes(StandardCharsets.UTF_8);

    private final Area secure;
    private final Area plain;
    private final Consumer<String> log;

    public SessionStore(Area secure, Area plain, Consumer<String> log) {
        this.secure = secure;
        this.plain = plain;
        this.log = log;
    }

    boolean isLocked() {
        return secure.isLocked();
    }

    /** The stored session, or null. One that cannot be used is erased, so that the next launch does not find it again. */
    Session load(Predicate<Session> usable) {
        secure.tidy(SESSION);
        byte[] bytes = secure.read(SESSION);
        if (bytes == null) {
            plain.remove(MARKER);
            return null;
        }
        if (plain.read(MARKER) == null) return discard("is of an earlier installation");
        Session session = Session.decode(bytes);
        if (session == null) return discard("is damaged");
        return usable.test(session) ? session : discard("is of another wire profile");
    }

    /** The marker first: alone it is harmless, while a session without it would be erased. */
    void save(Session session) {
        boolean first = plain.read(MARKER) == null;
        if (first) plain.write(MARKER, MARK);
        try {
            secure.write(SESSION, Session.encode(session));
        } catch (SignInException e) {
            if (first) removeMarker();
            throw e;
        }
    }

    /** The session first: without it the user is signed out, whatever happens to the marker. */
    void erase() {
        secure.remove(SESSION);
        removeMarker();
    }

    private void removeMarker() {
        try {
            plain.remove(MARKER);
        } catch (SignInException e) {
            // The next launch removes it.
        }
    }

    private Session discard(String why) {
        log.accept("the stored session " + why + " and was erased");
        erase();
        return null;
    }
}
