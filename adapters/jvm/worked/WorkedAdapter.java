package worked;

import java.io.IOException;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import vouch.adapter.Adapter;
import vouch.adapter.Call;
import vouch.adapter.CallException;
import vouch.adapter.Capability;
import vouch.adapter.ErrorKind;
import vouch.adapter.Host;
import vouch.adapter.Json;
import vouch.adapter.Launch;
import vouch.adapter.Sdk;
import vouch.adapter.Vouch;
import worked.signin.Area;
import worked.signin.Profile;
import worked.signin.Realm;
import worked.signin.SessionStore;
import worked.signin.SignInException;
import worked.signin.SignInSdk;

/**
 * Connects the worked SDK to Vouch: {@code sh run.sh worked.WorkedAdapter [--no-clock] [--no-reuse]}, and the options of {@link
 * Vouch#serve}.
 */
public final class WorkedAdapter implements Adapter {
    private final Set<Capability> capabilities = EnumSet.complementOf(EnumSet.of(Capability.SECOND_PROCESS));

    public WorkedAdapter(List<String> options) {
        if (options.contains("--no-clock")) capabilities.remove(Capability.CLOCK);
        if (options.contains("--no-reuse")) capabilities.remove(Capability.REUSE);
    }

    public static void main(String[] args) throws IOException {
        Vouch.serve(new WorkedAdapter(List.of(args)), args);
    }

    @Override
    public SdkInfo sdk() {
        return new SdkInfo("jvm-example", "1.0.0", "jvm");
    }

    @Override
    public Set<Capability> capabilities() {
        return capabilities;
    }

    @Override
    public ErrorKind kindOf(Throwable error) {
        return error instanceof SignInException known ? known.kind : ErrorKind.INTERNAL;
    }

    @Override
    public Sdk start(Launch launch, Host host) {
        Profile profile = Profile.of(launch.profile());
        if (profile == null) throw new CallException(ErrorKind.UNSUPPORTED, "this SDK does not speak that wire profile");
        Area secure = new Area(launch.storage().secure(), launch.storage().locked());
        SessionStore store = new SessionStore(secure, new Area(launch.storage().plain(), false), host::log);
        // Without Vouch's clock a call must end within its deadline, which is 10 s of real time.
        long patience = capabilities.contains(Capability.CLOCK) ? 10_000 : 2_000;
        SignInSdk sdk = new SignInSdk(store, profile, launch.endpoints(), host.clock(), launch.requestTimeoutMs(), patience,
                host::statusChanged, host::log);
        return new Calls(sdk, secure);
    }

    private record Calls(SignInSdk sdk, Area secure) implements Sdk {
        @Override
        public void signIn(String token, Call call) throws InterruptedException {
            sdk.signIn(token);
        }

        @Override
        public void signOut() {
            sdk.signOut();
        }

        @Override
        public List<String> status() {
            return sdk.status();
        }

        @Override
        public String currentUserId() {
            return sdk.currentUserId();
        }

        @Override
        public void configure(String apiKey, String environment, String region) throws InterruptedException {
            sdk.configure(apiKey, new Realm(environment, region));
        }

        @Override
        public void setUserId(String userId) throws InterruptedException {
            sdk.setUserId(userId);
        }

        @Override
        public void identify(String externalUserId, Call call) throws InterruptedException {
            sdk.identify(externalUserId, call::authenticate);
        }

        @Override
        public ApiResponse request(ApiRequest request, Call call) throws InterruptedException {
            String body = request.hasBody() ? Json.write(request.body()) : null;
            SignInSdk.ApiAnswer answer = sdk.request(new SignInSdk.ApiCall(request.method(), request.path(), body));
            return new ApiResponse(answer.status(), parsed(answer.body()));
        }

        @Override
        public void refresh(Call call) throws InterruptedException {
            sdk.refresh();
        }

        @Override
        public void lockStorage(boolean locked) {
            secure.setLocked(locked);
            if (!locked) sdk.storageAvailable();
        }

        @Override
        public void foreground() {
            // The SDK does the same in the background.
        }

        @Override
        public void stop() {
            sdk.close();
        }

        private static Object parsed(byte[] body) {
            try {
                return Json.parse(body);
            } catch (Json.SyntaxException e) {
                return null;
            }
        }
    }
}
