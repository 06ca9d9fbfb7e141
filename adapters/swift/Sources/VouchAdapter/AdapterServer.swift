import Foundation

/// The methods of the protocol, and the calls of the SDK behind them.
final class AdapterServer: Peer.Handler, @unchecked Sendable {
    private static let version: Int64 = 1

    private static let required: [String: [String: @Sendable (JSON) -> Bool]] = [
        "initialize": ["protocol": { $0.whole != nil }],
        "start": [
            "profile": { $0.text != nil },
            "storage": { if case .object = $0 { return true } else { return false } },
            "endpoints": { if case .array = $0 { return true } else { return false } },
            "requestTimeoutMs": { $0.whole != nil },
        ],
        "signIn": ["token": { $0.text != nil }],
        "configure": ["apiKey": { $0.text != nil }, "environment": { $0.text != nil }, "region": { $0.text != nil }],
        "setUserId": ["userId": { $0.text != nil }],
        "identify": ["externalUserId": { $0.text != nil }],
        "request": ["method": { $0.text != nil }, "path": { $0.text != nil }],
        "lockStorage": ["locked": { $0.flag != nil }],
        "clock": ["now": { $0.whole != nil }],
    ]

    private static let calls: Set<String> = [
        "signIn", "signOut", "status", "currentUserId", "request", "refresh", "configure", "setUserId", "identify", "storage",
        "lockStorage", "foreground",
    ]

    /// One launch of the SDK.
    private final class Launched: @unchecked Sendable {
        let host: LaunchHost
        let sdk: Task<any Sdk, any Error>
        private let lock = NSLock()
        private var calls: [JSON: Task<Void, Never>] = [:]

        init(_ host: LaunchHost, _ sdk: Task<any Sdk, any Error>) {
            self.host = host
            self.sdk = sdk
        }

        /// Begins a call, which can be cancelled until it has ended.
        func begin(_ id: JSON, _ work: @escaping @Sendable () async -> Void) {
            lock.lock()
            defer { lock.unlock() }
            calls[id] = Task {
                await work()
                self.end(id)
            }
        }

        func cancel(_ id: JSON) {
            lock.lock()
            let call = calls[id]
            lock.unlock()
            call?.cancel()
        }

        /// From now on this launch says nothing of its own, and its calls end.
        func close() -> [Task<Void, Never>] {
            host.close()
            lock.lock()
            let running = Array(calls.values)
            lock.unlock()
            for call in running { call.cancel() }
            return running
        }

        private func end(_ id: JSON) {
            lock.lock()
            defer { lock.unlock() }
            calls[id] = nil
        }
    }

    private let adapter: any Adapter
    private let peer: Peer
    private let onStop: @Sendable () -> Void
    private let lock = NSLock()
    private var current: Launched?

    /// `onStop` is called after the answer to a `stop` that ends the process.
    init(_ adapter: any Adapter, _ peer: Peer, onStop: @escaping @Sendable () -> Void) {
        self.adapter = adapter
        self.peer = peer
        self.onStop = onStop
    }

    func request(_ method: String, _ params: JSON, id: JSON) throws {
        guard case .object = params else { throw invalid("params must be an object") }
        for (name, fits) in Self.required[method] ?? [:] where !fits(params[name] ?? .null) {
            throw invalid("`\(name)` is missing or of the wrong type")
        }
        switch method {
        case "initialize": peer.answer(id, try initialize(params))
        case "start": try start(params, id)
        case "stop": stop(reuse: params["reuse"]?.flag == true, id)
        case "clock": try moveClock(to: params["now"]?.whole ?? 0, id)
        case _ where Self.calls.contains(method): try call(method, params, id)
        default: throw RpcError(code: RpcError.methodNotFound, message: "no such method")
        }
    }

    func notification(_ method: String, _ params: JSON) {
        if method == "cancel", let id = params["id"] { launched?.cancel(id) }
    }

    /// The connection has ended: nothing may go on.
    func close() {
        let last = replace(with: nil)
        guard let last else { return }
        _ = last.close()
        Task { try? await last.sdk.value.stop() }
    }

    private func initialize(_ params: JSON) throws -> JSON {
        let newest = params["protocol"]?.whole ?? 0
        if newest < Self.version || (params["minProtocol"]?.whole ?? newest) > Self.version {
            throw invalid("this adapter speaks protocol \(Self.version)")
        }
        let sdk = adapter.sdk
        return .object([
            "protocol": .integer(Self.version),
            "sdk": .object(["name": .string(sdk.name), "version": .string(sdk.version), "platform": .string(sdk.platform)]),
            "capabilities": .array(adapter.capabilities.map { .string($0.rawValue) }),
            "tokenStorage": .array(adapter.tokenStorage.map { .string($0.rawValue) }),
        ])
    }

    private func start(_ params: JSON, _ id: JSON) throws {
        if launched != nil { throw RpcError(code: RpcError.invalidRequest, message: "started already") }
        let launch = try Launch(params)
        let hasClock = adapter.capabilities.contains(.clock)
        let now = hasClock ? params["now"]?.whole : nil
        if hasClock && now == nil { throw invalid("`now` must be a number") }
        let host = LaunchHost(peer, now: now)
        let adapter = adapter
        let next = Launched(host, Task { try await adapter.start(launch, host) })
        _ = replace(with: next)
        perform(next, id) {
            do {
                _ = try await next.sdk.value
                return .object([:])
            } catch {
                _ = self.replace(with: nil) // another `start` may follow
                throw error
            }
        }
    }

