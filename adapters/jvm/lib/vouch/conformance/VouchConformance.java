package vouch.conformance;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import vouch.adapter.Json;

/**
 * Runs Vouch once and gives each clause as a test: {@code new VouchConformance(Path.of("vouch.toml")).run()}. It needs no test
 * framework; the README shows it with JUnit 5. Its main method is a small test runner:
 *
 * <pre>sh run.sh vouch.conformance.VouchConformance vouch.toml [FILTER …]</pre>
 */
public final class VouchConformance {
    private static final int STDERR_TAIL = 4_000;

    private final Path target;
    private String program = System.getenv().getOrDefault("VOUCH", "vouch");
    private List<String> filter = List.of();
    private List<String> more = List.of();
    private boolean strict;

    /** @param target the target file */
    public VouchConformance(Path target) {
        this.target = target;
    }

    /** The program. By default the environment variable VOUCH, else {@code vouch} of the PATH. */
    public VouchConformance program(String path) {
        program = path;
        return this;
    }

    /** Only cases of these groups, clauses or ids. */
    public VouchConformance filter(List<String> words) {
        filter = List.copyOf(words);
        return this;
    }

    /** Violated {@code should} clauses fail, too. */
    public VouchConformance strict() {
        strict = true;
        return this;
    }

    /** Further arguments of {@code vouch run}. */
    public VouchConformance arguments(String... arguments) {
        more = List.of(arguments);
        return this;
    }

    /**
     * What a run found.
     *
     * @param clauses one test for each clause that applies to the run
     * @param verdict one more test, which fails when the run does: also by a mistake in the target file or an adapter that does
     *     not start
     */
    public record Result(List<ClauseTest> clauses, ClauseTest verdict) {
        /** The clauses, then the verdict. */
        public List<ClauseTest> all() {
            List<ClauseTest> all = new ArrayList<>(clauses);
            all.add(verdict);
            return all;
        }
    }

    /**
     * Runs the suite. This takes some minutes.
     *
     * @throws IOException if Vouch does not start
     */
    public Result run() throws IOException, InterruptedException {
        Path folder = Files.createTempDirectory("vouch-test");
        Path report = folder.resolve("report.json");
        Path errors = folder.resolve("stderr");
        try {
            int exitCode = start(report, errors).waitFor();
            // A run that cannot start leaves no file, or an empty one.
            if (!Files.exists(report) || Files.size(report) == 0) return new Result(List.of(), verdict("no report", exitCode, errors));
            Map<String, Object> object = Json.objectOrNull(Json.parse(Files.readAllBytes(report)));
            return new Result(clauseTests(object, strict), verdict(String.valueOf(object.get("outcome")), exitCode, errors));
        } finally {
            Files.deleteIfExists(report);
            Files.deleteIfExists(errors);
            Files.deleteIfExists(folder);
        }
    }

    private Process start(Path report, Path errors) throws IOException {
        List<String> command = new ArrayList<>(List.of(program, "run", "--ci", "--target", target.toString()));
        for (String word : filter) command.addAll(List.of("--filter", word));
        if (strict) command.add("--strict");
        command.addAll(more);
        command.addAll(List.of("--report", "json=" + report));
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.redirectInput(new File("/dev/null")).redirectOutput(ProcessBuilder.Redirect.DISCARD).redirectError(errors.toFile());
        try {
            return builder.start();
        } catch (IOException e) {
            throw new IOException(program + " does not start: set the environment variable VOUCH to its path", e);
        }
    }

    private static ClauseTest verdict(String outcome, int exitCode, Path errors) throws IOException {
        String name = "vouch: the verdict";
        if (exitCode == 0) return new ClauseTest(name, ClauseTest.Status.SATISFIED, "");
        String text = new String(Files.readAllBytes(errors), java.nio.charset.StandardCharsets.UTF_8);
        String tail = text.substring(Math.max(0, text.length() - STDERR_TAIL));
        String problem = "vouch run: " + outcome + ", exit code " + exitCode + "\n" + Findings.printable(tail);
        return new ClauseTest(name, ClauseTest.Status.VIOLATED, problem);
    }

    /**
     * One test for each clause that the run applied to.
     *
     * @param report the JSON report of {@code vouch run}
     * @param strict whether a violated {@code should} clause fails
     */
    public static List<ClauseTest> clauseTests(Map<String, Object> report, boolean strict) {
        List<ClauseTest> tests = new ArrayList<>();
        for (Object each : (List<?>) Json.objectOrNull(report.get("summary")).get("clauses")) {
            Map<String, Object> clause = Json.objectOrNull(each);
            String word = (String) clause.get("status");
            if (word.equals("notApplicable")) continue;
            String id = (String) clause.get("id");
            ClauseTest.Status status = switch (word) {
                case "satisfied" -> ClauseTest.Status.SATISFIED;
                case "violated" -> "should".equals(clause.get("level")) && !strict
                        ? ClauseTest.Status.WARNED : ClauseTest.Status.VIOLATED;
                case "waived" -> ClauseTest.Status.WAIVED;
                case "knownFailing" -> ClauseTest.Status.KNOWN_FAILING;
                case "notTested" -> ClauseTest.Status.NOT_TESTED;
                default -> throw new IllegalArgumentException("a clause with the unknown status " + word);
            };
            String name = id + " (" + clause.get("level") + ") " + clause.get("text");
            tests.add(new ClauseTest(name, status, Findings.text(report, id, status)));
        }
        return tests;
    }

    /** Prints one line for each test, and the findings of those that fail. Exit code 1 if one fails. */
    public static void main(String[] args) throws IOException, InterruptedException {
        if (args.length == 0) {
            System.err.println("usage: VouchConformance TARGET [FILTER …]");
            System.exit(2);
        }
        List<String> words = List.of(args).subList(1, args.length);
        boolean failed = false;
        for (ClauseTest test : new VouchConformance(Path.of(args[0])).filter(words).run().all()) {
            System.out.println(test.status() + " " + test.name());
            if (!test.text().isEmpty()) System.out.println(test.text().indent(4));
            failed |= test.fails();
        }
        System.exit(failed ? 1 : 0);
    }
}
