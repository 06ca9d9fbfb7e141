// A template: connect your SDK to Vouch here. Copy this file and fill in each place marked FILL IN, from the top to the bottom.
// Run `vouch run --target vouch.toml --filter first-sign-in` as soon as `start`, `signIn`, `status` and `request` work.
//
// The adapter is test code: keep it thin. It must not repair what the SDK does: no retry of its own, no default for a missing value,
// no error that is caught and dropped. Otherwise Vouch tests the adapter and not the SDK.

import Foundation
import VouchAdapter

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// Delete this when the template is filled in.
func fillIn(_ what: String) -> CallError {
    CallError(.unsupported, "main.swift: fill in \(what)")
}

struct MyAdapter: Adapter {
    // FILL IN: what reports call the build.
    let sdk = SdkInfo(name: "my-sdk", version: "0.0.0", platform: "swift")

    // FILL IN, one at a time, when all the rest works. `.clock` first: hours then pass at once. Then `.reuse`: one process serves many
    // cases. Claim only what works; docs/adapter-protocol.md says what each one promises.
    let capabilities: Set<Capability> = []

    func kind(of error: any Error) -> ErrorKind {
        // FILL IN: what the app can do after an error that your SDK throws. docs/adapter-protocol.md lists the kinds,
        // docs/sdk-authors.md maps the errors of platforms. One that you do not know is `.internal`, and Vouch reports it as a failure:
        // never map it to `.network`.
        // if error is NotSignedIn { return .notSignedIn }
        if let error = error as? URLError {
            return error.code == .cancelled ? .cancelled : .network
        }
        return .internal
    }

    func start(_ launch: Launch, _ host: LaunchHost) async throws -> any Sdk {
        // `junction` is the wire format of current releases. Refuse one that your SDK does not speak.
        guard launch.profile == "junction" else {
            throw CallError(.unsupported, "the SDK does not speak \(launch.profile)")
        }
        // FILL IN: create the SDK as an app does at launch. A user who was signed in before is signed in now, without a call.
        //
        // launch.storage.secure    a folder in place of the keychain
        // launch.storage.plain     a folder in place of preferences, files and databases
        // launch.storage.volatile  a folder in place of what a reboot clears
        // launch.endpoints         give ALL of them to the SDK, in place of its table of hosts. The SDK must choose, by its token or
        //                          configuration
        // launch.requestTimeoutMs  set the SDK's URLSession to it
        // host.clock               now and sleep(milliseconds:): real time until you claim `.clock`
        // host.statusChanged       to be called from the SDK's own status stream
        // host.log                 to be called with each line of the SDK's own log
        return Calls()
    }
}

/// FILL IN each call. It returns or throws when the SDK's own call does. A call that your SDK does not have: delete it.
struct Calls: Sdk {
    func signIn(token: String) async throws { throw fillIn("signIn") }

    func signOut() async throws { throw fillIn("signOut") }

    // FILL IN: some of: configured, signedIn, useApiKey, useSignInToken, pendingReauthentication. As written here nobody is ever signed in.
    func status() async throws -> [String] { [] }

    // FILL IN: the id of the signed-in user, or nil.
    func currentUserId() async throws -> String? { nil }

    func request(_ request: ApiRequest) async throws -> ApiResponse { throw fillIn("request") }

    // FILL IN: everything that the SDK keeps. As written here nothing is kept. Delete this call when you claim `.storageFiles`.
    func storage() async throws -> [StorageItem] { [] }

    func refresh() async throws { throw fillIn("refresh") }

    // More calls, if your SDK has them: configure, setUserId, identify, lockStorage, clockMoved, stop. See the protocol `Sdk`.
}

serve(MyAdapter())
