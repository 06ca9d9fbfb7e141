package vouch.adapter;

import java.util.Collection;
import java.util.List;

/**
 * The calls of the SDK, one method each. Calls run in parallel, each on a thread of its own. A call that you leave out is
 * answered with the kind {@code unsupported}.
 */
public interface Sdk {
    /**
     * A call to the vendor API.
     *
     * @param hasBody whether there is a body to send, which may be the JSON value null
     * @param body a value as {@link Json} describes it
     */
    record ApiRequest(String method, String path, boolean hasBody, Object body) {}

    /** The HTTP status, and the body as {@link Json} describes it, or null if it is not JSON. */
    record ApiResponse(int status, Object body) {}

    /**
     * Something that the SDK keeps.
     *
     * @param area {@code secure}, {@code plain} or {@code volatile}
     * @param value text; binary values in base64
     */
    record StorageItem(String area, String key, String value) {}

    /** Exchanges a sign-in token. Returns when the user is signed in. */
    default void signIn(String token, Call call) throws Exception {
        throw CallException.unsupported("signIn");
    }

    /** Erases the session and the configuration. */
    default void signOut() throws Exception {
        throw CallException.unsupported("signOut");
    }

    /** The status words. */
    default Collection<String> status() throws Exception {
        throw CallException.unsupported("status");
    }

    /** The signed-in user, or null. */
    default String currentUserId() throws Exception {
        throw CallException.unsupported("currentUserId");
    }

    /** Sets the API key of the older scheme. */
    default void configure(String apiKey, String environment, String region) throws Exception {
        throw CallException.unsupported("configure");
    }

    /** Sets the user of the older scheme. */
    default void setUserId(String userId) throws Exception {
        throw CallException.unsupported("setUserId");
    }

    /** Signs in as the app's user. The SDK gets its sign-in token by {@link Call#authenticate}. */
    default void identify(String externalUserId, Call call) throws Exception {
        throw CallException.unsupported("identify");
    }

    /** One call to the vendor API, with the SDK's own choice of host and credentials. */
    default ApiResponse request(ApiRequest request, Call call) throws Exception {
        throw CallException.unsupported("request");
    }

    /** Refreshes the access token now. */
    default void refresh(Call call) throws Exception {
        throw CallException.unsupported("refresh");
    }

    /** All that the SDK keeps. Not needed with {@link Capability#STORAGE_FILES}. */
    default List<StorageItem> storage() throws Exception {
        throw CallException.unsupported("storage");
    }

    /** Secure storage can be neither read nor written until it is unlocked. */
    default void lockStorage(boolean locked) throws Exception {
        throw CallException.unsupported("lockStorage");
    }

    /** The app, which was launched in the background, comes to the foreground. */
    default void foreground() throws Exception {
        throw CallException.unsupported("foreground");
    }

    /** Time has moved: the SDK's own timers that are due must fire. Returns at once. */
    default void clockMoved(long now) throws Exception {}

    /**
     * The app is closed. With {@link Capability#REUSE} the process lives on, for the next case: then nothing of this SDK may go
     * on, neither threads nor requests nor writes.
     */
    default void stop() throws Exception {}
}
