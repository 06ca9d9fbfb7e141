package test;

import java.io.IOException;
import java.util.EnumSet;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import vouch.adapter.Adapter;
import vouch.adapter.CallException;
import vouch.adapter.Capability;
import vouch.adapter.ErrorKind;
import vouch.adapter.Host;
import vouch.adapter.Json;
import vouch.adapter.Launch;
import vouch.adapter.Sdk;

/** A test runner of a few lines, and an adapter to test the library with. */
final class Checks {
    interface Body {
        void run() throws Exception;
    }

    private static int failures;
    private static int count;

    private Checks() {}

    static void test(String name, Body body) {
        count++;
        try {
            body.run();
            System.out.println("ok      " + name);
        } catch (Throwable e) {
            failures++;
            System.out.println("FAILED  " + name);
            e.printStackTrace(System.out);
        }
    }

    static void equal(Object expected, Object got) {
        if (!Objects.equals(expected, got)) throw new AssertionError("expected " + expected + ", got " + got);
    }

    static void holds(boolean condition, String what) {
        if (!condition) throw new AssertionError(what);
    }

    /** An adapter whose SDK is given, and what {@code start} gave to it. */
    static final class Fake implements Adapter {
        final Sdk sdk;
        Launch launch;
        Host host;
        int launches;

        Fake(Sdk sdk) {
            this.sdk = sdk;
        }

        @Override
        public SdkInfo sdk() {
            return new SdkInfo("fake", "1", "jvm");
        }

        @Override
        public Set<Capability> capabilities() {
            return EnumSet.of(Capability.CLOCK, Capability.REUSE);
        }

        @Override
        public ErrorKind kindOf(Throwable error) {
            return error instanceof IOException ? ErrorKind.NETWORK : ErrorKind.INTERNAL;
        }

        @Override
        public Sdk start(Launch given, Host with) {
            if (given.profile().equals("none")) throw new CallException(ErrorKind.UNSUPPORTED, "no such profile");
            launches++;
            launch = given;
            host = with;
            return sdk;
        }

        Harness launched() throws Exception {
            Harness harness = Harness.of(this);
            equal(Map.of(), harness.start(Harness.launch("/s", "http://h", "now", 1000)).get("result"));
            return harness;
        }
    }

    static final Sdk NO_SDK = new Sdk() {};

    static Map<String, Object> object(Object value) {
        return Json.objectOrNull(value);
    }

    static Object code(Map<String, Object> answer) {
        return object(answer.get("error")).get("code");
    }

    static Object kind(Map<String, Object> answer) {
        return object(object(answer.get("error")).get("data")).get("kind");
    }

    /** Ends the process: with 0 if all tests have passed. */
    static void finish() {
        System.out.println(count + " tests, " + failures + " failed");
        System.exit(failures == 0 ? 0 : 1);
    }
}
