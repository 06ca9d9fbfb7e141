package test;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import vouch.adapter.Adapter;
import vouch.adapter.Json;
import vouch.adapter.LineChannel;
import vouch.adapter.Vouch;

/** Plays Vouch over a pair of streams: it writes messages, and reads them one at a time. */
final class Harness {
    private final OutputStream output;
    private final LinkedBlockingQueue<Map<String, Object>> messages = new LinkedBlockingQueue<>();
    private final CountDownLatch ended = new CountDownLatch(1);
    private long lastId;

    Harness(InputStream input, OutputStream output) {
        this.output = output;
        daemon(() -> {
            try (BufferedReader reader = new BufferedReader(new InputStreamReader(input, StandardCharsets.UTF_8))) {
                for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                    messages.add(Json.objectOrNull(Json.parse(line)));
                }
            } catch (IOException e) {
                // The adapter has ended.
            }
        });
    }

    /** An adapter over streams in memory. */
    static Harness of(Adapter adapter) throws IOException {
        PipedInputStream toAdapter = new PipedInputStream(1 << 16);
        PipedInputStream fromAdapter = new PipedInputStream(1 << 16);
        PipedOutputStream answers = new PipedOutputStream(fromAdapter);
        Harness harness = new Harness(fromAdapter, new PipedOutputStream(toAdapter));
        daemon(() -> {
            Vouch.serve(adapter, new LineChannel(toAdapter, answers), harness.ended::countDown);
            harness.ended.countDown();
        });
        return harness;
    }

    static void daemon(Runnable action) {
        Thread thread = new Thread(action, "test");
        thread.setDaemon(true);
        thread.start();
    }

    /** An object of JSON: names and values in turn. */
    static Map<String, Object> object(Object... pairs) {
        Map<String, Object> object = new LinkedHashMap<>();
        for (int i = 0; i < pairs.length; i += 2) object.put((String) pairs[i], pairs[i + 1]);
        return object;
    }

    /** The params of a {@code start} with one host. */
    static Map<String, Object> launch(String folder, String url, Object... more) {
        Map<String, Object> params = object(
                "profile", "junction",
                "storage", object("secure", folder, "plain", folder, "volatile", folder, "locked", false),
                "endpoints", List.of(object("environment", "sandbox", "region", "us", "api", url, "auth", url)),
                "requestTimeoutMs", 2000L);
        params.putAll(object(more));
        return params;
    }

    void raw(byte[] bytes) throws IOException {
        output.write(bytes);
        output.flush();
    }

    void raw(String text) throws IOException {
        raw(text.getBytes(StandardCharsets.UTF_8));
    }

    void send(Object... fields) throws IOException {
        Map<String, Object> message = object("jsonrpc", "2.0");
        message.putAll(object(fields));
        raw(Json.write(message) + "\n");
    }

    /** Sends a request and returns its id. */
    long request(String method, Map<String, Object> params) throws IOException {
        send("id", ++lastId, "method", method, "params", params);
        return lastId;
    }

    /** Sends a request, and returns the next message that comes. */
    Map<String, Object> call(String method, Object... params) throws IOException, InterruptedException {
        request(method, object(params));
        return next();
    }

    Map<String, Object> start(Map<String, Object> launch) throws IOException, InterruptedException {
        request("start", launch);
        return next();
    }

    /** The next message; null if none comes. */
    Map<String, Object> next() throws InterruptedException {
        return messages.poll(5, TimeUnit.SECONDS);
    }

    void end() throws IOException {
        output.close();
    }

    /** Whether the adapter has ended, or ends soon. */
    boolean hasEnded() throws InterruptedException {
        return ended.await(5, TimeUnit.SECONDS);
    }
}
