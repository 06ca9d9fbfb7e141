package test;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Map;
import vouch.adapter.Json;
import worked.WorkedAdapter;

/** Uses the worked SDK once, so that {@code build.sh} can archive the classes which that loads. */
final class Training {
    private Training() {}

    /** A sign-in token that the worked SDK accepts. */
    static String signInToken() {
        Map<String, Object> claims = Harness.object(
                "iss", "id-signer-stg-us@vital-id-stg-us.iam.gserviceaccount.com", "uid", "6b0c1d5e-0000-4000-8000-000000000001");
        String jwt = base64(Harness.object("alg", "RS256")) + "." + base64(claims) + ".c2ln";
        return base64(Harness.object("public_key", "key", "user_token", jwt));
    }

    private static String base64(Map<String, Object> object) {
        return Base64.getEncoder().encodeToString(Json.write(object).getBytes(StandardCharsets.UTF_8));
    }

    public static void main(String[] args) throws IOException, InterruptedException {
        Path folder = Files.createTempDirectory("vouch-training");
        try (TinyServer server = new TinyServer()) {
            Harness harness = Harness.of(new WorkedAdapter(java.util.List.of()));
            harness.call("initialize", "protocol", 1);
            harness.start(Harness.launch(folder.toString(), server.url(), "now", 0));
            harness.call("signIn", "token", signInToken());
            for (String method : new String[] {"status", "currentUserId", "refresh", "signOut", "refresh", "stop"}) {
                harness.request(method, Map.of());
            }
            harness.request("request", Harness.object("method", "GET", "path", "/v2/user"));
            harness.hasEnded();
        }
        try (var files = Files.list(folder)) {
            for (Path file : files.toList()) Files.delete(file);
        }
        Files.delete(folder);
    }
}
