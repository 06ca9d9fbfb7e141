package test;

import static test.Checks.NO_SDK;
import static test.Checks.code;
import static test.Checks.equal;
import static test.Checks.holds;
import static test.Checks.kind;
import static test.Checks.object;
import static test.Checks.test;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import test.Checks.Fake;
import vouch.adapter.Call;
import vouch.adapter.CallException;
import vouch.adapter.ErrorKind;
import vouch.adapter.LineChannel;
import vouch.adapter.Sdk;
import vouch.adapter.Vouch;

/** Messages and calls of the protocol. */
final class ProtocolTest {
    private ProtocolTest() {}

    static void run() {
        messages();
        calls();
    }

    private static void messages() {
        test("initialize says the version, the name and the capabilities", () -> {
            Map<String, Object> result = object(Harness.of(new Fake(NO_SDK)).call("initialize", "protocol", 1).get("result"));
            equal(1L, result.get("protocol"));
            equal(List.of("clock", "reuse"), result.get("capabilities"));
            equal("fake", object(result.get("sdk")).get("name"));
        });
        test("a newer Vouch that knows protocol 1 gets it, another is refused", () -> {
            Harness harness = Harness.of(new Fake(NO_SDK));
            equal(1L, object(harness.call("initialize", "protocol", 3, "minProtocol", 1).get("result")).get("protocol"));
            equal(-32602L, code(harness.call("initialize", "protocol", 3, "minProtocol", 2)));
        });
        test("mistakes in requests are answered with the codes of JSON-RPC", () -> {
            Harness harness = Harness.of(new Fake(NO_SDK));
            equal(-32600L, code(harness.call("status")));
            equal(-32602L, code(harness.call("start", "profile", "junction")));
            Map<String, Object> bad = Harness.launch("/s", "http://h");
            bad.put("endpoints", List.of(7L));
            equal(-32602L, code(harness.start(bad)));
            harness.start(Harness.launch("/s", "http://h"));
            equal(-32600L, code(harness.start(Harness.launch("/s", "http://h"))));
            equal(-32601L, code(harness.call("dance")));
            equal(-32602L, code(harness.call("signIn", "token", 7)));
        });
        test("lines that are not messages are refused, and the next line is read", () -> {
            Harness harness = Harness.of(new Fake(NO_SDK));
            Map<String, Long> lines = Map.of("{", -32700L, "7", -32600L, "{\"id\":1,\"method\":\"status\"}", -32600L, "", -32700L);
            for (Map.Entry<String, Long> line : lines.entrySet()) {
                harness.raw(line.getKey() + "\n");
                Map<String, Object> answer = harness.next();
                equal(line.getValue(), code(answer));
                equal(null, answer.get("id"));
            }
            harness.raw(new byte[] {'"', (byte) 0xff, '"', '\n'});
            equal(-32700L, code(harness.next()));
            holds(harness.call("initialize", "protocol", 1).containsKey("result"), "it goes on");
        });
        test("an id may be a string; an unknown notification or answer is ignored", () -> {
            Harness harness = Harness.of(new Fake(NO_SDK));
            harness.send("method", "weather", "params", Map.of());
            harness.send("id", 99, "result", Map.of());
            harness.send("id", "a", "method", "initialize", "params", Map.of("protocol", 1));
            equal("a", harness.next().get("id"));
        });
        test("a line of 1 MiB is read, a longer one is refused, and both in parts", () -> {
            Harness harness = Harness.of(new Fake(NO_SDK));
            String head = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"";
            int room = LineChannel.LINE_LIMIT - head.length() - 3;
            harness.raw(head + "x".repeat(room) + "\"}\n");
            equal(-32601L, code(harness.next()));
            harness.raw(head + "x".repeat(room + 1) + "\"}\n");
            equal(-32600L, code(harness.next()));
            byte[] line = "{\"jsonrpc\":\"2.0\",\"id\":\"é\",\"method\":\"stop\"}\n".getBytes(StandardCharsets.UTF_8);
            int middle = 24; // within the é
            holds((line[middle - 1] & 0xff) == 0xc3, "the place of the é");
            harness.raw(Arrays.copyOf(line, middle));
            harness.raw(Arrays.copyOfRange(line, middle, line.length));
            equal("é", harness.next().get("id"));
        });
    }

