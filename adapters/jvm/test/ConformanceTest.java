package test;

import static test.Checks.equal;
import static test.Checks.holds;
import static test.Checks.object;
import static test.Checks.test;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import vouch.conformance.ClauseTest;
import vouch.conformance.VouchConformance;

/** What {@code VouchConformance} makes of a report. */
final class ConformanceTest {
    private ConformanceTest() {}

    static void run() {
        Map<String, Object> finding = Harness.object(
                "clauses", List.of("MIG-5"), "location", "other-region.yaml:12:5", "step", "signIn with $token",
                "expected", "the error incompatible", "got", "ok\u001b[31m\u202e", "wire", List.of("  4  sdk → auth\n"),
                "stderr", "", "advice", "Compare the region.");
        List<Object> cases = List.of(
                Harness.object("id", "region[eu]", "title", "Another region", "verdict", "failed", "proves", List.of("MIG-5"),
                        "detail", List.of(finding)),
                Harness.object("id", "region[us]", "title", "The same", "verdict", "failed", "proves", List.of("MIG-5"),
                        "detail", List.of(finding)),
                Harness.object("id", "lock", "title", "Lock", "verdict", "skipped", "proves", List.of("PER-6"),
                        "detail", "the SDK does not claim storageLock"),
                Harness.object("id", "fine", "title", "Fine", "verdict", "passed", "proves", List.of("EXC-1"), "detail", null));
        test("each clause is a test, with its findings", () -> {
            List<ClauseTest> tests = VouchConformance.clauseTests(report(cases, "EXC-1", "satisfied", "ISS-1", "notApplicable",
                    "MIG-5", "violated", "PER-6", "notTested"), false);
            equal(3, tests.size());
            equal(new ClauseTest("EXC-1 (should) It is so.", ClauseTest.Status.SATISFIED, ""), tests.get(0));
            equal(ClauseTest.Status.WARNED, tests.get(1).status());
            String text = tests.get(1).text();
            holds(text.startsWith("region[eu]: Another region\nother-region.yaml:12:5: signIn with $token\n"), text);
            holds(text.contains("got       ok\\u{1b}[31m\\u{202e}\n"), text);
            holds(text.endsWith("advice: Compare the region.\nalso in region[us]"), text);
            equal("the SDK does not claim storageLock", tests.get(2).text());
            holds(VouchConformance.clauseTests(report(cases, "MIG-5", "violated"), true).get(0).fails(), "strict");
        });
        test("a program that is not there is named", () -> {
            try {
                new VouchConformance(Path.of("vouch.toml")).program("/no/such/vouch").run();
                throw new AssertionError("it ran");
            } catch (IOException e) {
                holds(e.getMessage().startsWith("/no/such/vouch does not start: set the environment variable VOUCH"), e.getMessage());
            }
        });
    }

    /** @param clauses ids and statuses in turn */
    private static Map<String, Object> report(List<Object> cases, String... clauses) {
        List<Object> list = new ArrayList<>();
        for (int i = 0; i < clauses.length; i += 2) {
            list.add(Harness.object("id", clauses[i], "level", "should", "text", "It is so.", "status", clauses[i + 1]));
        }
        return Harness.object("summary", Harness.object("clauses", list), "cases", cases);
    }
}
