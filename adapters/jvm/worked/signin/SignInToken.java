package worked.signin;

import static worked.signin.SignInException.malformedToken;

import java.util.Base64;
import java.util.Map;
import java.util.regex.Pattern;
import vouch.adapter.Json;

/**
 * The sign-in token, read without a network call: standard base64 of {@code {"public_key", "user_token": JWT}}. The signature is
 * not verified, as the SDK has no key for it. The identity provider verifies it.
 *
 * @param userToken the JWT that is exchanged
 * @param tenantId or null
 * @param teamId or null
 */
record SignInToken(String userId, Realm realm, String userToken, String publicKey, String tenantId, String teamId) {
    private static final Pattern UUID = Pattern.compile("(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}");

    /** @throws SignInException {@code invalidSignInToken} */
    static SignInToken read(String text) {
        Map<String, Object> outer = object(text.strip(), "it is not base64 of a JSON object");
        if (!(outer.get("public_key") instanceof String publicKey)) throw malformedToken("it has no public key");
        if (!(outer.get("user_token") instanceof String userToken)) throw malformedToken("it has no user token");
        String[] parts = userToken.split("\\.", -1);
        if (parts.length != 3) throw malformedToken("its user token is not a JWT");
        Map<String, Object> header = object(parts[0], "its user token is not a JWT");
        Map<String, Object> claims = object(parts[1], "its user token is not a JWT");
        bytes(parts[2], "its user token is not a JWT");
        if (!"RS256".equals(header.get("alg"))) throw malformedToken("its algorithm is not RS256");
        if (!(claims.get("uid") instanceof String uid) || !UUID.matcher(uid).matches()) throw malformedToken("it names no user");
        Realm realm = Realm.ofIssuer(claims.get("iss"));
        if (realm == null) throw malformedToken("its issuer is not known");
        Map<String, Object> more = Json.objectOrNull(claims.get("claims"));
        String teamId = more == null ? null : stringOrNull(more.get("vital_team_id"));
        return new SignInToken(uid, realm, userToken, publicKey, stringOrNull(claims.get("tenant_id")), teamId);
    }

    private static Map<String, Object> object(String text, String problem) {
        try {
            Map<String, Object> object = Json.objectOrNull(Json.parse(bytes(text, problem)));
            if (object != null) return object;
        } catch (Json.SyntaxException e) {
            // It says where in the token, which is of no use to an app.
        }
        throw malformedToken(problem);
    }

    /** Decodes both alphabets of base64, with any padding: issuers differ in both. */
    private static byte[] bytes(String text, String problem) {
        int end = text.length();
        while (end > 0 && text.charAt(end - 1) == '=') end--;
        if (end == 0) throw malformedToken(problem);
        try {
            return Base64.getUrlDecoder().decode(text.substring(0, end).replace('+', '-').replace('/', '_'));
        } catch (IllegalArgumentException e) {
            throw malformedToken(problem);
        }
    }

    private static String stringOrNull(Object value) {
        return value instanceof String text ? text : null;
    }
}
