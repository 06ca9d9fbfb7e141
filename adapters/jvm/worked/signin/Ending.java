package worked.signin;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/** Something that ends once, with an error for all who wait: a user's time, or the wish to sign in. */
final class Ending {
    private final CompletableFuture<Object> future = new CompletableFuture<>();
    private volatile SignInException reason;

    /** The first reason counts. */
    synchronized void end(SignInException why) {
        if (reason != null) return;
        reason = why;
        future.completeExceptionally(why);
    }

    /** Throws the reason if it has ended. */
    void check() {
        SignInException why = reason;
        if (why != null) throw why;
    }

    /**
     * Waits for work, or for the first of these endings, whose reason it then throws. The work itself goes on: others may wait
     * for it too.
     *
     * @throws InterruptedException if the app cancels the call
     */
    static <T> T await(CompletableFuture<T> work, Ending... endings) throws InterruptedException {
        List<CompletableFuture<?>> all = new ArrayList<>(List.of(work));
        for (Ending ending : endings) all.add(ending.future);
        try {
            CompletableFuture.anyOf(all.toArray(CompletableFuture[]::new)).get();
            return work.get();
        } catch (ExecutionException e) {
            throw e.getCause() instanceof SignInException known ? known : new IllegalStateException(e.getCause());
        }
    }
}
