package vouch.adapter;

import java.io.ByteArrayOutputStream;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;

/** The transport: lines over a pair of streams. It knows nothing of JSON or of the protocol. */
public final class LineChannel {
    /** The longest line in bytes, its line break included, in both directions. */
    public static final int LINE_LIMIT = 1024 * 1024;

    /** Gets the lines, on the thread that reads. */
    interface Listener {
        void line(byte[] line);

        void tooLong();
    }

    private final InputStream input;
    private final OutputStream output;
    private final byte[] buffer = new byte[16 * 1024];

    /** Any pair of streams will do. */
    public LineChannel(InputStream input, OutputStream output) {
        this.input = input;
        this.output = output;
    }

    /**
     * Standard input and output of this process. From then on, everything else that this process prints goes to standard
     * error, also by {@code System.out}: standard output carries protocol messages only.
     */
    public static LineChannel overStdio() {
        System.setOut(System.err);
        return new LineChannel(new FileInputStream(FileDescriptor.in), new FileOutputStream(FileDescriptor.out));
    }

    /** Both directions of a socket. */
    public static LineChannel over(Socket socket) throws IOException {
        socket.setTcpNoDelay(true);
        return new LineChannel(socket.getInputStream(), socket.getOutputStream());
    }

    /** Reads until the input ends or fails. */
    void read(Listener listener) {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        long size = 0;
        try {
            for (int count = input.read(buffer); count >= 0; count = input.read(buffer)) {
                int start = 0;
                for (int i = 0; i < count; i++) {
                    if (buffer[i] != '\n') continue;
                    size += i - start;
                    if (size >= LINE_LIMIT) {
                        listener.tooLong();
                    } else {
                        line.write(buffer, start, i - start);
                        listener.line(line.toByteArray());
                    }
                    line.reset();
                    size = 0;
                    start = i + 1;
                }
                size += count - start;
                if (size < LINE_LIMIT) line.write(buffer, start, count - start);
                else line.reset(); // of a line that is too long only the size is kept
            }
        } catch (IOException e) {
            // The other side is gone, which is the end as well.
        }
    }

    /**
     * Writes one line. A failure is ignored: the other side is gone, and the end of the input follows.
     *
     * @param line without its line break
     * @throws IllegalArgumentException if it is too long
     */
    void write(String line) {
        byte[] bytes = (line + "\n").getBytes(StandardCharsets.UTF_8);
        if (bytes.length > LINE_LIMIT) throw new IllegalArgumentException("the message is longer than 1 MiB");
        synchronized (output) {
            try {
                output.write(bytes);
                output.flush();
            } catch (IOException e) {
                // See above.
            }
        }
    }
}
