package worked.signin;

import static worked.signin.Session.sameUser;

import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import vouch.adapter.Clock;
import vouch.adapter.ErrorKind;
import vouch.adapter.Launch;

/**
 * The calls that an app makes. Each reads the state, waits for a server, reads the state again, and decides.
 *
 * <ul>
 *   <li>{@code signIn}, {@code configure} and {@code setUserId} run one at a time, because each says who the user is.
 *   <li>{@code signOut} does not wait. It ends the calls in flight.
 *   <li>{@code request} and {@code refresh} overlap freely and share one refresh.
 *   <li>An interrupt of its thread cancels a call.
 * </ul>
 */
public final class SignInSdk {
    /** Asks the app's backend for a sign-in token. */
    public interface Authenticate {
        String token(String externalUserId) throws InterruptedException;
    }

    /** A call to the vendor API; {@code body} is JSON or null. */
    public record ApiCall(String method, String path, String body) {}

    /** The HTTP status and the body. */
    public record ApiAnswer(int status, byte[] body) {}

    private record Sent(Http.Answer answer, Session session) {}

    private final Profile profile;
    private final Endpoints endpoints;
    private final Clock clock;
    private final long timeout;
    private final Consumer<String> log;
    private final Installation installation;
    private final IdentityProvider provider;
    private final Refresher refresher;
    private final ReentrantLock users = new ReentrantLock(true);
    private final ReentrantLock identifications = new ReentrantLock(true);

    /**
     * The launch: it restores the signed-in user. If storage is locked, the first call after that does.
     *
     * @param timeout of one HTTP answer, in milliseconds
     * @param patience the longest Retry-After that a call waits for, in milliseconds
     * @param onStatus is called for every change of the status
     */
    public SignInSdk(SessionStore store, Profile profile, List<Launch.Endpoint> endpoints, Clock clock, long timeout, long patience,
            Consumer<List<String>> onStatus, Consumer<String> log) {
        this.profile = profile;
        this.endpoints = new Endpoints(endpoints);
        this.clock = clock;
        this.timeout = timeout;
        this.log = log;
        installation = new Installation(
                store, session -> !(session instanceof Session.Token token) || profile.canContinue(token), onStatus);
        provider = new IdentityProvider(profile, this.endpoints, timeout, clock::now);
        refresher = new Refresher(installation, provider, clock, timeout, patience, log);
        storageAvailable();
    }

    /** To be called when the device was unlocked: the app then gets its status at once. */
    public void storageAvailable() {
        try {
            installation.session();
        } catch (SignInException e) {
            log.accept("storage cannot be read now");
        }
    }

    public List<String> status() {
        return Session.statusOf(installation.session());
    }

    /** The signed-in user, or null. */
    public String currentUserId() {
        Session session = installation.session();
        return session == null ? null : session.userId();
    }

    /** Exchanges a sign-in token. Migrates an API-key installation of the same user, and restores a session on hold. */
    public void signIn(String text) throws InterruptedException {
        SignInToken token = read(text);
        signIn(token, null, installation.untilSignOut());
    }

    /** Erases session and configuration. Needs no network, and may be repeated. */
    public void signOut() {
        installation.signOut();
    }

    /** Ends the SDK with its app. What is stored stays; nothing is sent or stored from now on. */
    public void close() {
        installation.close();
    }

    /** Signs the app's user in, unless this user is signed in already. */
    public void identify(String externalUserId, Authenticate authenticate) throws InterruptedException {
        identifications.lockInterruptibly();
        try {
            Ending wanted;
            synchronized (installation) {
                Session.Token session = installation.session() instanceof Session.Token token ? token : null;
                String known = session == null ? null : session.externalUserId();
                if (externalUserId.equals(known) && !session.onHold()) return;
                if (known != null && !externalUserId.equals(known)) installation.signOut();
                wanted = installation.untilSignOut();
            }
            SignInToken token = read(authenticated(authenticate, externalUserId, wanted));
            synchronized (installation) {
                // Who was signed in by another call may be the app's user or another: the token decides.
                installation.session();
                String userId = installation.userId();
                if (userId != null && !sameUser(userId, token.userId())) {
                    wanted.check();
                    installation.signOut();
                    wanted = installation.untilSignOut();
                }
            }
            signIn(token, externalUserId, wanted);
        } finally {
            identifications.unlock();
        }
    }

