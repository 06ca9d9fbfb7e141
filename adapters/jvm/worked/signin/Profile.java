package worked.signin;

import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import vouch.adapter.Json;

/**
 * The wire profiles. The scheme is always the same: a sign-in token is exchanged, a refresh token is renewed. A profile says what
 * the requests and answers look like. It has no state and sends nothing.
 */
public enum Profile {
    /** Current releases: an OAuth 2.0 token endpoint for each environment and region. */
    JUNCTION(
            "junction",
            List.of("access_token", "refresh_token", "expires_in"),
            List.of("access_token", "refresh_token", "expires_in"),
            List.of("invalid_token"),
            List.of("invalid_token"),
            List.of("reauthentication_required")),
    /** Older releases: one host for all, and the public key of the sign-in token in every request. */
    GCIP(
            "gcip",
            List.of("idToken", "refreshToken", "expiresIn"),
            List.of("id_token", "refresh_token", "expires_in"),
            List.of("INVALID_CUSTOM_TOKEN", "CREDENTIAL_MISMATCH", "TOKEN_EXPIRED", "USER_DISABLED", "USER_NOT_FOUND",
                    "TENANT_ID_MISMATCH", "INVALID_TENANT_ID"),
            List.of("USER_DISABLED", "USER_NOT_FOUND"),
            List.of("TOKEN_EXPIRED", "INVALID_REFRESH_TOKEN"));

    static final String FORM = "application/x-www-form-urlencoded";
    static final String JSON = "application/json";

    final String word;
    /** What the answer to an exchange calls access token, refresh token and lifetime. */
    final List<String> exchangeFields;
    /** The same at a refresh. */
    final List<String> refreshFields;
    /** Error words at an exchange: the sign-in token is refused. */
    final List<String> badSignInToken;
    /** Error words at a refresh: the user is no longer valid. */
    final List<String> invalidUser;
    /** Error words at a refresh: the user must sign in again. */
    final List<String> onHold;

    Profile(String word, List<String> exchangeFields, List<String> refreshFields, List<String> badSignInToken,
            List<String> invalidUser, List<String> onHold) {
        this.word = word;
        this.exchangeFields = exchangeFields;
        this.refreshFields = refreshFields;
        this.badSignInToken = badSignInToken;
        this.invalidUser = invalidUser;
        this.onHold = onHold;
    }

    /** One POST to the identity provider. */
    record TokenRequest(String path, String type, byte[] body) {}

    /** The profile with this name, or null. */
    public static Profile of(String word) {
        for (Profile profile : values()) if (profile.word.equals(word)) return profile;
        return null;
    }

    /** Throws if the token lacks what this profile sends. */
    void check(SignInToken token) {
        if (this == JUNCTION) return;
        if (token.publicKey().isEmpty()) throw SignInException.malformedToken("its public key is empty");
        if (token.tenantId() == null || token.tenantId().isEmpty()) throw SignInException.malformedToken("it names no tenant");
    }

    TokenRequest exchange(SignInToken token) {
        if (this == JUNCTION) {
            return new TokenRequest("/v1/token", FORM, Http.form(
                    "grant_type", "urn:ietf:params:oauth:grant-type:token-exchange",
                    "subject_token_type", "urn:junction:sign-in-token",
                    "subject_token", token.userToken()));
        }
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("token", token.userToken());
        fields.put("tenantId", token.tenantId());
        fields.put("returnSecureToken", true);
        byte[] body = Json.write(fields).getBytes(StandardCharsets.UTF_8);
        return new TokenRequest("/v1/accounts:signInWithCustomToken?key=" + Http.escaped(token.publicKey()), JSON, body);
    }

    TokenRequest refresh(Session.Token session) {
        String key = this == JUNCTION ? "" : "?key=" + Http.escaped(session.publicKey());
        byte[] body = Http.form("grant_type", "refresh_token", "refresh_token", session.refreshToken());
        return new TokenRequest("/v1/token" + key, FORM, body);
    }

    /** The error word in the body of a 4xx, or an empty one. */
    String errorWord(Map<String, Object> body) {
        Map<String, Object> error = Json.objectOrNull(body.get(this == JUNCTION ? "detail" : "error"));
        Object word = error == null ? null : error.get(this == JUNCTION ? "error_type" : "message");
        // A text for people may follow the word: `INVALID_CUSTOM_TOKEN : Invalid assertion format`.
        return word instanceof String text ? text.split(" ", 2)[0] : "";
    }

    /**
     * Whether a stored session can go on with this profile. Sessions of GCIP go on with the current one: both refresh at the same
     * identity provider, by other names and at another host.
     */
    boolean canContinue(Session.Token session) {
        boolean ofGcip = GCIP.word.equals(session.profile());
        if (this == JUNCTION) return ofGcip || JUNCTION.word.equals(session.profile());
        return ofGcip && session.publicKey() != null && session.tenantId() != null;
    }
}
