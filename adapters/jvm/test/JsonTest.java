package test;

import static test.Checks.equal;
import static test.Checks.holds;
import static test.Checks.test;

import java.math.BigDecimal;
import java.util.Arrays;
import java.util.List;
import vouch.adapter.Json;

/** JSON in both directions. */
final class JsonTest {
    private JsonTest() {}

    static void run() {
        test("JSON is read and written as it was", () -> {
            String text = "{\"a\":[1,-2.50,1E+2,true,false,null,\"x\\\"\\\\é\\u0007\"],\"b\":{},\"c\":[]}";
            equal(text, Json.write(Json.parse(text)));
            equal(List.of(7L, new BigDecimal("12345678901234567890")), Json.parse(" [ 7 , 12345678901234567890 ] "));
            equal("\ud83d\ude00/\n", Json.parse("\"\\ud83d\\ude00\\/\\n\""));
            equal("\"\\ud83d\"", Json.write("\ud83d"));
        });
        test("what is not JSON is refused", () -> {
            String deep = "[".repeat(501) + "]".repeat(501);
            for (String text : Arrays.asList("", "{", "[1,]", "{\"a\":1,}", "{a:1}", "01", "1.", "+1", "-", "nul", "\"\t\"", "\"\\x\"",
                    "\"\\u12\"", "\"a", "1 2", "[1}", "NaN", deep)) {
                try {
                    throw new AssertionError(text + " was read as " + Json.parse(text));
                } catch (Json.SyntaxException e) {
                    holds(e.getMessage().startsWith("not JSON"), e.getMessage());
                }
            }
        });
    }
}
