/// Your SDK, as Vouch sees it.
public protocol Adapter: Sendable {
    /// What reports call the build.
    var sdk: SdkInfo { get }

    /// Claim only what works: a case that needs another capability is skipped.
    var capabilities: Set<Capability> { get }

    /// The areas that the platform protects well enough for tokens. By default `secure` only.
    var tokenStorage: [StorageArea] { get }

    /// The kind of an error that your SDK throws. A `CallError` has one already. What you do not know is `internal`.
    func kind(of error: any Error) -> ErrorKind

    /// The app is launched: set your SDK up on this storage, and return its calls. A user who was signed in before is signed in now,
    /// without a call.
    func start(_ launch: Launch, _ host: LaunchHost) async throws -> any Sdk
}

extension Adapter {
    public var tokenStorage: [StorageArea] { [.secure] }
}

public struct SdkInfo: Sendable {
    public let name, version, platform: String

    public init(name: String, version: String, platform: String) {
        self.name = name
        self.version = version
        self.platform = platform
    }
}

/// docs/adapter-protocol.md says what each one promises.
public enum Capability: String, Sendable, CaseIterable {
    case apiKey, identify, clock, statusStream, storageFiles, storageLock, refresh, cancel, requestBody, gcip, reuse, secondProcess, wake
}

public enum StorageArea: String, Sendable {
    case secure, plain, volatile
}

/// What the app can do after a call that failed. docs/adapter-protocol.md says when to use which.
public enum ErrorKind: String, Sendable {
    case alreadySignedIn, invalidSignInToken, incompatible, notConfigured, notSignedIn, invalidUser, needsReauthentication
    case network, unauthorized, invalidApiKey, unexpectedAnswer, storage, cancelled, unsupported
    case `internal`
}

/// A call of the SDK that is refused or failed. The message is shown, and searched for secrets.
public struct CallError: Error, Sendable, CustomStringConvertible {
    public let kind: ErrorKind
    public let message: String
    public var description: String { message }

    public init(_ kind: ErrorKind, _ message: String) {
        self.kind = kind
        self.message = message
    }
}

/// What an app gives to its SDK at launch.
public struct Launch: Sendable {
    /// Three folders that exist.
    public struct Storage: Sendable {
        /// In place of the keychain.
        public let secure: String
        /// In place of preferences, files and databases.
        public let plain: String
        /// In place of what a reboot clears.
        public let volatile: String
        /// Only with the capability `storageLock`: secure storage can be neither read nor written.
        public let locked: Bool
    }

    /// The addresses of one environment and region.
    public struct Endpoint: Sendable {
        public let environment, region, api, auth: String
    }

    /// The wire format: `junction` for current releases, `gcip` for older ones.
    public let profile: String
    public let storage: Storage
    /// Only with the capability `wake`: the app has no user interface until `foreground`.
    public let background: Bool
    /// Give all of them to the SDK, in place of its table of hosts: it must choose.
    public let endpoints: [Endpoint]
    /// How long the SDK may wait for one HTTP answer, in milliseconds of real time.
    public let requestTimeoutMs: Int64
}

/// One call to the vendor API.
public struct ApiRequest: Sendable {
    public let method, path: String
    /// The JSON to send; only with the capability `requestBody`, and not always there.
    public let body: JSON?
}

/// The HTTP status, and the parsed JSON or `.null`. A status is a result, not an error.
public struct ApiResponse: Sendable {
    public let status: Int
    public let body: JSON

    public init(status: Int, body: JSON) {
        self.status = status
        self.body = body
    }
}

/// Something that the SDK keeps. Binary values are base64.
public struct StorageItem: Sendable {
    public let area: StorageArea
    public let key, value: String

    public init(area: StorageArea, key: String, value: String) {
        self.area = area
        self.key = key
        self.value = value
    }
}