    /** Sets the API key. A new key of the same environment and region keeps the user. */
    public void configure(String apiKey, Realm realm) throws InterruptedException {
        checkApiKey(apiKey, realm);
        users.lockInterruptibly();
        try {
            synchronized (installation) {
                Session session = installation.session();
                if (session instanceof Session.Token) {
                    throw new SignInException(ErrorKind.ALREADY_SIGNED_IN, "a user is signed in with a sign-in token");
                }
                Session.ApiKey before = (Session.ApiKey) session;
                String userId = before == null ? null : before.userId();
                if (userId != null && !before.realm().equals(realm)) {
                    throw new SignInException(ErrorKind.ALREADY_SIGNED_IN, "a user of another environment or region is signed in");
                }
                Session.ApiKey next = new Session.ApiKey(realm, apiKey, userId);
                if (!next.equals(before)) installation.commit(next);
            }
        } finally {
            users.unlock();
        }
    }

    public void setUserId(String userId) throws InterruptedException {
        users.lockInterruptibly();
        try {
            synchronized (installation) {
                Session session = installation.session();
                if (session == null) {
                    throw new SignInException(ErrorKind.NOT_CONFIGURED, "configure the SDK before you set the user");
                }
                if (session.userId() != null && !sameUser(session.userId(), userId)) throw SignInException.otherUser();
                if (session instanceof Session.ApiKey key && key.userId() == null) {
                    installation.commit(new Session.ApiKey(key.realm(), key.apiKey(), userId));
                }
            }
        } finally {
            users.unlock();
        }
    }

    /** Refreshes the access token now, or joins the refresh in flight. */
    public void refresh() throws InterruptedException {
        Installation.Tenure tenure = tenure();
        if (!(installation.signedIn(tenure) instanceof Session.Token session)) {
            throw new SignInException(ErrorKind.UNSUPPORTED, "the API-key scheme has no access token");
        }
        refresher.renew(tenure, session.accessToken());
    }

    /** One call to the vendor API with the credentials of the user who is signed in now, never of the next one. */
    public ApiAnswer request(ApiCall call) throws InterruptedException {
        Installation.Tenure tenure = tenure();
        if (installation.signedIn(tenure) instanceof Session.Token session && !refresher.isFresh(session)) {
            refresher.renew(tenure, session.accessToken());
        }
        Sent sent = send(tenure, call);
        if (sent.answer.status() == 401 && sent.session instanceof Session.Token session) {
            refresher.renew(tenure, session.accessToken());
            sent = send(tenure, call);
            if (sent.answer.status() == 401) {
                throw new SignInException(ErrorKind.UNAUTHORIZED, "the API refuses a new access token, too");
            }
        }
        return new ApiAnswer(sent.answer.status(), sent.answer.body());
    }

    private Installation.Tenure tenure() {
        synchronized (installation) {
            installation.session();
            return installation.tenure();
        }
    }

    private SignInToken read(String text) {
        SignInToken token = SignInToken.read(text);
        profile.check(token);
        return token;
    }

    /** @param wanted ends when the app signs out */
    private void signIn(SignInToken token, String externalUserId, Ending wanted) throws InterruptedException {
        users.lockInterruptibly();
        try {
            synchronized (installation) {
                wanted.check();
                if (!exchangeNeeded(installation.session(), token)) {
                    rememberExternalUser(externalUserId);
                    return;
                }
            }
            installation.requireWritable();
            Session.Tokens tokens = provider.exchange(token, wanted);
            synchronized (installation) {
                wanted.check();
                installation.commit(sessionOf(token, tokens, externalUserId));
                installation.tenure().gateUntil = 0;
            }
            log.accept("signed in with a sign-in token");
        } finally {
            users.unlock();
        }
    }

