/** Connects the worked SDK in `signin/` to Vouch. `node worked/adapter.mjs [--no-clock]` */
import { serve } from '../vouch-adapter.mjs';
import { SignInError } from './signin/errors.mjs';
import { PROFILES } from './signin/profiles.mjs';
import { SignInSdk } from './signin/sdk.mjs';
import { Area, SessionStore } from './signin/storage.mjs';

const withClock = !process.argv.includes('--no-clock');
// Without Vouch's clock a call must end within its deadline, which is 10 s of real time.
const patience = withClock ? 10_000 : 2_000;

serve({
  sdk: { name: 'node-example', version: '1.0.0', platform: 'node' },
  capabilities: [
    'apiKey',
    'identify',
    'statusStream',
    'storageFiles',
    'storageLock',
    'refresh',
    'cancel',
    'requestBody',
    'gcip',
    'wake',
    ...(withClock ? /** @type {const} */ (['clock']) : []),
  ],

  kindOf: (error) => (error instanceof SignInError ? error.kind : 'internal'),

  start({ profile: name, storage, endpoints, requestTimeoutMs }, { clock, statusChanged, log }) {
    const profile = PROFILES.get(name);
    if (profile === undefined) throw new SignInError('unsupported', 'this SDK does not speak that wire profile');
    const secure = new Area(storage.secure);
    secure.locked = storage.locked === true;
    const sdk = new SignInSdk({
      store: new SessionStore(secure, new Area(storage.plain), log),
      profile,
      endpoints,
      clock,
      timeout: requestTimeoutMs,
      patience,
      onStatus: statusChanged,
      log,
    });
    return {
      signIn: ({ token }, { signal }) => sdk.signIn(token, signal),
      signOut: () => sdk.signOut(),
      status: () => sdk.status(),
      currentUserId: () => sdk.currentUserId(),
      configure: ({ apiKey, environment, region }, { signal }) => sdk.configure(apiKey, { environment, region }, signal),
      setUserId: ({ userId }, { signal }) => sdk.setUserId(userId, signal),
      identify: ({ externalUserId }, { signal, authenticate }) => sdk.identify(externalUserId, authenticate, signal),
      request: (call, { signal }) => sdk.request(call, signal),
      refresh: (_, { signal }) => sdk.refresh(signal),
      lockStorage: ({ locked }) => {
        secure.locked = locked;
        if (!locked) sdk.storageAvailable();
      },
      // The SDK does the same in the background.
      foreground: () => {},
    };
  },
});
