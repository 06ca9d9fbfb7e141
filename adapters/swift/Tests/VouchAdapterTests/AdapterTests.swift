import Foundation
import XCTest

@testable import VouchAdapter

#if canImport(Glibc)
import Glibc
#endif

/// Vouch's end of a pair of pipes.
final class Harness {
    private let toAdapter = Pipe()
    private let fromAdapter = Pipe()
    private var received = Data()
    private var lastId: Int64 = 0

    init(_ adapter: any Adapter) {
        let input = toAdapter.fileHandleForReading.fileDescriptor
        let output = fromAdapter.fileHandleForWriting.fileDescriptor
        let (pipes, closing) = ([toAdapter, fromAdapter], toAdapter.fileHandleForWriting)
        Thread.detachNewThread {
            serve(adapter, over: LineChannel(input: input, output: output)) { closing.closeFile() }
            pipes[1].fileHandleForWriting.closeFile()
            withExtendedLifetime(pipes) {}
        }
    }

    func raw(_ text: String) {
        toAdapter.fileHandleForWriting.write(Data(text.utf8))
    }

    func send(_ fields: [String: JSON]) {
        let message = JSON.object(fields.merging(["jsonrpc": .string("2.0")]) { old, _ in old })
        raw(String(decoding: try! message.encoded(), as: UTF8.self) + "\n")
    }

    func request(_ method: String, _ params: JSON = .object([:])) -> Int64 {
        lastId += 1
        send(["id": .integer(lastId), "method": .string(method), "params": params])
        return lastId
    }

    /// The next message; `.null` when the adapter has ended.
    func next() -> JSON {
        while true {
            if let end = received.firstIndex(of: UInt8(ascii: "\n")) {
                let line = received[received.startIndex..<end]
                received = Data(received[(end + 1)...])
                return try! JSON(parsing: Data(line))
            }
            let more = fromAdapter.fileHandleForReading.availableData
            if more.isEmpty { return .null }
            received.append(more)
        }
    }

    func call(_ method: String, _ params: JSON = .object([:])) -> JSON {
        _ = request(method, params)
        return next()
    }
}

/// An adapter whose SDK is made by a function.
struct TestAdapter: Adapter {
    let sdk = SdkInfo(name: "test", version: "1", platform: "swift")
    var capabilities: Set<Capability> = [.clock]
    let make: @Sendable (LaunchHost) -> any Sdk

    func kind(of error: any Error) -> ErrorKind { error is Offline ? .network : .internal }

    func start(_ launch: Launch, _ host: LaunchHost) async throws -> any Sdk {
        if launch.profile != "junction" { throw CallError(.unsupported, "no such profile") }
        return make(host)
    }
}

struct Offline: Error {}

struct TestSdk: Sdk {
    let host: LaunchHost

    func signIn(token: String) async throws {
        host.statusChanged(["configured"])
        if token == "offline" { throw Offline() }
    }

    func status() async throws -> [String] { ["configured"] }

    func currentUserId() async throws -> String? { "\(host.clock.now)" }

    func request(_ request: ApiRequest) async throws -> ApiResponse {
        let size = request.path == "/big" ? LineChannel.lineLimit : 1
        return ApiResponse(status: 201, body: request.body ?? .string(String(repeating: "x", count: size)))
    }

    func refresh() async throws { try await host.clock.sleep(milliseconds: 250) }

    func identify(externalUserId: String, authenticate: @escaping @Sendable (String) async throws -> String) async throws {
        host.log(try await authenticate(externalUserId))
    }

    func storage() async throws -> [StorageItem] { [StorageItem(area: .plain, key: "k", value: "v")] }
}

final class AdapterTests: XCTestCase {
    private func launch(_ profile: String = "junction") -> JSON {
        let end: JSON = .object([
            "environment": .string("production"), "region": .string("us"), "api": .string("http://127.0.0.1:1"),
            "auth": .string("http://127.0.0.1:2"),
        ])
        let folders: JSON = .object(["secure": .string("/s"), "plain": .string("/p"), "volatile": .string("/v")])
        return .object([
            "profile": .string(profile), "storage": folders, "endpoints": .array([end]), "requestTimeoutMs": .integer(1000),
            "now": .integer(5000),
        ])
    }

    private func harness(_ capabilities: Set<Capability> = [.clock], started: Bool = true) -> Harness {
        let harness = Harness(TestAdapter(capabilities: capabilities) { TestSdk(host: $0) })
        if started { XCTAssertEqual(harness.call("start", launch())["result"], .object([:])) }
        return harness
    }

    func testInitializeAndTheVersions() {
        let vouch = harness(started: false)
        let answer = vouch.call("initialize", .object(["protocol": .integer(3), "minProtocol": .integer(1)]))
        XCTAssertEqual(answer["result"]?["protocol"], .integer(1))
        XCTAssertEqual(answer["result"]?["capabilities"], .array([.string("clock")]))
        XCTAssertEqual(vouch.call("initialize", .object(["protocol": .integer(0)]))["error"]?["code"], .integer(-32602))
    }

