package vouch.adapter;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;

/** Lets Vouch drive an SDK: the only class that the main method of an adapter needs. */
public final class Vouch {
    private Vouch() {}

    /**
     * Serves until Vouch ends it, then ends the process. By default on standard input and output. The arguments:
     *
     * <ul>
     *   <li>{@code --listen [HOST:]PORT}: accepts one TCP connection. With {@code --forever} the next one after it
     *   <li>{@code --dial tcp://HOST:PORT --installation ID}: dials in to a Vouch that listens. Vouch takes lines over TCP on the port
     *       of its {@code ws://} address, too
     * </ul>
     *
     * @throws IllegalArgumentException if the arguments are wrong
     */
    public static void serve(Adapter adapter, String... args) throws IOException {
        String listen = option(args, "--listen");
        String dial = option(args, "--dial");
        if (listen != null) {
            listen(adapter, address(listen), has(args, "--forever"));
        } else if (dial != null) {
            String installation = option(args, "--installation");
            if (installation == null) throw new IllegalArgumentException("--dial needs --installation ID");
            dial(adapter, address(dial), installation);
        } else {
            serve(adapter, LineChannel.overStdio(), () -> System.exit(0));
        }
        Runtime.getRuntime().halt(0); // the input has ended: at once, without the SDK's shutdown hooks
    }

    /**
     * Serves over any pair of streams. Returns when the input ends.
     *
     * @param onStop is called after {@code stop} was answered
     */
    public static void serve(Adapter adapter, LineChannel channel, Runnable onStop) {
        Peer peer = new Peer(channel);
        AdapterServer server = new AdapterServer(adapter, peer, onStop);
        peer.read(server);
        server.close();
    }

    private static void listen(Adapter adapter, InetSocketAddress address, boolean forever) throws IOException {
        try (ServerSocket server = new ServerSocket()) {
            server.setReuseAddress(true);
            server.bind(address);
            System.err.println("listening on " + server.getLocalSocketAddress());
            do serve(adapter, server.accept());
            while (forever);
        }
    }

    private static void dial(Adapter adapter, InetSocketAddress address, String installation) throws IOException {
        Socket socket = new Socket(address.getAddress(), address.getPort());
        LineChannel.over(socket).write(
                Json.write(Peer.fields("jsonrpc", "2.0", "method", "hello", "params", Peer.fields("installation", installation))));
        serve(adapter, socket);
    }

    /** One connection is one process of the app: `stop` ends it. */
    private static void serve(Adapter adapter, Socket socket) throws IOException {
        try (socket) {
            serve(adapter, LineChannel.over(socket), () -> close(socket));
        }
    }

    private static void close(Socket socket) {
        try {
            socket.close();
        } catch (IOException e) {
            // It is closed.
        }
    }

    private static InetSocketAddress address(String text) throws IOException {
        String bare = text.contains("://") ? text : "tcp://" + (text.contains(":") ? text : "127.0.0.1:" + text);
        URI uri = URI.create(bare);
        if (uri.getHost() == null || uri.getPort() < 0) throw new IllegalArgumentException("`" + text + "` is not tcp://HOST:PORT");
        return new InetSocketAddress(InetAddress.getByName(uri.getHost()), uri.getPort());
    }

    private static String option(String[] args, String name) {
        for (int i = 0; i + 1 < args.length; i++) if (args[i].equals(name)) return args[i + 1];
        return null;
    }

    private static boolean has(String[] args, String name) {
        return java.util.Arrays.asList(args).contains(name);
    }
}
