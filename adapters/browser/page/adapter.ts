/** Connects the worked SDK in `signin/` to Vouch: the page dials in, and is one process of the app until it ends. */
import { type Adapter, CallError, type Launch, serve } from '../../node/vouch-adapter.mjs';
import { SignInError } from '../signin/errors.ts';
import { PROFILES } from '../signin/profiles.ts';
import { SignInSdk } from '../signin/sdk.ts';
import { SocketChannel } from './channel.ts';

declare global {
  interface Window {
    /** The program that drives this tab. Where is Vouch, and which launch is this? */
    vouchLaunch(): Promise<{ url: string; installation: string }>;
    /** The folders that Vouch empties for a new installation: where they are empty, the driver clears the data of this site. */
    vouchStorage(storage: Launch['storage']): Promise<void>;
    /** The app has ended in order. */
    vouchEnded(): Promise<void>;
  }
}

/** The longest Retry-After that a call waits for, in milliseconds. */
const PATIENCE = 10_000;

const adapter: Adapter = {
  sdk: { name: 'browser-example', version: '1.0.0', platform: 'web' },
  capabilities: ['apiKey', 'identify', 'clock', 'statusStream', 'refresh', 'cancel', 'requestBody', 'gcip', 'secondProcess'],
  kindOf: (error) => (error instanceof SignInError ? error.kind : 'internal'),

  async start({ profile: name, storage, endpoints, requestTimeoutMs }, { clock, statusChanged, log }) {
    const profile = PROFILES.get(name);
    if (profile === undefined) throw new CallError('unsupported', 'this SDK does not speak that wire profile');
    await window.vouchStorage(storage);
    const sdk = await SignInSdk.launch({
      name: 'signin',
      profile,
      endpoints,
      clock,
      timeout: requestTimeoutMs,
      patience: PATIENCE,
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
      async storage() {
        const { session, signOuts } = await sdk.stored();
        const record = session === null ? [] : [{ area: 'secure' as const, key: 'record', value: new TextDecoder().decode(session) }];
        return [...record, { area: 'plain', key: 'signOuts', value: `${signOuts}` }];
      },
    };
  },
};

const { url, installation } = await window.vouchLaunch();
const channel = await SocketChannel.dial(url, installation);
serve(adapter, {
  channel,
  onClose() {
    channel.close();
    void window.vouchEnded();
  },
});
