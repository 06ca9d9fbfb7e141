package test;

/** The tests of the kit: {@code sh test.sh}. No Vouch and no test framework is needed. */
final class AllTests {
    private AllTests() {}

    public static void main(String[] args) {
        JsonTest.run();
        ProtocolTest.run();
        ProcessTest.run();
        ConformanceTest.run();
        Checks.finish();
    }
}
