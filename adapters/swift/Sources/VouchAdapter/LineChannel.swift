import Foundation

#if canImport(Darwin)
import Darwin
#elseif canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The transport: lines over a pair of file descriptors. It does not depend on JSON or the protocol.
public final class LineChannel: @unchecked Sendable {
    /// The longest line in bytes, its line break included, in both directions.
    public static let lineLimit = 1024 * 1024

    private let input: Int32
    private let output: Int32
    private let writing = NSLock()

    /// Takes the descriptors over; a socket takes both places.
    public init(input: Int32, output: Int32) {
        self.input = input
        self.output = output
        signal(SIGPIPE, SIG_IGN) // a write to a connection that has ended is an error, not the end of the process
    }

    /// Standard input and output of this process. What else it prints goes to standard error from now on: standard output carries
    /// protocol messages only.
    public static func overStdio() -> LineChannel {
        let output = dup(1)
        dup2(2, 1)
        setvbuf(stdout, nil, _IOLBF, 0) // what is printed is not lost when the process is killed
        return LineChannel(input: 0, output: output)
    }

    /// Each line as it comes, without its line break; nil for a line that was too long. Returns when the input ends.
    func read(_ take: (Data?) -> Void) {
        var line = Data()
        var tooLong = false
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = systemRead(input, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            if count <= 0 { return }
            for piece in buffer[0..<count].split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
                if piece.offset > 0 {
                    take(tooLong ? nil : line)
                    line = Data()
                    tooLong = false
                }
                if line.count + piece.element.count >= Self.lineLimit { tooLong = true }
                if tooLong { line = Data() } else { line.append(contentsOf: piece.element) }
            }
        }
    }

    /// Writes one line. Does nothing when the other side is gone: the end of the input says so.
    func write(_ line: Data) {
        var bytes = [UInt8](line)
        bytes.append(UInt8(ascii: "\n"))
        writing.lock()
        defer { writing.unlock() }
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { systemWrite(output, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            if count <= 0 { return }
            written += count
        }
    }
}

private func systemRead(_ descriptor: Int32, _ buffer: UnsafeMutableRawPointer?, _ count: Int) -> Int {
    read(descriptor, buffer, count)
}

private func systemWrite(_ descriptor: Int32, _ buffer: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, buffer, count)
}