    private static void calls() {
        test("requests run in parallel and are answered in any order", () -> {
            CountDownLatch slow = new CountDownLatch(1);
            Harness harness = new Fake(new Sdk() {
                @Override
                public void signIn(String token, Call call) throws InterruptedException {
                    slow.await();
                }

                @Override
                public Collection<String> status() {
                    return List.of("configured");
                }
            }).launched();
            long first = harness.request("signIn", Map.of("token", "t"));
            equal(Map.of("status", List.of("configured")), harness.call("status").get("result"));
            slow.countDown();
            equal(first, harness.next().get("id"));
        });
        test("the results have the form of the protocol", () -> {
            Harness harness = new Fake(new Sdk() {
                @Override
                public void signOut() {}

                @Override
                public String currentUserId() {
                    return null;
                }

                @Override
                public ApiResponse request(ApiRequest request, Call call) {
                    return new ApiResponse(201, Arrays.asList(request.method(), request.path(), request.hasBody(), request.body()));
                }

                @Override
                public List<StorageItem> storage() {
                    return List.of(new StorageItem("plain", "k", "v"));
                }
            }).launched();
            equal(Map.of(), harness.call("signOut").get("result"));
            equal(Harness.object("userId", null), harness.call("currentUserId").get("result"));
            Object with = harness.call("request", "method", "PUT", "path", "/x", "body", null).get("result");
            equal(Map.of("status", 201L, "body", Arrays.asList("PUT", "/x", true, null)), with);
            Object without = harness.call("request", "method", "GET", "path", "/x").get("result");
            equal(Map.of("status", 201L, "body", Arrays.asList("GET", "/x", false, null)), without);
            Object items = List.of(Map.of("area", "plain", "key", "k", "value", "v"));
            equal(Map.of("items", items), harness.call("storage").get("result"));
        });
        test("cancel interrupts one call and leaves the others alone", () -> {
            List<String> cancelled = new ArrayList<>();
            Harness harness = new Fake(new Sdk() {
                @Override
                public void refresh(Call call) throws InterruptedException {
                    call.onCancel(() -> cancelled.add("hook"));
                    new CountDownLatch(1).await();
                }

                @Override
                public Collection<String> status() {
                    holds(!Thread.currentThread().isInterrupted(), "no interrupt is left over");
                    return List.of();
                }
            }).launched();
            long first = harness.request("refresh", Map.of());
            long second = harness.request("refresh", Map.of());
            harness.send("method", "cancel", "params", Map.of("id", second));
            Map<String, Object> answer = harness.next();
            equal(List.of(second, "cancelled"), List.of(answer.get("id"), kind(answer)));
            harness.send("method", "cancel", "params", Map.of("id", second));
            holds(harness.call("status").containsKey("result"), "a call that has ended cannot be cancelled");
            harness.send("method", "cancel", "params", Map.of("id", first));
            equal(first, harness.next().get("id"));
            equal(2, cancelled.size());
        });
        test("identify asks the app for a token, or learns that its backend failed", () -> {
            List<String> seen = new ArrayList<>();
            Harness harness = new Fake(new Sdk() {
                @Override
                public void identify(String externalUserId, Call call) throws InterruptedException {
                    seen.add(call.authenticate(externalUserId));
                }
            }).launched();
            Map<String, Object> question = harness.call("identify", "externalUserId", "ada");
            equal(List.of("authenticate", Map.of("externalUserId", "ada")), List.of(question.get("method"), question.get("params")));
            harness.send("id", question.get("id"), "result", Map.of("token", "abc"));
            equal(Map.of(), harness.next().get("result"));
            equal(List.of("abc"), seen);
            question = harness.call("identify", "externalUserId", "ada");
            Object error = Map.of("code", -32000, "message", "no backend", "data", Map.of("kind", "unexpectedAnswer"));
            harness.send("id", question.get("id"), "error", error);
            equal("unexpectedAnswer", kind(harness.next()));
        });
        test("Vouch's clock stands still, moves by clock, and a wait is a sleep", () -> {
            Fake[] fake = new Fake[1];
            fake[0] = new Fake(new Sdk() {
                @Override
                public void refresh(Call call) throws InterruptedException {
                    fake[0].host.clock().sleep(250);
                    fake[0].host.clock().sleepInBackground(9);
                }

                @Override
                public void clockMoved(long now) {
                    fake[0].host.log("moved to " + now);
                }
            });
            Harness harness = fake[0].launched();
            equal(1000L, fake[0].host.clock().now());
            Map<String, Object> sleep = harness.call("refresh");
            equal(List.of("sleep", Map.of("milliseconds", 250L)), List.of(sleep.get("method"), sleep.get("params")));
            harness.send("id", sleep.get("id"), "result", Map.of("now", 5000));
            sleep = harness.next();
            equal(Map.of("milliseconds", 9L, "background", true), sleep.get("params"));
            equal(5000L, fake[0].host.clock().now());
            harness.send("id", sleep.get("id"), "result", Map.of("now", 6000));
            holds(harness.next().containsKey("result"), "the call goes on");
            equal(Map.of("text", "moved to 9000"), harness.call("clock", "now", 9000).get("params"));
            holds(harness.next().containsKey("result"), "clock is answered");
            equal(9000L, fake[0].host.clock().now());
        });
        test("notifications come before the answer of the call that caused them", () -> {
            Fake[] fake = new Fake[1];
            fake[0] = new Fake(new Sdk() {
                @Override
                public void signIn(String token, Call call) {
                    fake[0].host.statusChanged(List.of("configured"));
                    fake[0].host.statusChanged(List.of("configured", "signedIn"));
                }
            });
            Harness harness = fake[0].launched();
            equal(Map.of("status", List.of("configured")), harness.call("signIn", "token", "t").get("params"));
            equal(Map.of("status", List.of("configured", "signedIn")), harness.next().get("params"));
            equal(Map.of(), harness.next().get("result"));
        });
        test("each error has the kind that the SDK or the adapter gives it", () -> {
            Harness harness = new Fake(new Sdk() {
                @Override
                public void signIn(String token, Call call) {
                    throw new CallException(ErrorKind.INCOMPATIBLE, "other region");
                }

                @Override
                public void signOut() throws IOException {
                    throw new IOException("no network");
                }

                @Override
                public ApiResponse request(ApiRequest request, Call call) {
                    return new ApiResponse(200, "x".repeat(LineChannel.LINE_LIMIT));
                }
            }).launched();
            equal("incompatible", kind(harness.call("signIn", "token", "t")));
            equal("network", kind(harness.call("signOut")));
            equal("unsupported", kind(harness.call("setUserId", "userId", "u")));
            equal("internal", kind(harness.call("request", "method", "GET", "path", "/")));
        });
    }
}
