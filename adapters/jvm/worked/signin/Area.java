package worked.signin;

import java.io.File;
import java.io.FileInputStream;
import java.io.FileNotFoundException;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import vouch.adapter.ErrorKind;

/**
 * The files of one folder. Every failure of the disk is an error of the kind {@code storage}. Reads and writes go through file
 * streams: those of {@code java.nio} break off when the thread is interrupted, which is how an app cancels a call.
 */
public final class Area {
    private static final String TEMPORARY = ".tmp";

    private final Path folder;
    private volatile boolean locked;

    public Area(Path folder, boolean locked) {
        this.folder = folder;
        this.locked = locked;
    }

    public boolean isLocked() {
        return locked;
    }

    public void setLocked(boolean locked) {
        this.locked = locked;
    }

    private interface FileAction<T> {
        T run() throws IOException;
    }

    /** The bytes of a file, or null if there is no such file. */
    byte[] read(String name) {
        return guarded(() -> {
            File file = folder.resolve(name).toFile();
            try (FileInputStream input = new FileInputStream(file)) {
                return input.readAllBytes();
            } catch (FileNotFoundException e) {
                if (file.exists()) throw e; // it is there and cannot be opened
                return null;
            }
        });
    }

    /** Replaces a file as a whole, durably. */
    void write(String name, byte[] bytes) {
        Path temporary = folder.resolve(name + TEMPORARY);
        guarded(() -> {
            try {
                try (FileOutputStream file = new FileOutputStream(temporary.toFile())) {
                    file.write(bytes);
                    file.getFD().sync(); // a rename that is durable before its data would leave an empty file
                }
                Files.move(temporary, folder.resolve(name), StandardCopyOption.ATOMIC_MOVE);
            } catch (IOException e) {
                quietly(() -> Files.deleteIfExists(temporary));
                throw e;
            }
            syncFolder();
            return null;
        });
    }

    /** Removes a file and what an interrupted write of it left. Neither has to exist. */
    void remove(String name) {
        guarded(() -> {
            boolean gone = delete(name);
            if (delete(name + TEMPORARY) || gone) syncFolder();
            return null;
        });
    }

    /** Removes what an interrupted write left: it has secrets in it. */
    void tidy(String name) {
        guarded(() -> delete(name + TEMPORARY));
    }

    private boolean delete(String name) throws IOException {
        try {
            Files.delete(folder.resolve(name));
            return true;
        } catch (NoSuchFileException e) {
            return false;
        }
    }

    /** Lets the change survive a loss of power, where the file system can; it survives a kill of the process anyway. */
    private void syncFolder() {
        quietly(() -> {
            try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
                channel.force(true);
            }
            return null;
        });
    }

    private <T> T guarded(FileAction<T> action) {
        if (locked) throw SignInException.storageLocked();
        try {
            return action.run();
        } catch (IOException e) {
            throw new SignInException(ErrorKind.STORAGE, "storage failed: " + e.getClass().getSimpleName());
        }
    }

    /** Does something that is good to have, and whose failure nobody can act on. */
    private static void quietly(FileAction<?> action) {
        try {
            action.run();
        } catch (IOException e) {
            // See above.
        }
    }
}
