package worked.signin;

import java.util.List;
import java.util.Map;

/** An environment and a region. Each pair has its own hosts and credentials. */
public record Realm(String environment, String region) {
    /** The name of each environment in an issuer. */
    static final Map<String, String> ISSUER_NAMES = Map.of("production", "prd", "sandbox", "stg", "dev", "dev");

    boolean isKnown() {
        return environment != null && ISSUER_NAMES.containsKey(environment) && List.of("us", "eu").contains(String.valueOf(region));
    }

    /** The realm of an issuer, or null if the issuer is not known. */
    static Realm ofIssuer(Object issuer) {
        for (String environment : ISSUER_NAMES.keySet()) {
            for (String region : List.of("us", "eu")) {
                String place = ISSUER_NAMES.get(environment) + "-" + region;
                String name = "id-signer-" + place + "@vital-id-" + place + ".iam.gserviceaccount.com";
                if (name.equals(issuer)) return new Realm(environment, region);
            }
        }
        return null;
    }
}
