/**
 * A template: seat your SDK here. Copy this file and fill in each place marked FILL IN, from the top to the bottom.
 * Run `vouch run --target vouch.toml --filter first-sign-in` as soon as `start`, `signIn`, `status` and `request` work.
 *
 * The adapter is test code: keep it thin. It must not repair what the SDK does: no retry of its own, no default for a
 * missing value, no error that is caught and dropped. Otherwise Vouch tests the adapter, not the SDK.
 */
import { CallError, serve } from './vouch-adapter.mjs';

/**
 * Delete this when the template is filled in.
 * @param {string} what
 * @param {unknown[]} _params what to fill in with
 * @returns {never}
 */
function fillIn(what, ..._params) {
  throw new CallError('unsupported', `template.mjs: fill in ${what}`);
}

serve({
  // FILL IN: what reports call the build.
  sdk: { name: 'my-sdk', version: '0.0.0', platform: 'node' },

  // FILL IN, one at a time, when all the rest works. `clock` first: hours then pass at once. Claim only what works.
  //   'clock'         the SDK takes its time from `clock.now()` and waits by `clock.sleep()` only
  //   'refresh'       `refresh` works
  //   'statusStream'  `statusChanged` is called for each change
  //   'apiKey'        the older scheme: `configure` and `setUserId` work
  //   'identify'      `identify` works
  //   'cancel'        each call ends when its `signal` is aborted
  //   'requestBody'   `request` sends `body`
  //   'storageFiles'  everything that the SDK keeps is files in the folders of `storage`
  //   'storageLock'   `lockStorage` and `storage.locked` work
  //   'secondProcess' two processes may use one storage at the same time, such as the app and a widget
  //   'wake'          `background` and `foreground` work: the app can be launched without a user interface
  //   'gcip'          the SDK speaks the wire format of older releases
  capabilities: [],

  // FILL IN: what the app can do after an error that your SDK throws. docs/adapter-protocol.md lists the kinds,
  // docs/sdk-authors.md maps the errors of platforms. Add the errors of your SDK here; the two below are those of `fetch`.
  // An error that you do not know is 'internal', and Vouch reports it as a failure: never map it to 'network'.
  kindOf(error) {
    // if (error instanceof NotSignedInError) return 'notSignedIn';
    if (error instanceof TypeError && error.message === 'fetch failed') return 'network'; // no connection
    if (error instanceof DOMException && error.name === 'TimeoutError') return 'network'; // AbortSignal.timeout
    return 'internal';
  },

  // FILL IN: the app is launched. Create the SDK as an app does at launch. A user who was signed in before is signed in
  // now, without a call.
  start({ profile }) {
    // `junction` is the wire format of current releases. Refuse one that your SDK does not speak.
    if (profile !== 'junction') throw new CallError('unsupported', `the SDK does not speak ${profile}`);

    // storage.secure    a folder in place of the keychain
    // storage.plain     a folder in place of preferences, files and databases
    // storage.volatile  a folder in place of what a reboot clears
    // endpoints         a list of {environment, region, api, auth}: give ALL of them to the SDK, in place of its table of
    //                   hosts. The SDK must choose, by its token or configuration
    // requestTimeoutMs  set the SDK's HTTP client to it
    // clock             now() and sleep(milliseconds): real time until you claim `clock`
    // statusChanged     to be called with the status words from the SDK's own status stream
    // log               to be called with each line of the SDK's own log
    //
    // const sdk = new MySdk({ folder: storage.secure, hosts: endpoints, timeout: requestTimeoutMs, clock, log });
    // sdk.on('status', statusChanged);

    return {
      // Exchanges the sign-in token. Resolves when the user is signed in.
      signIn: ({ token }, { signal }) => fillIn('signIn', token, signal),

      // Erases the session and the configuration.
      signOut: () => fillIn('signOut'),

      // FILL IN: a list of: configured, signedIn, useApiKey, useSignInToken, pendingReauthentication. As written here nobody
      // is ever signed in.
      status: () => [],

      // FILL IN: the id of the signed-in user, or null.
      currentUserId: () => null,

      // One call to the vendor API, with the SDK's own choice of host and credentials. Returns {status, body}: the HTTP
      // status and the parsed JSON, or null. An HTTP status is a result, not an error.
      request: ({ method, path, body }, { signal }) => fillIn('request', method, path, body, signal),

      // FILL IN: everything that the SDK keeps: a list of {area: 'secure' | 'plain' | 'volatile', key, value}. As written here
      // nothing is kept. Delete this call when you claim `storageFiles`.
      storage: () => [],

      // The calls below are optional: delete those that your SDK does not have.

      // Refreshes the access token now.
      refresh: (_, { signal }) => fillIn('refresh', signal),

      // The API-key scheme.
      configure: ({ apiKey, environment, region }) => fillIn('configure', apiKey, environment, region),
      setUserId: ({ userId }) => fillIn('setUserId', userId),

      // Signs in as the app's user. `authenticate(externalUserId)` resolves to a sign-in token.
      identify: ({ externalUserId }, { authenticate }) => fillIn('identify', externalUserId, authenticate),

      // Secure storage can be neither read nor written until it is unlocked.
      lockStorage: ({ locked }) => fillIn('lockStorage', locked),

      // The app, which was launched with `background: true`, comes to the foreground.
      foreground: () => fillIn('foreground'),

      // Time has moved to `now`: fire the SDK's timers that are due, if it has timers of its own.
      clockMoved: () => {},

      // The app is closed normally.
      stop: () => {},
    };
  },
});
