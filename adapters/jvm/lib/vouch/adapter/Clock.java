package vouch.adapter;

/** The SDK's source of time. */
public interface Clock {
    /** Milliseconds since 1970. */
    long now();

    /** Waits, for example before a retry. */
    void sleep(long milliseconds) throws InterruptedException;

    /** Waits as a timer that no call waits for: time does not jump to its end. */
    void sleepInBackground(long milliseconds) throws InterruptedException;

    /** The clock of this machine. */
    final class OfMachine implements Clock {
        @Override
        public long now() {
            return System.currentTimeMillis();
        }

        @Override
        public void sleep(long milliseconds) throws InterruptedException {
            Thread.sleep(Math.max(0, milliseconds));
        }

        @Override
        public void sleepInBackground(long milliseconds) throws InterruptedException {
            sleep(milliseconds);
        }
    }
}
