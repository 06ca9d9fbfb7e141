package vouch.junit5;

import java.io.IOException;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestReporter;
import org.opentest4j.TestAbortedException;
import vouch.conformance.ClauseTest;
import vouch.conformance.VouchConformance;

/**
 * Shows each clause as a test of JUnit 5:
 *
 * <pre>
 * &#64;TestFactory
 * Stream&lt;DynamicTest&gt; clauses(TestReporter reporter) throws Exception {
 *     return VouchTests.of(new VouchConformance(Path.of("conformance/vouch.toml")), reporter);
 * }
 * </pre>
 */
public final class VouchTests {
    private VouchTests() {}

    /**
     * Runs the suite once. This takes some minutes.
     *
     * @param reporter gets the findings of clauses that only warn
     * @return a test for each clause, and one for the verdict
     * @throws IOException if Vouch does not start
     */
    public static Stream<DynamicTest> of(VouchConformance conformance, TestReporter reporter)
            throws IOException, InterruptedException {
        return of(conformance.run(), reporter);
    }

    /** The tests of a run that has ended. */
    public static Stream<DynamicTest> of(VouchConformance.Result result, TestReporter reporter) {
        return result.all().stream().map(clause -> DynamicTest.dynamicTest(clause.name(), () -> check(clause, reporter)));
    }

    private static void check(ClauseTest clause, TestReporter reporter) {
        switch (clause.status()) {
            case SATISFIED -> {}
            case VIOLATED -> clause.check();
            case WARNED -> reporter.publishEntry("warning", clause.name() + "\n" + clause.text());
            case NOT_TESTED -> throw aborted(clause.text());
            case WAIVED -> throw aborted("waived: " + clause.text());
            case KNOWN_FAILING -> throw aborted("known failure: " + clause.text());
        }
    }

    /** JUnit shows the test as aborted, with this reason, and does not fail. */
    private static TestAbortedException aborted(String reason) {
        TestAbortedException aborted = new TestAbortedException(reason);
        aborted.setStackTrace(new StackTraceElement[0]);
        return aborted;
    }
}