    private func moveClock(to now: Int64, _ id: JSON) throws {
        let launched = try started()
        launched.host.moveClock(to: now) // here, so that the next call finds the new time
        perform(launched, id) {
            try await launched.sdk.value.clockMoved(to: now)
            return .object([:])
        }
    }

    private func call(_ method: String, _ params: JSON, _ id: JSON) throws {
        let launched = try started()
        perform(launched, id) {
            try await Self.result(of: method, params, launched.sdk.value, launched.host)
        }
    }

    private func stop(reuse asked: Bool, _ id: JSON) {
        let last = launched
        let reuse = asked && adapter.capabilities.contains(.reuse)
        Task {
            var failure: RpcError?
            let running = reuse ? last?.close() ?? [] : []
            do {
                try await last?.sdk.value.stop()
            } catch {
                failure = self.refusal(error)
            }
            for call in running { await call.value } // after the answer to `stop` nothing may be sent
            _ = self.replace(with: nil)
            if let failure { self.peer.refuse(id, failure) } else { self.peer.answer(id, .object([:])) }
            if !reuse { self.onStop() }
        }
    }

    /// Runs in a task of its own, and answers.
    private func perform(_ launched: Launched, _ id: JSON, _ work: @escaping @Sendable () async throws -> JSON) {
        launched.begin(id) {
            do {
                self.peer.answer(id, try await work())
            } catch {
                self.peer.refuse(id, self.refusal(error))
            }
        }
    }

    /// What the SDK has thrown, as an error of the protocol.
    private func refusal(_ error: any Error) -> RpcError {
        if let error = error as? RpcError { return error }
        if let error = error as? CallError {
            return RpcError(code: RpcError.callFailed, message: error.message, kind: error.kind)
        }
        var kind = adapter.kind(of: error)
        if kind == .internal && error is CancellationError { kind = .cancelled }
        if kind == .internal { FileHandle.standardError.write(Data("unexpected error: \(error)\n".utf8)) }
        return RpcError(code: RpcError.callFailed, message: "\(error)", kind: kind)
    }

    private var launched: Launched? {
        lock.lock()
        defer { lock.unlock() }
        return current
    }

    private func replace(with next: Launched?) -> Launched? {
        lock.lock()
        defer { lock.unlock() }
        let last = current
        current = next
        return last
    }

    private func started() throws -> Launched {
        guard let launched else { throw RpcError(code: RpcError.invalidRequest, message: "`start` comes first") }
        return launched
    }

    /// One call of the SDK, and its result as the protocol wants it.
    private static func result(of method: String, _ params: JSON, _ sdk: any Sdk, _ host: LaunchHost) async throws -> JSON {
        func text(_ name: String) -> String { params[name]?.text ?? "" }
        switch method {
        case "signIn": try await sdk.signIn(token: text("token"))
        case "signOut": try await sdk.signOut()
        case "refresh": try await sdk.refresh()
        case "setUserId": try await sdk.setUserId(text("userId"))
        case "lockStorage": try await sdk.lockStorage(params["locked"]?.flag ?? false)
        case "foreground": try await sdk.foreground()
        case "configure":
            try await sdk.configure(apiKey: text("apiKey"), environment: text("environment"), region: text("region"))
        case "identify":
            try await sdk.identify(externalUserId: text("externalUserId")) { try await host.authenticate($0) }
        case "status":
            return .object(["status": .array(try await sdk.status().map(JSON.string))])
        case "currentUserId":
            return .object(["userId": try await sdk.currentUserId().map(JSON.string) ?? .null])
        case "request":
            let request = ApiRequest(method: text("method"), path: text("path"), body: params["body"])
            let response = try await sdk.request(request)
            return .object(["status": .integer(Int64(response.status)), "body": response.body])
        default: // storage
            let items = try await sdk.storage().map { item in
                JSON.object(["area": .string(item.area.rawValue), "key": .string(item.key), "value": .string(item.value)])
            }
            return .object(["items": .array(items)])
        }
        return .object([:])
    }
}

private func invalid(_ message: String) -> RpcError {
    RpcError(code: RpcError.invalidParams, message: message)
}

extension Launch {
    init(_ params: JSON) throws {
        func text(_ fields: JSON?, _ name: String) throws -> String {
            guard let text = fields?[name]?.text else { throw invalid("`\(name)` must be a string") }
            return text
        }
        let folders = params["storage"]
        profile = try text(params, "profile")
        storage = Storage(
            secure: try text(folders, "secure"), plain: try text(folders, "plain"), volatile: try text(folders, "volatile"),
            locked: folders?["locked"]?.flag == true)
        guard case .array(let entries) = params["endpoints"] else { throw invalid("`endpoints` must be a list") }
        endpoints = try entries.map { entry in
            Endpoint(
                environment: try text(entry, "environment"), region: try text(entry, "region"), api: try text(entry, "api"),
                auth: try text(entry, "auth"))
        }
        background = params["background"]?.flag ?? false
        requestTimeoutMs = params["requestTimeoutMs"]?.whole ?? 0
    }
}
