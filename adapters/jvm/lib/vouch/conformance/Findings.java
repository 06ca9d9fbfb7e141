package vouch.conformance;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import vouch.adapter.Json;

/** The findings of a JSON report as text. */
final class Findings {
    private static final int MOST_CAUSES = 3;
    private static final Pattern UNPRINTABLE = Pattern.compile("(?!\n)[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]");

    private record Found(String id, Object title, Map<String, Object> finding) {}

    private Findings() {}

    /** Why a clause has this status; empty if it is satisfied. */
    static String text(Map<String, Object> report, String clause, ClauseTest.Status status) {
        if (status == ClauseTest.Status.SATISFIED) return "";
        List<Map<String, Object>> cases = new ArrayList<>();
        for (Object each : (List<?>) report.get("cases")) {
            Map<String, Object> one = Json.objectOrNull(each);
            if (!"passed".equals(one.get("verdict"))) cases.add(one);
        }
        return printable(status == ClauseTest.Status.NOT_TESTED ? reasons(cases, clause) : causes(cases, clause));
    }

    /** Text from the build under test must not steer a terminal: control characters and marks of direction are escaped. */
    static String printable(String text) {
        return UNPRINTABLE.matcher(text.replace("\t", "    ")).replaceAll(match -> String.format("\\\\u{%x}", match.group().codePointAt(0)));
    }

    private static String reasons(List<Map<String, Object>> cases, String clause) {
        Set<String> reasons = new LinkedHashSet<>();
        for (Map<String, Object> each : cases) {
            if (!((List<?>) each.get("proves")).contains(clause)) continue;
            reasons.add(switch ((String) each.get("verdict")) {
                case "skipped" -> (String) each.get("detail");
                case "notReached" ->
                        each.get("id") + ": not reached because of " + Json.objectOrNull(each.get("detail")).get("becauseOf");
                default -> each.get("id") + ": " + each.get("verdict");
            });
        }
        return reasons.isEmpty() ? "not tested" : String.join("; ", reasons);
    }

    /** The findings of a clause, those with one cause together. */
    private static String causes(List<Map<String, Object>> cases, String clause) {
        Map<List<Object>, List<Found>> causes = new LinkedHashMap<>();
        for (Map<String, Object> each : cases) {
            if (!(each.get("detail") instanceof List<?> findings)) continue;
            for (Object one : findings) {
                Map<String, Object> finding = Json.objectOrNull(one);
                if (!((List<?>) finding.get("clauses")).contains(clause)) continue;
                List<Object> cause = new ArrayList<>(); // List.of knows no null
                for (String part : List.of("step", "expected", "got")) cause.add(finding.get(part));
                causes.computeIfAbsent(cause, key -> new ArrayList<>())
                        .add(new Found((String) each.get("id"), each.get("title"), finding));
            }
        }
        List<String> texts = new ArrayList<>();
        for (List<Found> cause : causes.values()) if (texts.size() < MOST_CAUSES) texts.add(causeText(cause));
        if (causes.size() > MOST_CAUSES) texts.add("and " + (causes.size() - MOST_CAUSES) + " more causes");
        return String.join("\n\n", texts);
    }

    /** The first finding of a cause in full, and where the others are. */
    private static String causeText(List<Found> cause) {
        Found first = cause.get(0);
        Map<String, Object> finding = first.finding;
        List<String> lines = new ArrayList<>();
        lines.add(first.id + ": " + first.title);
        lines.add(finding.get("location") + ": " + finding.get("step"));
        lines.add("expected  " + finding.get("expected"));
        lines.add("got       " + finding.get("got"));
        if (finding.get("wire") instanceof List<?> wire && !wire.isEmpty()) {
            lines.add("last exchanges:");
            for (Object each : wire) lines.add(String.valueOf(each).stripTrailing());
        }
        if (finding.get("stderr") instanceof String stderr && !stderr.isEmpty()) lines.add("standard error:\n" + stderr);
        if (finding.get("advice") instanceof String advice) lines.add("advice: " + advice);
        Set<String> others = new LinkedHashSet<>();
        for (Found found : cause.subList(1, cause.size())) others.add(found.id);
        if (!others.isEmpty()) lines.add("also in " + String.join(", ", others));
        return String.join("\n", lines);
    }
}
