import Foundation

#if canImport(Darwin)
import Darwin
#elseif canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Lets Vouch drive an SDK, until Vouch ends it. Then this process ends.
///
/// By default on standard input and output. With the arguments `--dial URL --installation ID` it dials in to a Vouch that listens.
public func serve(_ adapter: any Adapter, arguments: [String] = CommandLine.arguments) -> Never {
    if let url = option("--dial", of: arguments) {
        guard let installation = option("--installation", of: arguments) else {
            FileHandle.standardError.write(Data("VouchAdapter: --dial needs --installation ID\n".utf8))
            exit(1)
        }
        do {
            try dial(adapter, url: url, installation: installation)
        } catch {
            FileHandle.standardError.write(Data("VouchAdapter: \(error)\n".utf8))
            exit(1)
        }
    } else {
        serve(adapter, over: .overStdio()) { endOfProcess() }
    }
    endOfProcess()
}

/// Serves over a channel. Returns when its input ends. `onStop` is called after `stop` was answered: it ends the input.
public func serve(_ adapter: any Adapter, over channel: LineChannel, onStop: @escaping @Sendable () -> Void) {
    let peer = Peer(channel)
    let server = AdapterServer(adapter, peer, onStop: onStop)
    peer.read(server)
    server.close()
}

/// Dials in to a Vouch that listens, and says which installation this is. Returns when the connection ends: that is the end of the
/// app. In an app, call it on a thread of its own, with `VOUCH_URL` and `VOUCH_INSTALLATION` of the environment.
public func dial(_ adapter: any Adapter, url: String, installation: String) throws {
    guard let parts = URLComponents(string: url), let host = parts.host, let port = parts.port else {
        throw CallError(.internal, "`\(url)` is not ws://HOST:PORT")
    }
    let connection = try connected(host, port)
    let channel = LineChannel(input: connection, output: connection)
    let hello: JSON = .object([
        "jsonrpc": .string("2.0"), "method": .string("hello"), "params": .object(["installation": .string(installation)]),
    ])
    channel.write(try hello.encoded())
    serve(adapter, over: channel) { shutdown(connection, Int32(SHUT_RDWR)) }
    close(connection)
}

/// A TCP connection. Vouch takes lines over TCP on the port of its `ws://` address, too.
private func connected(_ host: String, _ port: Int) throws -> Int32 {
    var hints = addrinfo()
    #if canImport(Glibc)
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    #else
    hints.ai_socktype = SOCK_STREAM
    #endif
    var addresses: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(host, String(port), &hints, &addresses) == 0 else {
        throw CallError(.internal, "\(host): no such host")
    }
    defer { freeaddrinfo(addresses) }
    var next = addresses
    while let address = next?.pointee {
        let descriptor = socket(address.ai_family, address.ai_socktype, address.ai_protocol)
        if descriptor >= 0 {
            if connect(descriptor, address.ai_addr, address.ai_addrlen) == 0 { return descriptor }
            close(descriptor)
        }
        next = address.ai_next
    }
    throw CallError(.internal, "cannot connect to \(host):\(port): \(String(cString: strerror(errno)))")
}

/// At once, without what the SDK has registered for the end.
private func endOfProcess() -> Never {
    fflush(nil)
    _exit(0)
}

private func option(_ name: String, of arguments: [String]) -> String? {
    guard let place = arguments.firstIndex(of: name), place + 1 < arguments.count else { return nil }
    return arguments[place + 1]
}
