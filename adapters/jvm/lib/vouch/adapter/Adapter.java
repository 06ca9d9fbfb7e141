package vouch.adapter;

import java.util.List;
import java.util.Set;

/** The adapter of one SDK. {@link Vouch#serve} lets Vouch drive it. */
public interface Adapter {
    /** What reports call the build. */
    record SdkInfo(String name, String version, String platform) {}

    SdkInfo sdk();

    /** What works. */
    default Set<Capability> capabilities() {
        return Set.of();
    }

    /** The areas that may hold tokens. {@code plain} belongs here where the platform protects private files, as Android does. */
    default List<String> tokenStorage() {
        return List.of("secure");
    }

    /**
     * What the app can do after this error of the SDK. One that you do not know is {@link ErrorKind#INTERNAL}, and Vouch
     * reports it as a failure: never map it to {@link ErrorKind#NETWORK}.
     */
    default ErrorKind kindOf(Throwable error) {
        return ErrorKind.INTERNAL;
    }

    /** The app is launched: creates the SDK. A user who was signed in before is signed in now, without a call. */
    Sdk start(Launch launch, Host host) throws Exception;
}
