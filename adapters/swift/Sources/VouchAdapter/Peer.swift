import Foundation

/// An error of JSON-RPC itself, with its code.
struct RpcError: Error {
    static let parseError: Int64 = -32700
    static let invalidRequest: Int64 = -32600
    static let methodNotFound: Int64 = -32601
    static let invalidParams: Int64 = -32602
    static let callFailed: Int64 = -32000

    let code: Int64
    let message: String
    var kind: ErrorKind?
}

/// JSON-RPC 2.0 in both directions over a `LineChannel`. It does not depend on the methods.
final class Peer: @unchecked Sendable {
    /// Gets the requests and notifications, on the thread that reads. It must not wait.
    protocol Handler: AnyObject {
        /// Answers later. What it throws refuses the request.
        func request(_ method: String, _ params: JSON, id: JSON) throws
        func notification(_ method: String, _ params: JSON)
    }

    /// A request of ours that is not answered yet.
    private struct Question {
        let owner: ObjectIdentifier
        let onResult: @Sendable (JSON) -> Void
        let continuation: CheckedContinuation<JSON, any Error>
    }

    private let channel: LineChannel
    private let lock = NSLock()
    private var lastId: Int64 = 0
    private var questions: [Int64: Question] = [:]
    /// Those that were cancelled before they were asked.
    private var abandoned: Set<Int64> = []

    init(_ channel: LineChannel) {
        self.channel = channel
    }

    /// Reads until the input ends. Each message is passed on as its line is read, in the order of the lines.
    func read(_ handler: any Handler) {
        channel.read { line in
            guard let line else {
                refuse(.null, RpcError(code: RpcError.invalidRequest, message: "a line is at most 1 MiB"))
                return
            }
            guard let message = try? JSON(parsing: line) else {
                refuse(.null, RpcError(code: RpcError.parseError, message: "not JSON"))
                return
            }
            take(message, handler)
        }
        giveUp(nil)
    }

    private func take(_ message: JSON, _ handler: any Handler) {
        guard message["jsonrpc"]?.text == "2.0" else {
            refuse(.null, RpcError(code: RpcError.invalidRequest, message: "not a message of JSON-RPC 2.0"))
            return
        }
        let params = message["params"] ?? .object([:])
        guard let method = message["method"]?.text else {
            settle(message)
            return
        }
        switch message["id"] {
        case nil:
            handler.notification(method, params)
        case .integer, .number, .string:
            let id = message["id"] ?? .null
            do {
                try handler.request(method, params, id: id)
            } catch let error as RpcError {
                refuse(id, error)
            } catch {
                refuse(id, RpcError(code: RpcError.callFailed, message: "\(error)", kind: .internal))
            }
        default:
            refuse(.null, RpcError(code: RpcError.invalidRequest, message: "an id is a number or a string"))
        }
    }

    func answer(_ id: JSON, _ result: JSON) {
        if !write(["id": id, "result": result]) {
            refuse(id, RpcError(code: RpcError.callFailed, message: "the answer is longer than 1 MiB", kind: .internal))
        }
    }

    func refuse(_ id: JSON, _ error: RpcError) {
        var fields: [String: JSON] = ["code": .integer(error.code), "message": .string(String(error.message.prefix(20_000)))]
        if let kind = error.kind { fields["data"] = .object(["kind": .string(kind.rawValue)]) }
        write(["id": id, "error": .object(fields)])
    }

    func notify(_ method: String, _ params: JSON) {
        write(["method": .string(method), "params": params])
    }

    /// Sends a request and waits for its result. A cancelled task stops to wait.
    ///
    /// - Parameters:
    ///   - owner: who may end the wait by `giveUp`
    ///   - onResult: runs before the next message is read, so that its effect cannot come late
    func ask(
        _ method: String, _ params: JSON, owner: ObjectIdentifier, onResult: @escaping @Sendable (JSON) -> Void = { _ in }
    ) async throws -> JSON {
        let id = nextId()
        defer { forget(id) }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let question = Question(owner: owner, onResult: onResult, continuation: continuation)
                if register(id, question) {
                    write(["id": .integer(id), "method": .string(method), "params": params])
                } else {
                    continuation.resume(throwing: CancellationError())
                }
            }
        } onCancel: {
            abandon(id)
        }
    }

    /// Ends the wait of everything that this owner asked; of all, without an owner.
    func giveUp(_ owner: ObjectIdentifier?) {
        lock.lock()
        let ended = questions.filter { owner == nil || $0.value.owner == owner }
        for id in ended.keys { questions[id] = nil }
        lock.unlock()
        for question in ended.values { question.continuation.resume(throwing: CancellationError()) }
    }

    private func nextId() -> Int64 {
        lock.lock()
        defer { lock.unlock() }
        lastId += 1
        return lastId
    }

    private func register(_ id: Int64, _ question: Question) -> Bool {
        lock.lock()
        defer { lock.unlock() }
        if abandoned.contains(id) { return false }
        questions[id] = question
        return true
    }

    private func abandon(_ id: Int64) {
        lock.lock()
        abandoned.insert(id)
        let question = questions.removeValue(forKey: id)
        lock.unlock()
        question?.continuation.resume(throwing: CancellationError())
    }

    private func forget(_ id: Int64) {
        lock.lock()
        defer { lock.unlock() }
        abandoned.remove(id)
    }

    private func settle(_ message: JSON) {
        guard let id = message["id"]?.whole else { return }
        lock.lock()
        let question = questions.removeValue(forKey: id)
        lock.unlock()
        guard let question else { return } // its caller was cancelled
        if let result = message["result"] {
            question.onResult(result)
            question.continuation.resume(returning: result)
            return
        }
        let kind = message["error"]?["data"]?["kind"]?.text.flatMap(ErrorKind.init(rawValue:)) ?? .network
        question.continuation.resume(throwing: CallError(kind, message["error"]?["message"]?.text ?? "no reason given"))
    }

    /// Whether the message fits into a line.
    @discardableResult
    private func write(_ fields: [String: JSON]) -> Bool {
        let message = JSON.object(fields.merging(["jsonrpc": .string("2.0")]) { old, _ in old })
        guard let line = try? message.encoded(), line.count < LineChannel.lineLimit else { return false }
        channel.write(line)
        return true
    }
}