    func testMistakesAreAnsweredWithTheCodesOfJsonRpcAndReadingGoesOn() {
        let vouch = harness(started: false)
        XCTAssertEqual(vouch.call("status")["error"]?["code"], .integer(-32600), "before start")
        XCTAssertEqual(vouch.call("start", launch("gcip"))["error"]?["data"]?["kind"], .string("unsupported"))
        XCTAssertEqual(vouch.call("start", launch())["result"], .object([:]), "another start may follow")
        XCTAssertEqual(vouch.call("start", launch())["error"]?["code"], .integer(-32600), "started already")
        XCTAssertEqual(vouch.call("dance")["error"]?["code"], .integer(-32601))
        XCTAssertEqual(vouch.call("signIn", .object(["token": .integer(7)]))["error"]?["code"], .integer(-32602))
        XCTAssertEqual(vouch.call("signIn", .array([]))["error"]?["code"], .integer(-32602))
        for (line, code) in [("{", -32700), ("7", -32600), ("{\"id\":1,\"method\":\"status\"}", -32600)] as [(String, Int64)] {
            vouch.raw(line + "\n")
            XCTAssertEqual(vouch.next()["error"]?["code"], .integer(code), line)
        }
        vouch.send(["method": .string("weather")])
        vouch.send(["id": .string("a"), "method": .string("status")])
        XCTAssertEqual(vouch.next()["id"], .string("a"))
    }

    func testALineOf1MiBIsReadAndALongerOneIsRefused() {
        let vouch = harness()
        let shortest = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\"}\n"
        for (size, code) in [(LineChannel.lineLimit, -32601), (LineChannel.lineLimit + 1, -32600)] as [(Int, Int64)] {
            let name = String(repeating: "x", count: size - shortest.utf8.count)
            vouch.raw(shortest.replacingOccurrences(of: "\"\"", with: "\"\(name)\""))
            XCTAssertEqual(vouch.next()["error"]?["code"], .integer(code))
        }
        let answer = vouch.call("request", .object(["method": .string("GET"), "path": .string("/big")]))
        XCTAssertEqual(answer["error"]?["data"]?["kind"], .string("internal"))
    }

    func testResultsNotificationsAndErrorsHaveTheFormOfTheProtocol() {
        let vouch = harness()
        XCTAssertEqual(vouch.call("signIn", .object(["token": .string("t")]))["method"], .string("statusChanged"))
        XCTAssertEqual(vouch.next()["result"], .object([:]), "after the notification")
        _ = vouch.call("signIn", .object(["token": .string("offline")]))
        XCTAssertEqual(vouch.next()["error"]?["data"]?["kind"], .string("network"))
        XCTAssertEqual(vouch.call("signOut")["error"]?["data"]?["kind"], .string("unsupported"))
        let body: JSON = .object(["a": .array([.integer(1), .number(1.5), .null, .bool(true), .string("Zoë/")])])
        let request: JSON = .object(["method": .string("PUT"), "path": .string("/x"), "body": body])
        XCTAssertEqual(vouch.call("request", request)["result"], .object(["status": .integer(201), "body": body]))
        let item: JSON = .object(["area": .string("plain"), "key": .string("k"), "value": .string("v")])
        XCTAssertEqual(vouch.call("storage")["result"], .object(["items": .array([item])]))
    }

    func testIdentifyAsksTheAppOrLearnsThatItsBackendFailed() {
        let vouch = harness()
        let who: JSON = .object(["externalUserId": .string("ada")])
        let question = vouch.call("identify", who)
        XCTAssertEqual(question["method"], .string("authenticate"))
        vouch.send(["id": question["id"]!, "result": .object(["token": .string("abc")])])
        XCTAssertEqual(vouch.next()["params"], .object(["text": .string("abc")]))
        XCTAssertEqual(vouch.next()["result"], .object([:]))
        let second = vouch.call("identify", who)
        vouch.send(["id": second["id"]!, "error": .object(["data": .object(["kind": .string("unexpectedAnswer")])])])
        XCTAssertEqual(vouch.next()["error"]?["data"]?["kind"], .string("unexpectedAnswer"))
    }

    func testTheClockStandsStillMovesByClockAndWaitsBySleep() {
        let vouch = harness()
        XCTAssertEqual(vouch.call("currentUserId")["result"]?["userId"], .string("5000"))
        let sleep = vouch.call("refresh")
        XCTAssertEqual(sleep["params"], .object(["milliseconds": .integer(250)]))
        vouch.send(["id": sleep["id"]!, "result": .object(["now": .integer(7000)])])
        XCTAssertEqual(vouch.next()["result"], .object([:]))
        XCTAssertEqual(vouch.call("currentUserId")["result"]?["userId"], .string("7000"))
        XCTAssertEqual(vouch.call("clock", .object(["now": .integer(9000)]))["result"], .object([:]))
        XCTAssertEqual(vouch.call("currentUserId")["result"]?["userId"], .string("9000"))
    }

    func testCancelEndsOneCallAndLeavesTheOthersAlone() {
        let vouch = harness()
        let first = vouch.request("refresh")
        _ = vouch.next()
        let second = vouch.request("refresh")
        let sleep = vouch.next()
        vouch.send(["method": .string("cancel"), "params": .object(["id": .integer(first)])])
        let answer = vouch.next()
        XCTAssertEqual(answer["id"], .integer(first))
        XCTAssertEqual(answer["error"]?["data"]?["kind"], .string("cancelled"))
        vouch.send(["id": sleep["id"]!, "result": .object(["now": .integer(1)])])
        XCTAssertEqual(vouch.next()["id"], .integer(second))
    }

    func testWithReuseAnotherStartFindsAQuietProcessAndWithoutItStopEndsIt() {
        let vouch = harness([.clock, .reuse])
        let refresh = vouch.request("refresh")
        _ = vouch.next()
        let stop = vouch.request("stop", .object(["reuse": .bool(true)]))
        let answers = [vouch.next(), vouch.next()]
        XCTAssertEqual(answers.map { $0["id"] }, [.integer(refresh), .integer(stop)], "nothing comes after the answer to `stop`")
        XCTAssertEqual(answers[0]["error"]?["data"]?["kind"], .string("cancelled"))
        XCTAssertEqual(vouch.call("start", launch())["result"], .object([:]))
        XCTAssertEqual(vouch.call("stop")["result"], .object([:]))
    }
}
