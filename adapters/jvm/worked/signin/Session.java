package worked.signin;

import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;
import vouch.adapter.Json;

/**
 * The record of an installation. There is ONE: a migration or a rotation replaces it as a whole, so a crash leaves the old record
 * or the new one, never a mixture.
 */
sealed interface Session {
    String VERSION = "1";
    long LONGEST_MARGIN_MS = 30_000;

    Realm realm();

    /** The signed-in user, or null. */
    String userId();

    /** The older scheme; {@code userId} is null between {@code configure} and {@code setUserId}. */
    record ApiKey(Realm realm, String apiKey, String userId) implements Session {}

    /**
     * The sign-in-token scheme. On hold both tokens are empty, as neither is valid any more.
     *
     * @param teamId or null
     * @param externalUserId the app's user if {@code identify} signed in, or null
     * @param freshUntil until when the access token is used, in milliseconds since 1970
     * @param profile the wire profile of the tokens
     * @param publicKey null unless the profile needs it
     * @param tenantId null unless the profile needs it
     */
    record Token(Realm realm, String userId, String teamId, String externalUserId, String accessToken, String refreshToken,
            long freshUntil, boolean onHold, String profile, String publicKey, String tenantId) implements Session {
        /** With new tokens that arrived now. */
        Token renewed(Tokens tokens, long now) {
            return new Token(realm, userId, teamId, externalUserId, tokens.access(), tokens.refresh(),
                    Session.freshUntil(now, tokens.lifetime()), false, profile, publicKey, tenantId);
        }

        Token held() {
            return new Token(realm, userId, teamId, externalUserId, "", "", 0, true, profile, publicKey, tenantId);
        }

        Token ofExternalUser(String id) {
            return new Token(realm, userId, teamId, id, accessToken, refreshToken, freshUntil, onHold, profile, publicKey, tenantId);
        }
    }

    /** What the identity provider issues; the lifetime in milliseconds. */
    record Tokens(String access, String refresh, long lifetime) {}

    /**
     * Until when an access token that arrived now is used. It counts from its arrival by the device's own clock, so a wrong clock
     * does not matter. The margin covers the way to the server: 30 s, or a tenth of a short lifetime.
     */
    static long freshUntil(long now, long lifetime) {
        return now + lifetime - Math.min(LONGEST_MARGIN_MS, lifetime / 10);
    }

    /** User ids are UUIDs, in either letter case. */
    static boolean sameUser(String one, String other) {
        return one == null ? other == null : one.equalsIgnoreCase(other);
    }

    /** The status words: only documented combinations. */
    static List<String> statusOf(Session session) {
        if (session == null) return List.of();
        if (session.userId() == null) return List.of("configured");
        if (session instanceof ApiKey) return List.of("configured", "signedIn", "useApiKey");
        if (!((Token) session).onHold()) return List.of("configured", "signedIn", "useSignInToken");
        return List.of("configured", "signedIn", "useSignInToken", "pendingReauthentication");
    }

    /** The bytes of a record: a version, a checksum that shows damage, JSON. */
    static byte[] encode(Session session) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("environment", session.realm().environment());
        fields.put("region", session.realm().region());
        fields.put("userId", session.userId());
        if (session instanceof ApiKey key) {
            fields.put("apiKey", key.apiKey());
        } else if (session instanceof Token token) {
            fields.put("teamId", token.teamId());
            fields.put("externalUserId", token.externalUserId());
            fields.put("accessToken", token.accessToken());
            fields.put("refreshToken", token.refreshToken());
            fields.put("freshUntil", token.freshUntil());
            fields.put("onHold", token.onHold());
            fields.put("profile", token.profile());
            fields.put("publicKey", token.publicKey());
            fields.put("tenantId", token.tenantId());
        }
        String body = Json.write(fields);
        return (VERSION + " " + checksum(body) + " " + body + "\n").getBytes(StandardCharsets.UTF_8);
    }

    /** Null if the record is damaged, cut off or of another version. */
    static Session decode(byte[] bytes) {
        String text = new String(bytes, StandardCharsets.UTF_8);
        String[] parts = text.split(" ", 3);
        if (parts.length < 3 || !parts[0].equals(VERSION) || !parts[2].endsWith("\n")) return null;
        String body = parts[2].substring(0, parts[2].length() - 1);
        if (!parts[1].equals(checksum(body))) return null;
        try {
            return sound(Json.objectOrNull(Json.parse(body)));
        } catch (IllegalArgumentException | ClassCastException | NullPointerException e) {
            return null; // the checksum is right, but this version did not write it
        }
    }

    private static Session sound(Map<String, Object> fields) {
        Realm realm = new Realm((String) fields.get("environment"), (String) fields.get("region"));
        if (!realm.isKnown()) return null;
        String userId = (String) fields.get("userId");
        if (fields.get("apiKey") instanceof String key) return new ApiKey(realm, key, userId);
        if (userId == null || fields.get("accessToken") == null || fields.get("refreshToken") == null) return null;
        return new Token(realm, userId, (String) fields.get("teamId"), (String) fields.get("externalUserId"),
                (String) fields.get("accessToken"), (String) fields.get("refreshToken"), (Long) fields.get("freshUntil"),
                (Boolean) fields.get("onHold"), (String) fields.get("profile"), (String) fields.get("publicKey"),
                (String) fields.get("tenantId"));
    }

    private static String checksum(String body) {
        CRC32 sum = new CRC32();
        sum.update(body.getBytes(StandardCharsets.UTF_8));
        return Long.toHexString(sum.getValue());
    }
}
