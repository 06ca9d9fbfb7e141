package test;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** A vendor cloud of one answer: new tokens for each request. It counts what it gets. */
final class TinyServer implements AutoCloseable {
    private final ServerSocket socket = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    final List<String> requests = new CopyOnWriteArrayList<>();

    TinyServer() throws IOException {
        Harness.daemon(() -> {
            try {
                while (true) answer(socket.accept());
            } catch (IOException e) {
                // It is closed.
            }
        });
    }

    String url() {
        return "http://127.0.0.1:" + socket.getLocalPort();
    }

    private void answer(Socket client) throws IOException {
        try (client) {
            BufferedReader reader = new BufferedReader(new InputStreamReader(client.getInputStream(), StandardCharsets.UTF_8));
            String first = reader.readLine();
            if (first == null) return; // the SDK has given up
            requests.add(first);
            int length = 0;
            for (String line = reader.readLine(); line != null && !line.isEmpty(); line = reader.readLine()) {
                if (line.startsWith("Content-Length: ")) length = Integer.parseInt(line.substring(16));
            }
            for (int i = 0; i < length; i++) reader.read();
            String body = "{\"access_token\":\"a" + requests.size() + "\",\"refresh_token\":\"r\",\"expires_in\":3600}";
            String chunks = "5\r\n" + body.substring(0, 5) + "\r\n" + Integer.toHexString(body.length() - 5) + "\r\n" + body.substring(5);
            String head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            client.getOutputStream().write((head + chunks + "\r\n0\r\n\r\n").getBytes(StandardCharsets.UTF_8));
        }
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
