import Foundation

/// What one launch of the SDK says to Vouch. After the launch has ended it says nothing more, whatever its tasks still do.
public final class LaunchHost: @unchecked Sendable {
    private let peer: Peer
    private let lock = NSLock()
    private var closed = false
    private var virtualNow: Int64?

    init(_ peer: Peer, now: Int64?) {
        self.peer = peer
        virtualNow = now
    }

    /// Vouch's clock with the capability `clock`, else that of this machine.
    public var clock: LaunchClock { LaunchClock(host: self) }

    /// Reports that the status has become another one: before the call that caused it returns, and in order.
    public func statusChanged(_ words: [String]) {
        notify("statusChanged", .object(["status": .array(words.map(JSON.string))]))
    }

    /// A line of the SDK's own log. Vouch searches it for secrets.
    public func log(_ text: String) {
        notify("log", .object(["text": .string(text)]))
    }

    func authenticate(_ externalUserId: String) async throws -> String {
        let result = try await ask("authenticate", .object(["externalUserId": .string(externalUserId)]))
        guard let token = result["token"]?.text else {
            throw CallError(.network, "the app's backend gave no sign-in token")
        }
        return token
    }

    func close() {
        lock.lock()
        closed = true
        lock.unlock()
        peer.giveUp(ObjectIdentifier(self))
    }

    func moveClock(to now: Int64) {
        lock.lock()
        defer { lock.unlock() }
        if virtualNow != nil { virtualNow = now }
    }

    fileprivate var now: Int64? {
        lock.lock()
        defer { lock.unlock() }
        return virtualNow
    }

    fileprivate func ask(_ method: String, _ params: JSON, onResult: @escaping @Sendable (JSON) -> Void = { _ in }) async throws -> JSON {
        if isClosed { throw CancellationError() }
        return try await peer.ask(method, params, owner: ObjectIdentifier(self), onResult: onResult)
    }

    private var isClosed: Bool {
        lock.lock()
        defer { lock.unlock() }
        return closed
    }

    private func notify(_ method: String, _ params: JSON) {
        lock.lock()
        defer { lock.unlock() }
        if !closed { peer.notify(method, params) }
    }
}

/// The SDK's source of time.
public struct LaunchClock: Sendable {
    fileprivate let host: LaunchHost

    /// Milliseconds since 1970.
    public var now: Int64 {
        host.now ?? Int64(Date().timeIntervalSince1970 * 1000)
    }

    /// Waits. A cancelled task ends the wait with `CancellationError`.
    ///
    /// - Parameter background: a timer that no call waits for
    public func sleep(milliseconds: Int64, background: Bool = false) async throws {
        let duration = max(0, milliseconds)
        guard host.now != nil else {
            try await Task.sleep(nanoseconds: UInt64(duration) * 1_000_000)
            return
        }
        var params: [String: JSON] = ["milliseconds": .integer(duration)]
        if background { params["background"] = .bool(true) }
        let host = host
        _ = try await host.ask("sleep", .object(params)) { result in
            if let now = result["now"]?.whole { host.moveClock(to: now) }
        }
    }
}
