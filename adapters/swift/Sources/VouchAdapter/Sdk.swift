/// The calls of your SDK. Each runs in a task of its own, which is cancelled when the app cancels the call. It returns or throws when
/// the SDK's own call does. What you leave out is answered with the kind `unsupported`.
public protocol Sdk: Sendable {
    /// Exchanges the sign-in token.
    func signIn(token: String) async throws

    /// Erases the session and the configuration.
    func signOut() async throws

    /// Some of: configured, signedIn, useApiKey, useSignInToken, pendingReauthentication.
    func status() async throws -> [String]

    /// The id of the signed-in user, or nil.
    func currentUserId() async throws -> String?

    /// One call to the vendor API, with the SDK's own choice of host and credentials.
    func request(_ request: ApiRequest) async throws -> ApiResponse

    /// Refreshes the access token now.
    func refresh() async throws

    /// The API-key scheme.
    func configure(apiKey: String, environment: String, region: String) async throws

    /// The API-key scheme.
    func setUserId(_ userId: String) async throws

    /// Signs in as the app's user. `authenticate` asks the app for a sign-in token, by the external user id.
    func identify(externalUserId: String, authenticate: @escaping @Sendable (String) async throws -> String) async throws

    /// All that the SDK keeps. Not needed with the capability `storageFiles`.
    func storage() async throws -> [StorageItem]

    /// Secure storage can be neither read nor written until it is unlocked.
    func lockStorage(_ locked: Bool) async throws

    /// The app, which was launched in the background, comes to the foreground.
    func foreground() async throws

    /// Vouch has moved its clock. `host.clock` shows the new time already.
    func clockMoved(to now: Int64) async throws

    /// The app is closed. With the capability `reuse` another one may start in this process: end every task, timer and connection, and
    /// forget all that is in memory.
    func stop() async throws
}

extension Sdk {
    public func signIn(token: String) async throws { throw absent("signIn") }
    public func signOut() async throws { throw absent("signOut") }
    public func status() async throws -> [String] { throw absent("status") }
    public func currentUserId() async throws -> String? { throw absent("currentUserId") }
    public func request(_ request: ApiRequest) async throws -> ApiResponse { throw absent("request") }
    public func refresh() async throws { throw absent("refresh") }
    public func configure(apiKey: String, environment: String, region: String) async throws { throw absent("configure") }
    public func setUserId(_ userId: String) async throws { throw absent("setUserId") }
    public func identify(externalUserId: String, authenticate: @escaping @Sendable (String) async throws -> String) async throws {
        throw absent("identify")
    }
    public func storage() async throws -> [StorageItem] { throw absent("storage") }
    public func lockStorage(_ locked: Bool) async throws { throw absent("lockStorage") }
    public func foreground() async throws { throw absent("foreground") }
    public func clockMoved(to now: Int64) async throws {}
    public func stop() async throws {}
}

private func absent(_ method: String) -> CallError {
    CallError(.unsupported, "the SDK has no call \(method)")
}
