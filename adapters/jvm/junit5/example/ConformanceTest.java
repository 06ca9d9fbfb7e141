package example;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestReporter;
import vouch.conformance.VouchConformance;
import vouch.junit5.VouchTests;

/** The suite as tests of JUnit 5. The environment variable VOUCH_FILTER may name a part of the suite. */
@DisplayName("Conformance of the sign-in")
class ConformanceTest {
    @TestFactory
    @DisplayName("clauses")
    Stream<DynamicTest> clauses(TestReporter reporter) throws Exception {
        String target = System.getProperty("vouch.target", "vouch.toml");
        String filter = System.getenv().getOrDefault("VOUCH_FILTER", "").strip();
        List<String> words = filter.isEmpty() ? List.of() : List.of(filter.split(" +"));
        return VouchTests.of(new VouchConformance(Path.of(target)).filter(words), reporter);
    }
}
