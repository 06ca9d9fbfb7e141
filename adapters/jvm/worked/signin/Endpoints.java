package worked.signin;

import java.util.List;
import vouch.adapter.Launch;

/** The hosts of every environment and region. */
record Endpoints(List<Launch.Endpoint> entries) {
    Launch.Endpoint of(Realm realm) {
        for (Launch.Endpoint entry : entries) {
            if (entry.environment().equals(realm.environment()) && entry.region().equals(realm.region())) return entry;
        }
        throw SignInException.incompatible("environment or region");
    }
}
