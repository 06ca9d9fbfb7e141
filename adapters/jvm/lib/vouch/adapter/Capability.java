package vouch.adapter;

/** What an adapter may claim. Claim only what works: a case that needs more is skipped, and the report says so. */
public enum Capability {
    /** The older scheme: {@code configure} and {@code setUserId} work. */
    API_KEY("apiKey"),
    /** {@code identify} works. */
    IDENTIFY("identify"),
    /** The SDK takes its time from {@link Clock#now} and waits by {@link Clock#sleep} only. */
    CLOCK("clock"),
    /** {@link Host#statusChanged} is called for each change. */
    STATUS_STREAM("statusStream"),
    /** All that the SDK keeps is files in the folders of {@link Launch#storage}. */
    STORAGE_FILES("storageFiles"),
    /** {@code lockStorage} and {@code storage.locked} work. */
    STORAGE_LOCK("storageLock"),
    /** {@code refresh} works. */
    REFRESH("refresh"),
    /** Each call ends when its thread is interrupted. */
    CANCEL("cancel"),
    /** {@code request} sends the body. */
    REQUEST_BODY("requestBody"),
    /** The SDK speaks the wire format of older releases. */
    GCIP("gcip"),
    /** Two processes may use one storage at the same time, such as the app and a widget. */
    SECOND_PROCESS("secondProcess"),
    /** {@link Launch#background} and {@link Sdk#foreground} work: the app can be launched without a user interface. */
    WAKE("wake"),
    /** {@link Sdk#stop} ends the SDK completely, so that one process can serve one case after another. */
    REUSE("reuse");

    /** The capability as the protocol writes it. */
    public final String word;

    Capability(String word) {
        this.word = word;
    }
}
