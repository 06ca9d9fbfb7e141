package worked.signin;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;

/**
 * One HTTP/1.1 request on a connection of its own, with a deadline for the whole answer. Redirects are not followed: they would
 * send credentials to a host that was not configured. Nothing is sent again: only the caller knows whether a request may be
 * repeated.
 *
 * <p>It is written on sockets because each client of the JDK costs something here. {@code java.net.http} takes 0.3 s of CPU time to
 * load, in each of several hundred starts. {@code HttpURLConnection} repeats requests by itself and knows no PATCH.
 */
final class Http {
    private static final int BODY_LIMIT = 4 * 1024 * 1024;
    private static final int LINE_LIMIT = 64 * 1024;
    private static final int MOST_HEADERS = 200;

    private Http() {}

    /** What is sent when the connection stands; {@code body} or null. */
    record Content(Map<String, String> headers, byte[] body) {}

    /** Header names are in lower case. */
    record Answer(int status, Map<String, String> headers, byte[] body) {}

    /**
     * Sends a request and reads its answer.
     *
     * @param timeout milliseconds of real time until the end of the answer
     * @param submit is called when the connection stands, at the last moment before anything is sent. So it chooses credentials
     *     that are valid now, or throws
     * @param endings each ends the exchange with its reason
     * @throws SignInException {@code network} if the network fails, {@code unexpectedAnswer} if the answer is not HTTP
     * @throws InterruptedException if the app cancels the call
     */
    static Answer exchange(String method, String base, String path, long timeout, Supplier<Content> submit, Ending... endings)
            throws InterruptedException {
        for (Ending ending : endings) ending.check();
        Attempt attempt = new Attempt(method, URI.create(base), path, System.nanoTime() + timeout * 1_000_000, submit);
        Thread thread = new Thread(attempt, "http");
        thread.setDaemon(true);
        thread.start();
        try {
            return Ending.await(attempt.answer, endings);
        } finally {
            attempt.abort();
        }
    }

    /** Whether a text may stand in a header, so that it cannot begin another header. */
    static boolean isHeaderSafe(String text) {
        return !text.isEmpty() && text.chars().allMatch(c -> c > ' ' && c < 0x7f);
    }

