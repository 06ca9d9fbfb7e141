package worked.signin;

import java.time.DateTimeException;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Map;
import java.util.function.LongSupplier;
import vouch.adapter.Json;

/** The identity provider: exchange and refresh, and what its answers mean. It keeps no state and does not retry. */
final class IdentityProvider {
    private static final double LONGEST_LIFETIME_S = 1e9;
    private static final long LONGEST_WAIT_MS = 24 * 3600 * 1000L;

    private final Profile profile;
    private final Endpoints endpoints;
    private final long timeout;
    private final LongSupplier now;

    /**
     * @param timeout milliseconds for one answer
     * @param now the device's time in milliseconds since 1970
     */
    IdentityProvider(Profile profile, Endpoints endpoints, long timeout, LongSupplier now) {
        this.profile = profile;
        this.endpoints = endpoints;
        this.timeout = timeout;
        this.now = now;
    }

    /** Exchanges a sign-in token. It is sent once only: the provider may accept it once only. */
    Session.Tokens exchange(SignInToken token, Ending... endings) throws InterruptedException {
        Http.Answer answer = post(token.realm(), profile.exchange(token), endings);
        if (answer.status() == 200) return tokens(answer.body(), profile.exchangeFields);
        if (profile.badSignInToken.contains(errorWord(answer))) {
            throw new SignInException(vouch.adapter.ErrorKind.INVALID_SIGN_IN_TOKEN, "the sign-in token was refused");
        }
        throw failure(answer);
    }

    Session.Tokens refresh(Session.Token session, Ending... endings) throws InterruptedException {
        Http.Answer answer = post(session.realm(), profile.refresh(session), endings);
        if (answer.status() == 200) return tokens(answer.body(), profile.refreshFields);
        String word = errorWord(answer);
        if (profile.invalidUser.contains(word)) throw SignInException.invalidUser();
        if (profile.onHold.contains(word)) throw SignInException.needsReauthentication();
        throw failure(answer);
    }

    private Http.Answer post(Realm realm, Profile.TokenRequest request, Ending... endings) throws InterruptedException {
        Http.Content content = new Http.Content(Map.of("Content-Type", request.type()), request.body());
        return Http.exchange("POST", endpoints.of(realm).auth(), request.path(), timeout, () -> content, endings);
    }

    /** The error word of a 4xx, or an empty one. A 429 always means overload, whatever its body says. */
    private String errorWord(Http.Answer answer) {
        boolean says = answer.status() >= 400 && answer.status() < 500 && answer.status() != 429;
        Map<String, Object> body = says ? objectOrNull(answer.body()) : null;
        return body == null ? "" : profile.errorWord(body);
    }

    /** For an answer that says nothing about the token. */
    private SignInException failure(Http.Answer answer) {
        if (answer.status() == 429 || answer.status() >= 500) {
            return new SignInException.Temporary("the identity provider is overloaded or out of order", retryAfter(answer.headers()));
        }
        return SignInException.unexpectedAnswer("status " + answer.status());
    }

    private static Session.Tokens tokens(byte[] body, List<String> names) {
        Map<String, Object> object = objectOrNull(body);
        if (object == null) throw SignInException.unexpectedAnswer("no JSON object");
        if (!(object.get(names.get(0)) instanceof String access) || !Http.isHeaderSafe(access)) {
            throw SignInException.unexpectedAnswer("no usable access token");
        }
        if (!(object.get(names.get(1)) instanceof String refresh) || refresh.isEmpty()) {
            throw SignInException.unexpectedAnswer("no usable refresh token");
        }
        return new Session.Tokens(access, refresh, (long) (seconds(object.get(names.get(2))) * 1000));
    }

    /** A number, or a string of digits. */
    private static double seconds(Object value) {
        double seconds = -1;
        if (value instanceof Number number) seconds = number.doubleValue();
        else if (value instanceof String text && isDigits(text)) seconds = Double.parseDouble(text);
        if (!(seconds > 0 && seconds <= LONGEST_LIFETIME_S)) throw SignInException.unexpectedAnswer("no usable lifetime");
        return seconds;
    }

    /** {@code Retry-After} in milliseconds, or -1. A date counts from the answer's own, so a wrong clock does not matter. */
    private long retryAfter(Map<String, String> headers) {
        String value = headers.getOrDefault("retry-after", "");
        if (isDigits(value)) return Math.min(Long.parseLong(value) * 1000, LONGEST_WAIT_MS);
        long until = date(value);
        if (until < 0) return -1;
        long since = date(headers.getOrDefault("date", ""));
        return Math.min(Math.max(0, until - (since < 0 ? now.getAsLong() : since)), LONGEST_WAIT_MS);
    }

    private static long date(String text) {
        try {
            return text.isEmpty() ? -1 : ZonedDateTime.parse(text, DateTimeFormatter.RFC_1123_DATE_TIME).toInstant().toEpochMilli();
        } catch (DateTimeException e) {
            return -1;
        }
    }

    private static boolean isDigits(String text) {
        return !text.isEmpty() && text.length() <= 10 && text.chars().allMatch(c -> c >= '0' && c <= '9');
    }

    /** The object in these bytes, or null for anything else. */
    static Map<String, Object> objectOrNull(byte[] bytes) {
        try {
            return Json.objectOrNull(Json.parse(bytes));
        } catch (Json.SyntaxException e) {
            return null;
        }
    }
}
