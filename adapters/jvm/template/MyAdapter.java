package template;

import java.io.IOException;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import vouch.adapter.Adapter;
import vouch.adapter.Call;
import vouch.adapter.CallException;
import vouch.adapter.Capability;
import vouch.adapter.ErrorKind;
import vouch.adapter.Host;
import vouch.adapter.Launch;
import vouch.adapter.Sdk;
import vouch.adapter.Vouch;

/**
 * A template: seat your SDK here. Copy this file and fill in each place marked FILL IN, from the top to the bottom. Run the case
 * {@code first-sign-in} as soon as {@code start}, {@code signIn}, {@code status} and {@code request} work.
 *
 * <p>The adapter is test code: keep it thin. It must not repair what the SDK does: no retry of its own, no default for a missing
 * value, no error that is caught and dropped. Otherwise Vouch tests the adapter, not the SDK.
 */
public final class MyAdapter implements Adapter {
    public static void main(String[] args) throws IOException {
        Vouch.serve(new MyAdapter(), args);
    }

    @Override
    public SdkInfo sdk() {
        return new SdkInfo("my-sdk", "0.0.0", "jvm"); // FILL IN: what reports call the build
    }

    @Override
    public Set<Capability> capabilities() {
        // FILL IN, one at a time, when all the rest works. CLOCK first: hours then pass at once. Then REUSE: one process serves
        // many cases. Claim only what works; the constants say what each one promises.
        return Set.of();
    }

    @Override
    public ErrorKind kindOf(Throwable error) {
        // FILL IN: what the app can do after an error that your SDK throws. docs/adapter-protocol.md lists the kinds,
        // docs/sdk-authors.md maps the exceptions of platforms. One that you do not know is INTERNAL, and Vouch reports it as a
        // failure: never map it to NETWORK.
        // if (error instanceof NotSignedInException) return ErrorKind.NOT_SIGNED_IN;
        if (error instanceof java.net.SocketException || error instanceof java.net.SocketTimeoutException) return ErrorKind.NETWORK;
        return ErrorKind.INTERNAL;
    }

    @Override
    public Sdk start(Launch launch, Host host) {
        // `junction` is the wire format of current releases. Refuse one that your SDK does not speak.
        if (!launch.profile().equals("junction")) {
            throw new CallException(ErrorKind.UNSUPPORTED, "the SDK does not speak " + launch.profile());
        }
        // FILL IN: create the SDK as an app does at launch. A user who was signed in before is signed in now, without a call.
        //
        // launch.storage().secure()          a folder in place of the keychain
        // launch.storage().plain()           a folder in place of preferences, files and databases
        // launch.storage().volatileFolder()  a folder in place of what a reboot clears
        // launch.endpoints()         give ALL of them to the SDK, in place of its table of hosts. The SDK must choose, by its
        //                            token or configuration
        // launch.requestTimeoutMs()  set the SDK's HTTP client to it
        // host.clock()               now() and sleep(): real time until you claim CLOCK
        // host::statusChanged        to be called from the SDK's own status stream
        // host::log                  to be called with each line of the SDK's own log
        return new Calls();
    }

    /** FILL IN each call. It returns or throws when the SDK's own call does. A call that your SDK does not have: delete it. */
    private static final class Calls implements Sdk {
        private static CallException fillIn(String call) {
            return new CallException(ErrorKind.INTERNAL, "MyAdapter: fill in " + call);
        }

        @Override
        public void signIn(String token, Call call) {
            throw fillIn("signIn");
        }

        @Override
        public void signOut() {
            throw fillIn("signOut");
        }

        @Override
        public Collection<String> status() {
            throw fillIn("status");
        }

        @Override
        public String currentUserId() {
            throw fillIn("currentUserId");
        }

        @Override
        public ApiResponse request(ApiRequest request, Call call) {
            throw fillIn("request");
        }

        @Override
        public List<StorageItem> storage() {
            throw fillIn("storage, or claim STORAGE_FILES and delete this call");
        }

        @Override
        public void refresh(Call call) {
            throw fillIn("refresh");
        }

        // More calls, if your SDK has them: configure, setUserId, identify, lockStorage, foreground, clockMoved, stop. See vouch.adapter.Sdk.
    }
}
