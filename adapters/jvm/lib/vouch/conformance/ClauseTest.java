package vouch.conformance;

/**
 * One clause of the suite as a test.
 *
 * @param name the id, the level and the text of the clause
 * @param text the findings, or why the clause was not tested. Empty if it is satisfied
 */
public record ClauseTest(String name, Status status, String text) {
    /** What a test runner shows. */
    public enum Status {
        SATISFIED,
        /** Fails. */
        VIOLATED,
        /** A violated {@code should} clause: passes, and has findings. */
        WARNED,
        /** Shown, does not fail. */
        WAIVED,
        /** Shown, does not fail. */
        KNOWN_FAILING,
        /** Is skipped. */
        NOT_TESTED
    }

    /** Whether the test must fail. */
    public boolean fails() {
        return status == Status.VIOLATED;
    }

    /** Throws if the test must fail, for the body of a test. The error has no stack: the place that matters is in its text. */
    public void check() {
        if (!fails()) return;
        AssertionError error = new AssertionError(text);
        error.setStackTrace(new StackTraceElement[0]);
        throw error;
    }
}
