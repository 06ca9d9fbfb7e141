package vouch.adapter;

import java.util.Collection;

/** What Vouch gives to the SDK. All methods may be called from any thread. */
public interface Host {
    /** Vouch's clock if the adapter claims {@link Capability#CLOCK}, else that of the machine. */
    Clock clock();

    /**
     * To be called from the SDK's own status stream, with each new status, before the call that caused it returns. The words:
     * {@code configured}, {@code signedIn}, {@code useApiKey}, {@code useSignInToken}, {@code pendingReauthentication}.
     */
    void statusChanged(Collection<String> words);

    /** A line of the SDK's own log. */
    void log(String text);
}
