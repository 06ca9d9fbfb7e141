package vouch.adapter;

/**
 * One call of the app. When the app cancels it, its thread is interrupted: what waits throws {@code InterruptedException}.
 * For an SDK that does not follow interrupts, {@link #onCancel} calls what cancels its work.
 */
public interface Call {
    /** Whether the app has cancelled this call. */
    boolean isCancelled();

    /** Runs the action when the app cancels this call; at once if it has done so already. */
    void onCancel(Runnable action);

    /**
     * Asks the app for a sign-in token, as the callback of {@code identify}.
     *
     * @throws CallException with the kind of the app's error, if its backend failed
     * @throws InterruptedException if the app cancels the call
     */
    String authenticate(String externalUserId) throws InterruptedException;
}
