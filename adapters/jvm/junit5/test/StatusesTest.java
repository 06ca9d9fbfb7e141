package test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.opentest4j.TestAbortedException;
import vouch.conformance.ClauseTest;
import vouch.conformance.VouchConformance;
import vouch.junit5.VouchTests;

/** How each status of a clause is shown. */
class StatusesTest {
    private final List<Map<String, String>> published = new ArrayList<>();

    /** The one test of a clause with this status, run. */
    private void run(ClauseTest.Status status) throws Throwable {
        ClauseTest clause = new ClauseTest("MIG-5 (must) It is so.", status, "the findings");
        ClauseTest verdict = new ClauseTest("vouch: the verdict", ClauseTest.Status.SATISFIED, "");
        List<DynamicTest> tests = VouchTests.of(new VouchConformance.Result(List.of(clause), verdict), published::add).toList();
        assertEquals(List.of(clause.name(), verdict.name()), tests.stream().map(DynamicTest::getDisplayName).toList());
        tests.get(0).getExecutable().execute();
    }

    @Test
    void a_satisfied_clause_passes() throws Throwable {
        run(ClauseTest.Status.SATISFIED);
        assertTrue(published.isEmpty());
    }

    @Test
    void a_violated_clause_fails_with_its_findings_and_without_a_stack() {
        AssertionError error = assertThrows(AssertionError.class, () -> run(ClauseTest.Status.VIOLATED));
        assertEquals("the findings", error.getMessage());
        assertEquals(0, error.getStackTrace().length);
    }

    @Test
    void a_violated_should_clause_passes_and_publishes_its_findings() throws Throwable {
        run(ClauseTest.Status.WARNED);
        assertEquals(List.of(Map.of("warning", "MIG-5 (must) It is so.\nthe findings")), published);
    }

    @Test
    void a_clause_that_was_not_tested_waived_or_known_to_fail_is_aborted_with_the_reason() {
        assertEquals("the findings", reason(ClauseTest.Status.NOT_TESTED));
        assertEquals("waived: the findings", reason(ClauseTest.Status.WAIVED));
        assertEquals("known failure: the findings", reason(ClauseTest.Status.KNOWN_FAILING));
    }

    private String reason(ClauseTest.Status status) {
        return assertThrows(TestAbortedException.class, () -> run(status)).getMessage();
    }

    @Test
    void a_program_that_is_not_there_is_named() {
        VouchConformance conformance = new VouchConformance(Path.of("vouch.toml")).program("/no/such/vouch");
        Exception error = assertThrows(java.io.IOException.class, () -> VouchTests.of(conformance, published::add));
        assertTrue(error.getMessage().startsWith("/no/such/vouch does not start"), error.getMessage());
    }
}
