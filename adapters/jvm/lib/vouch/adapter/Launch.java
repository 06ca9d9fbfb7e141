package vouch.adapter;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * What an app gives to its SDK at launch.
 *
 * @param profile the wire format: {@code junction} for current releases, {@code gcip} for older ones
 * @param storage the folders to keep everything in
 * @param background only with {@link Capability#WAKE}: whether the app has no user interface until {@link Sdk#foreground}
 * @param endpoints one entry for each environment and region. Give all of them to the SDK: it must choose
 * @param requestTimeoutMs how long the SDK may wait for one HTTP answer, in milliseconds of real time
 */
public record Launch(String profile, Storage storage, boolean background, List<Endpoint> endpoints, long requestTimeoutMs) {
    /**
     * Three folders that exist.
     *
     * @param secure in place of the keychain
     * @param plain in place of preferences, files and databases
     * @param volatileFolder in place of what a reboot clears
     * @param locked only with {@link Capability#STORAGE_LOCK}: whether secure storage can be neither read nor written
     */
    public record Storage(Path secure, Path plain, Path volatileFolder, boolean locked) {}

    /** The addresses of one environment and region. */
    public record Endpoint(String environment, String region, String api, String auth) {}

    static Launch of(Map<String, Object> params) {
        Map<String, Object> storage = Json.objectOrNull(params.get("storage"));
        List<Endpoint> endpoints = new ArrayList<>();
        for (Object each : (List<?>) params.get("endpoints")) {
            Map<String, Object> entry = Json.objectOrNull(each);
            if (entry == null) throw new RpcException(RpcException.INVALID_PARAMS, "an endpoint must be an object");
            endpoints.add(new Endpoint(text(entry, "environment"), text(entry, "region"), text(entry, "api"), text(entry, "auth")));
        }
        Storage folders = new Storage(
                Path.of(text(storage, "secure")),
                Path.of(text(storage, "plain")),
                Path.of(text(storage, "volatile")),
                Boolean.TRUE.equals(storage.get("locked")));
        long timeout = ((Number) params.get("requestTimeoutMs")).longValue();
        boolean background = Boolean.TRUE.equals(params.get("background"));
        return new Launch((String) params.get("profile"), folders, background, List.copyOf(endpoints), timeout);
    }

    private static String text(Map<String, Object> object, String name) {
        if (object.get(name) instanceof String text) return text;
        throw new RpcException(RpcException.INVALID_PARAMS, "`" + name + "` must be a string");
    }
}
