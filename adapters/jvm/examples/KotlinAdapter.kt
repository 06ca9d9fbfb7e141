package examples

import vouch.adapter.Adapter
import vouch.adapter.Call
import vouch.adapter.Capability
import vouch.adapter.ErrorKind
import vouch.adapter.Host
import vouch.adapter.Json
import vouch.adapter.Launch
import vouch.adapter.Sdk
import vouch.adapter.Vouch
import worked.signin.Area
import worked.signin.Profile
import worked.signin.SessionStore
import worked.signin.SignInException
import worked.signin.SignInSdk

/** An adapter in Kotlin. Here it drives the worked SDK; put your SDK in its place. The README says how to compile it. */
class KotlinAdapter : Adapter {
    override fun sdk() = Adapter.SdkInfo("kotlin-example", "1.0.0", "jvm")

    override fun capabilities() =
        setOf(Capability.CLOCK, Capability.REFRESH, Capability.CANCEL, Capability.STATUS_STREAM, Capability.STORAGE_FILES)

    override fun kindOf(error: Throwable) = if (error is SignInException) error.kind else ErrorKind.INTERNAL

    override fun start(launch: Launch, host: Host): Sdk {
        val store = SessionStore(Area(launch.storage.secure, false), Area(launch.storage.plain, false), host::log)
        return Calls(
            SignInSdk(
                store, Profile.of(launch.profile), launch.endpoints, host.clock(), launch.requestTimeoutMs, 10_000,
                host::statusChanged, host::log,
            ),
        )
    }

    /**
     * A call is on a thread of its own, which `cancel` interrupts. A suspending function of an SDK becomes a call by
     * `runBlocking { sdk.signIn(token) }`: it follows interrupts, and cancels what it runs.
     */
    private class Calls(private val sdk: SignInSdk) : Sdk {
        override fun signIn(token: String, call: Call) = sdk.signIn(token)

        override fun signOut() = sdk.signOut()

        override fun status(): Collection<String> = sdk.status()

        override fun currentUserId(): String? = sdk.currentUserId()

        override fun refresh(call: Call) = sdk.refresh()

        override fun request(request: Sdk.ApiRequest, call: Call): Sdk.ApiResponse {
            val answer = sdk.request(SignInSdk.ApiCall(request.method, request.path, null))
            return Sdk.ApiResponse(answer.status, runCatching { Json.parse(answer.body) }.getOrNull())
        }

        override fun stop() = sdk.close()
    }
}

fun main(args: Array<String>) = Vouch.serve(KotlinAdapter(), *args)
