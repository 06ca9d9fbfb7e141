package test;

import static test.Checks.NO_SDK;
import static test.Checks.equal;
import static test.Checks.holds;
import static test.Checks.kind;
import static test.Checks.object;
import static test.Checks.test;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import test.Checks.Fake;
import vouch.adapter.Adapter;
import vouch.adapter.Call;
import vouch.adapter.Host;
import vouch.adapter.Launch;
import vouch.adapter.LineChannel;
import vouch.adapter.Sdk;
import vouch.adapter.Vouch;
import worked.WorkedAdapter;

/** Launches, connections, and the worked SDK. */
final class ProcessTest {
    private ProcessTest() {}

    static void run() {
        launches();
        connections();
        worked();
    }

    private static void launches() {
        test("a launch that is refused is answered with its kind", () -> {
            Map<String, Object> launch = Harness.launch("/s", "http://h", "profile", "none");
            equal("unsupported", kind(Harness.of(new Fake(NO_SDK)).start(launch)));
        });
        test("stop lets the SDK finish, is answered, and then ends", () -> {
            List<String> order = new ArrayList<>();
            Harness harness = new Fake(new Sdk() {
                @Override
                public void stop() {
                    order.add("stopped");
                }
            }).launched();
            equal(Map.of(), harness.call("stop").get("result"));
            holds(harness.hasEnded(), "ended");
            equal(List.of("stopped"), order);
        });
        test("after a stop for reuse the next case starts, and nothing of the last one is heard", () -> {
            Fake fake = new Fake(new Sdk() {
                @Override
                public void refresh(Call call) throws InterruptedException {
                    new CountDownLatch(1).await();
                }
            });
            Harness harness = fake.launched();
            Host first = fake.host;
            long pending = harness.request("refresh", Map.of());
            long stop = harness.request("stop", Map.of("reuse", true));
            equal(List.of(pending, stop), List.of(harness.next().get("id"), harness.next().get("id")));
            first.statusChanged(List.of("configured"));
            first.log("late");
            equal(Map.of(), harness.start(Harness.launch("/t", "http://h", "now", 2000)).get("result"));
            equal(List.of(2, Path.of("/t"), 2000L), List.of(fake.launches, fake.launch.storage().plain(), fake.host.clock().now()));
            try {
                first.clock().sleep(1);
                throw new AssertionError("a wait of the last case went on");
            } catch (IllegalStateException e) {
                equal("the app has ended", e.getMessage());
            }
        });
        test("the end of the input ends the adapter", () -> {
            Harness harness = new Fake(NO_SDK).launched();
            harness.end();
            holds(harness.hasEnded(), "ended");
        });
    }

    private static void connections() {
        test("a socket takes the place of standard input and output", () -> {
            try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
                    Socket client = new Socket(server.getInetAddress(), server.getLocalPort());
                    Socket accepted = server.accept()) {
                CountDownLatch ended = new CountDownLatch(1);
                Harness.daemon(() -> {
                    try {
                        Vouch.serve(new Fake(NO_SDK), LineChannel.over(accepted), () -> {});
                        ended.countDown();
                    } catch (IOException e) {
                        throw new java.io.UncheckedIOException(e);
                    }
                });
                Harness harness = new Harness(client.getInputStream(), client.getOutputStream());
                holds(harness.call("initialize", "protocol", 1).containsKey("result"), "it answers");
                client.shutdownOutput();
                ended.await();
            }
        });
        test("an adapter that dials in says which installation it is", () -> {
            try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
                String[] args = {"--dial", "tcp://127.0.0.1:" + server.getLocalPort(), "--installation", "pixel"};
                Process process = new ProcessBuilder(command("test.ProcessTest$Dialler", args)).inheritIO().start();
                try (Socket accepted = server.accept()) {
                    Harness harness = new Harness(accepted.getInputStream(), accepted.getOutputStream());
                    Map<String, Object> hello = harness.next();
                    equal(List.of("hello", Map.of("installation", "pixel")), List.of(hello.get("method"), hello.get("params")));
                    holds(harness.call("initialize", "protocol", 1).containsKey("result"), "it answers");
                }
                equal(0, process.waitFor());
            }
        });
        test("what the SDK prints goes to standard error, and standard output stays clean", () -> {
            Process process = new ProcessBuilder(command("test.ProcessTest$Dialler")).redirectError(
                    ProcessBuilder.Redirect.DISCARD).start();
            Harness harness = new Harness(process.getInputStream(), process.getOutputStream());
            holds(harness.start(Harness.launch("/s", "http://h")).containsKey("result"), "start is answered");
            harness.end();
            equal(0, process.waitFor());
        });
    }

    private static List<String> command(String name, String... args) {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        List<String> words = new ArrayList<>(List.of(java, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp"));
        words.addAll(List.of(System.getProperty("java.class.path"), name));
        words.addAll(List.of(args));
        return words;
    }

    /** An adapter in a process of its own, whose SDK prints. */
    static final class Dialler {
        private Dialler() {}

        public static void main(String[] args) throws IOException {
            Fake fake = new Fake(NO_SDK);
            Vouch.serve(new Adapter() {
                @Override
                public SdkInfo sdk() {
                    return fake.sdk();
                }

                @Override
                public Sdk start(Launch launch, Host host) {
                    System.out.println("a stray line");
                    return NO_SDK;
                }
            }, args);
        }
    }

    private static void worked() {
        test("the worked SDK signs in, asks the API, and is signed in at the next launch of the same process", () -> {
            Path folder = Files.createTempDirectory("vouch-jvm");
            try (TinyServer server = new TinyServer()) {
                Harness harness = Harness.of(new WorkedAdapter(List.of()));
                Map<String, Object> launch = Harness.launch(folder.toString(), server.url(), "now", 0);
                harness.start(launch);
                equal("invalidSignInToken", kind(harness.call("signIn", "token", "garbage")));
                equal("notSignedIn", kind(harness.call("refresh")));
                Map<String, Object> status = harness.call("signIn", "token", Training.signInToken());
                equal(List.of("configured", "signedIn", "useSignInToken"), object(status.get("params")).get("status"));
                equal("log", harness.next().get("method"));
                equal(Map.of(), harness.next().get("result"));
                Map<String, Object> answer = harness.call("request", "method", "GET", "path", "/v2/ü");
                equal("a2", object(object(answer.get("result")).get("body")).get("access_token"));
                equal(List.of("POST /v1/token HTTP/1.1", "GET /v2/%C3%BC HTTP/1.1"), server.requests);
                equal(Map.of(), harness.call("stop", "reuse", true).get("result"));
                equal("statusChanged", harness.start(launch).get("method"));
                equal(Map.of(), harness.next().get("result"));
                equal("statusChanged", harness.call("signOut").get("method"));
                equal(Map.of(), harness.next().get("result"));
            }
            try (var files = Files.list(folder)) {
                equal(List.of(), files.toList());
            }
            Files.delete(folder);
        });
    }
}