    private Session.Token sessionOf(SignInToken token, Session.Tokens tokens, String externalUserId) {
        String external = externalUserId;
        if (external == null && installation.session() instanceof Session.Token before) external = before.externalUserId();
        boolean gcip = profile == Profile.GCIP;
        return new Session.Token(token.realm(), token.userId(), token.teamId(), external, tokens.access(), tokens.refresh(),
                Session.freshUntil(clock.now(), tokens.lifetime()), false, profile.word,
                gcip ? token.publicKey() : null, gcip ? token.tenantId() : null);
    }

    private void rememberExternalUser(String externalUserId) {
        if (externalUserId == null || !(installation.session() instanceof Session.Token session)) return;
        if (!externalUserId.equals(session.externalUserId())) installation.commit(session.ofExternalUser(externalUserId));
    }

    private static String authenticated(Authenticate authenticate, String externalUserId, Ending wanted) throws InterruptedException {
        String token;
        try {
            token = authenticate.token(externalUserId);
        } catch (RuntimeException e) {
            wanted.check();
            throw new SignInException(ErrorKind.NETWORK, "the app's backend gave no sign-in token");
        }
        wanted.check();
        return token;
    }

    private Sent send(Installation.Tenure tenure, ApiCall call) throws InterruptedException {
        Session[] used = {installation.signedIn(tenure)};
        String base = endpoints.of(used[0].realm()).api();
        Http.Answer answer = Http.exchange(call.method, base, call.path, timeout, () -> {
            used[0] = installation.signedIn(tenure);
            byte[] body = call.body == null ? null : call.body.getBytes(StandardCharsets.UTF_8);
            return new Http.Content(headersOf(used[0], body != null), body);
        }, installation.closed);
        return new Sent(answer, used[0]);
    }

    /** Whether this token must be exchanged; throws if it may not be. Decided before anything is sent. */
    private static boolean exchangeNeeded(Session session, SignInToken token) {
        if (session == null) return true;
        if (session.userId() != null && !sameUser(session.userId(), token.userId())) throw SignInException.otherUser();
        if (!session.realm().equals(token.realm())) throw SignInException.incompatible("environment or region");
        if (!(session instanceof Session.Token signedIn)) return true;
        if (signedIn.teamId() != null && token.teamId() != null && !signedIn.teamId().equals(token.teamId())) {
            throw SignInException.incompatible("team");
        }
        return signedIn.onHold();
    }

    private static Map<String, String> headersOf(Session session, boolean hasBody) {
        Map<String, String> headers = new HashMap<>();
        if (session instanceof Session.ApiKey key) headers.put("x-vital-api-key", key.apiKey());
        else if (session instanceof Session.Token token) headers.put("Authorization", "Bearer " + token.accessToken());
        if (hasBody) headers.put("Content-Type", Profile.JSON);
        return headers;
    }

    /** The prefix of a key says its environment and region: {@code pk} production, {@code sk} sandbox; in {@code dev} either. */
    private static void checkApiKey(String apiKey, Realm realm) {
        boolean production = apiKey.startsWith("pk_" + realm.region() + "_") && !realm.environment().equals("sandbox");
        boolean other = apiKey.startsWith("sk_" + realm.region() + "_") && !realm.environment().equals("production");
        boolean named = apiKey.length() > "pk_us_".length();
        if (!realm.isKnown() || !Http.isHeaderSafe(apiKey) || !named || !(production || other)) {
            throw new SignInException(ErrorKind.INVALID_API_KEY, "the API key is not of this environment and region");
        }
    }
}
