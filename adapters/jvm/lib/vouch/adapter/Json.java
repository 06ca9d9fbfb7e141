package vouch.adapter;

import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * JSON without a dependency. An object is a {@code Map<String, Object>} in the order of its fields, an array a
 * {@code List<Object>}, a number a {@code Long} or a {@code BigDecimal}; the rest is {@code String}, {@code Boolean} and null.
 */
public final class Json {
    private static final int DEEPEST = 500;

    private final String text;
    private int at;
    private int depth;

    private Json(String text) {
        this.text = text;
    }

    /** Text that is not JSON. */
    public static final class SyntaxException extends IllegalArgumentException {
        private static final long serialVersionUID = 1;

        SyntaxException(String problem) {
            super(problem);
        }
    }

    /**
     * Reads one value.
     *
     * @throws SyntaxException if these bytes are not JSON in UTF-8
     */
    public static Object parse(byte[] bytes) {
        try {
            return parse(StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString());
        } catch (CharacterCodingException e) {
            throw new SyntaxException("not UTF-8");
        }
    }

    /**
     * Reads one value.
     *
     * @throws SyntaxException if the text is not JSON
     */
    public static Object parse(String text) {
        Json reader = new Json(text);
        Object value = reader.value();
        reader.skipSpace();
        if (reader.at < text.length()) throw reader.mistake("something follows the value");
        return value;
    }

    /** The value if it is an object, else null. */
    @SuppressWarnings("unchecked")
    public static Map<String, Object> objectOrNull(Object value) {
        return value instanceof Map ? (Map<String, Object>) value : null;
    }

    /** Writes a value in one line. */
    public static String write(Object value) {
        StringBuilder out = new StringBuilder();
        write(value, out);
        return out.toString();
    }

    private static void write(Object value, StringBuilder out) {
        if (value == null || value instanceof Boolean || value instanceof Number) {
            out.append(value);
        } else if (value instanceof Map<?, ?> map) {
            String separator = "{";
            for (Map.Entry<?, ?> entry : map.entrySet()) {
                out.append(separator);
                writeString(String.valueOf(entry.getKey()), out);
                out.append(':');
                write(entry.getValue(), out);
                separator = ",";
            }
            out.append(map.isEmpty() ? "{}" : "}");
        } else if (value instanceof Iterable<?> list) {
            out.append('[');
            int before = out.length();
            for (Object each : list) {
                if (out.length() > before) out.append(',');
                write(each, out);
            }
            out.append(']');
        } else {
            writeString(value.toString(), out);
        }
    }

    private static void writeString(String text, StringBuilder out) {
        out.append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') out.append('\\').append(c);
            else if (c < ' ' || Character.isSurrogate(c)) out.append(String.format("\\u%04x", (int) c));
            else out.append(c);
        }
        out.append('"');
    }

    private Object value() {
        skipSpace();
        if (at == text.length()) throw mistake("a value is missing");
        switch (text.charAt(at)) {
            case '{':
                return object();
            case '[':
                return array();
            case '"':
                return string();
            case 't':
                return word("true", Boolean.TRUE);
            case 'f':
                return word("false", Boolean.FALSE);
            case 'n':
                return word("null", null);
            default:
                return number();
        }
    }

    private Map<String, Object> object() {
        Map<String, Object> fields = new LinkedHashMap<>();
        enter();
        if (!closes('}')) {
            do {
                skipSpace();
                if (at == text.length() || text.charAt(at) != '"') throw mistake("a name is missing");
                String name = string();
                expect(':');
                fields.put(name, value());
            } while (goesOn('}'));
        }
        depth--;
        return fields;
    }

    private List<Object> array() {
        List<Object> values = new ArrayList<>();
        enter();
        if (!closes(']')) {
            do values.add(value());
            while (goesOn(']'));
        }
        depth--;
        return values;
    }

    private String string() {
        StringBuilder out = new StringBuilder();
        for (at++; at < text.length(); at++) {
            char c = text.charAt(at);
            if (c == '"') {
                at++;
                return out.toString();
            }
            if (c < ' ') throw mistake("a control character");
            out.append(c == '\\' ? escaped() : c);
        }
        throw mistake("a string does not end");
    }

    private char escaped() {
        char c = ++at < text.length() ? text.charAt(at) : 0;
        int plain = "\"\\/bfnrt".indexOf(c);
        if (c != 0 && plain >= 0) return "\"\\/\b\f\n\r\t".charAt(plain);
        if (c != 'u' || at + 4 >= text.length()) throw mistake("an unknown escape");
        int code = 0;
        for (int end = at + 4; at < end; ) {
            int digit = Character.digit(text.charAt(++at), 16);
            if (digit < 0 || text.charAt(at) > 'f') throw mistake("an unknown escape");
            code = code * 16 + digit;
        }
        return (char) code;
    }

    private Object number() {
        int start = at;
        skip('-');
        boolean zero = skip('0');
        if (!zero) digits();
        int whole = at;
        if (skip('.')) digits();
        if (skip('e') || skip('E')) {
            if (!skip('+')) skip('-');
            digits();
        }
        String number = text.substring(start, at);
        try {
            // A long has at least 18 digits. "-0" is no long.
            if (at == whole && number.length() < 19 && !number.equals("-0")) return Long.valueOf(number);
            return new BigDecimal(number);
        } catch (NumberFormatException e) {
            throw mistake("a number that is too large");
        }
    }

    private void digits() {
        int start = at;
        while (at < text.length() && text.charAt(at) >= '0' && text.charAt(at) <= '9') at++;
        if (at == start) throw mistake("no value");
    }

    private Object word(String word, Object value) {
        if (!text.startsWith(word, at)) throw mistake("no value");
        at += word.length();
        return value;
    }

    private void enter() {
        at++;
        if (++depth > DEEPEST) throw mistake("too deep");
    }

    private boolean closes(char end) {
        skipSpace();
        return skip(end);
    }

    private boolean goesOn(char end) {
        skipSpace();
        if (skip(',')) return true;
        expect(end);
        return false;
    }

    private void expect(char c) {
        skipSpace();
        if (!skip(c)) throw mistake("`" + c + "` is missing");
    }

    private boolean skip(char c) {
        boolean there = at < text.length() && text.charAt(at) == c;
        if (there) at++;
        return there;
    }

    private void skipSpace() {
        while (at < text.length() && " \t\n\r".indexOf(text.charAt(at)) >= 0) at++;
    }

    /** Names the place and never the text, which may have a secret in it. */
    private SyntaxException mistake(String problem) {
        return new SyntaxException("not JSON: " + problem + " at character " + at);
    }
}