    /** A form: every character but the unreserved ones is percent-encoded. Names and values in turn. */
    static byte[] form(String... fields) {
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < fields.length; i += 2) {
            out.append(i == 0 ? "" : "&").append(fields[i]).append('=').append(escaped(fields[i + 1]));
        }
        return out.toString().getBytes(StandardCharsets.US_ASCII);
    }

    static String escaped(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
    }

    private static final class Attempt implements Runnable {
        final CompletableFuture<Answer> answer = new CompletableFuture<>();
        private final String method;
        private final URI base;
        private final String path;
        private final long deadline;
        private final Supplier<Content> submit;
        private Socket socket = new Socket();

        Attempt(String method, URI base, String path, long deadline, Supplier<Content> submit) {
            this.method = method;
            this.base = base;
            this.path = path;
            this.deadline = deadline;
            this.submit = submit;
        }

        @Override
        public void run() {
            try {
                answer.complete(perform());
            } catch (SocketTimeoutException e) {
                answer.completeExceptionally(new SignInException.Temporary("the server did not answer in time"));
            } catch (IOException e) {
                answer.completeExceptionally(new SignInException.Temporary("the connection was lost"));
            } catch (RuntimeException e) {
                answer.completeExceptionally(e);
            } finally {
                abort();
            }
        }

        /** Ends the attempt, from any thread. */
        synchronized void abort() {
            answer.cancel(false);
            try {
                socket.close();
            } catch (IOException e) {
                // It is gone.
            }
        }

        private Answer perform() throws IOException {
            connect();
            socket.setTcpNoDelay(true);
            Content content = submit.get();
            if (answer.isDone()) throw new IOException("aborted");
            socket.getOutputStream().write(bytesOf(content));
            return read(new BufferedInputStream(socket.getInputStream()));
        }

        private void connect() throws IOException {
            boolean secure = "https".equals(base.getScheme());
            int port = base.getPort() >= 0 ? base.getPort() : secure ? 443 : 80;
            socket.connect(new InetSocketAddress(base.getHost(), port), left());
            if (!secure) return;
            socket.setSoTimeout(left());
            SSLSocketFactory factory = (SSLSocketFactory) SSLSocketFactory.getDefault();
            SSLSocket wrapped = (SSLSocket) factory.createSocket(socket, base.getHost(), port, true);
            SSLParameters parameters = wrapped.getSSLParameters();
            parameters.setEndpointIdentificationAlgorithm("HTTPS"); // otherwise any valid certificate would do
            wrapped.setSSLParameters(parameters);
            synchronized (this) {
                socket = wrapped;
            }
            wrapped.startHandshake();
        }

        private byte[] bytesOf(Content content) throws IOException {
            StringBuilder head = new StringBuilder();
            String prefix = base.getRawPath() == null ? "" : base.getRawPath().replaceAll("/$", "");
            head.append(method).append(' ').append(prefix).append(visible(path)).append(" HTTP/1.1\r\n");
            head.append("Host: ").append(base.getRawAuthority()).append("\r\nAccept: application/json\r\nConnection: close\r\n");
            content.headers.forEach((name, value) -> head.append(name).append(": ").append(value).append("\r\n"));
            if (content.body != null) head.append("Content-Length: ").append(content.body.length).append("\r\n");
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            out.write(head.append("\r\n").toString().getBytes(StandardCharsets.US_ASCII));
            if (content.body != null) out.write(content.body);
            return out.toByteArray();
        }

        private Answer read(InputStream input) throws IOException {
            int status;
            Map<String, String> headers;
            do {
                status = status(line(input));
                headers = headers(input);
            } while (status >= 100 && status < 200);
            boolean empty = method.equals("HEAD") || status == 204 || status == 304;
            return new Answer(status, headers, empty ? new byte[0] : body(input, headers));
        }

        private static int status(String line) {
            boolean known = line.startsWith("HTTP/1.") && line.length() >= 12 && line.charAt(8) == ' ';
            int status = known ? number(line.substring(9, 12), 10) : -1;
            if (status < 100 || (line.length() > 12 && line.charAt(12) != ' ')) throw notHttp();
            return status;
        }

        private Map<String, String> headers(InputStream input) throws IOException {
            Map<String, String> headers = new HashMap<>();
            for (int count = 0; count < MOST_HEADERS; count++) {
                String line = line(input);
                if (line.isEmpty()) return headers;
                int colon = line.indexOf(':');
                if (colon <= 0) throw notHttp();
                String name = line.substring(0, colon).toLowerCase(Locale.ROOT);
                String value = line.substring(colon + 1).strip();
                String before = headers.putIfAbsent(name, value);
                if (name.equals("content-length") && before != null && !before.equals(value)) throw notHttp();
            }
            throw notHttp();
        }

        private byte[] body(InputStream input, Map<String, String> headers) throws IOException {
            ByteArrayOutputStream body = new ByteArrayOutputStream();
            String length = headers.get("content-length");
            if (headers.getOrDefault("transfer-encoding", "").toLowerCase(Locale.ROOT).endsWith("chunked")) {
                for (int size = chunkSize(input); size > 0; size = chunkSize(input)) {
                    copy(input, body, size);
                    if (!line(input).isEmpty()) throw notHttp();
                }
                headers(input); // trailers
            } else if (length != null) {
                int size = number(length, 10);
                if (size < 0) throw notHttp();
                copy(input, body, size);
            } else {
                for (int b = next(input); b >= 0; b = next(input)) add(body, b);
            }
            return body.toByteArray();
        }

        private int chunkSize(InputStream input) throws IOException {
            int size = number(line(input).split(";", 2)[0].strip(), 16);
            if (size < 0) throw notHttp();
            return size;
        }

        private void copy(InputStream input, ByteArrayOutputStream body, int size) throws IOException {
            for (int i = 0; i < size; i++) {
                int b = next(input);
                if (b < 0) throw new IOException("the answer is cut off");
                add(body, b);
            }
        }

        private static void add(ByteArrayOutputStream body, int b) {
            if (body.size() >= BODY_LIMIT) throw SignInException.unexpectedAnswer("it is too large");
            body.write(b);
        }

        private String line(InputStream input) throws IOException {
            StringBuilder line = new StringBuilder();
            for (int b = next(input); b != '\n'; b = next(input)) {
                if (b < 0) throw new IOException("the answer is cut off");
                if (line.length() >= LINE_LIMIT) throw notHttp();
                line.append((char) b);
            }
            int end = line.length();
            return end > 0 && line.charAt(end - 1) == '\r' ? line.substring(0, end - 1) : line.toString();
        }

        /** The next byte, within the deadline. */
        private int next(InputStream input) throws IOException {
            if (input.available() == 0) socket.setSoTimeout(left());
            return input.read();
        }

        private int left() throws SocketTimeoutException {
            long left = (deadline - System.nanoTime()) / 1_000_000;
            if (left <= 0) throw new SocketTimeoutException();
            return (int) Math.min(left, Integer.MAX_VALUE);
        }

        /** A number of at most eight digits, or -1. */
        private static int number(String digits, int radix) {
            if (digits.isEmpty() || digits.length() > 8 || !digits.chars().allMatch(c -> Character.digit(c, radix) >= 0)) return -1;
            return (int) Math.min(Long.parseLong(digits, radix), Integer.MAX_VALUE);
        }
    }

    private static SignInException notHttp() {
        return SignInException.unexpectedAnswer("it is not HTTP");
    }

    /** Escapes what may not stand in a request line; escapes that are there stay. */
    private static String visible(String path) {
        StringBuilder out = new StringBuilder();
        for (byte b : path.getBytes(StandardCharsets.UTF_8)) {
            if (b > ' ' && b < 0x7f) out.append((char) b);
            else out.append('%').append(String.format("%02X", b));
        }
        return out.toString();
    }
}
