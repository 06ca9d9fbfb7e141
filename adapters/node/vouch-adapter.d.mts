/** The adapter protocol of Vouch for Node. The protocol itself: docs/adapter-protocol.md. */
import type { Readable, Writable } from 'node:stream';

export type Capability =
  | 'apiKey'
  | 'identify'
  | 'clock'
  | 'statusStream'
  | 'storageFiles'
  | 'storageLock'
  | 'refresh'
  | 'cancel'
  | 'requestBody'
  | 'gcip'
  | 'secondProcess'
  | 'wake';

export type StatusWord = 'configured' | 'signedIn' | 'useApiKey' | 'useSignInToken' | 'pendingReauthentication';

export type StorageArea = 'secure' | 'plain' | 'volatile';

/** What the app can do after a call that failed. */
export type ErrorKind =
  | 'alreadySignedIn'
  | 'invalidSignInToken'
  | 'incompatible'
  | 'notConfigured'
  | 'notSignedIn'
  | 'invalidUser'
  | 'needsReauthentication'
  | 'network'
  | 'unauthorized'
  | 'invalidApiKey'
  | 'unexpectedAnswer'
  | 'storage'
  | 'cancelled'
  | 'unsupported'
  | 'internal';

export const KINDS: readonly ErrorKind[];

/** A call of the SDK that is refused or failed. */
export class CallError extends Error {
  constructor(kind: ErrorKind, message: string);
  readonly kind: ErrorKind;
}

/** What you write: your SDK, as Vouch sees it. */
export interface Adapter {
  sdk: { name: string; version: string; platform: string };
  /** Claim only what works: a case that needs another capability is skipped. */
  capabilities: Capability[];
  /** The areas that the platform protects well enough for tokens. By default `['secure']`. */
  tokenStorage?: ('secure' | 'plain')[];
  /** The kind of an error that your SDK throws. A `CallError` has one already. Unknown errors are `internal`. */
  kindOf?(error: unknown): ErrorKind;
  /** The app is launched: set your SDK up on this storage, and return its calls. */
  start(launch: Launch, host: Host): SdkCalls | Promise<SdkCalls>;
}

export interface Launch {
  /** The wire format: `junction`, `gcip`, `standard` or `custom`. Refuse others with the kind `unsupported`. */
  profile: string;
  custom?: unknown;
  /** Three folders that exist. */
  storage: { secure: string; plain: string; volatile: string; locked?: boolean };
  /** With the capability `wake`: the app has no user interface until `foreground`. */
  background?: boolean;
  /** The hosts of each environment and region, in place of the real ones. */
  endpoints: Endpoint[];
  /** Milliseconds since 1970, with the capability `clock`. */
  now?: number | null;
  /** How long the SDK may wait for one HTTP answer, in real milliseconds. */
  requestTimeoutMs: number;
}

export interface Endpoint {
  environment: 'production' | 'sandbox' | 'dev';
  region: 'us' | 'eu';
  api: string;
  auth: string;
}

/** What Vouch gives to the SDK at its launch. */
export interface Host {
  clock: Clock;
  /** Reports that the status has become another one. */
  statusChanged(words: Iterable<string>): void;
  /** A line of the SDK's own log. Vouch searches it for secrets. */
  log(text: string): void;
}

/** Vouch's clock with the capability `clock`, else the clock of this machine. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Waits. `background` marks a timer that no call waits for. */
  sleep(milliseconds: number, options?: { background?: boolean; signal?: AbortSignal }): Promise<void>;
}

/** What comes with each call. */
export interface CallContext {
  /** Aborted when the app cancels the call. */
  signal: AbortSignal;
  /** For `identify`: asks the app for a sign-in token. Rejects if the app's backend failed. */
  authenticate(externalUserId: string): Promise<string>;
}

type Result<T> = T | Promise<T>;

/** The calls of your SDK. One that is left out is answered with the kind `unsupported`. */
export interface SdkCalls {
  signIn(params: { token: string }, context: CallContext): Result<void>;
  signOut(params: {}, context: CallContext): Result<void>;
  status(params: {}, context: CallContext): Result<Iterable<string>>;
  currentUserId(params: {}, context: CallContext): Result<string | null | undefined>;
  request(params: ApiRequest, context: CallContext): Result<{ status: number; body?: unknown }>;
  configure?(params: { apiKey: string; environment: string; region: string }, context: CallContext): Result<void>;
  setUserId?(params: { userId: string }, context: CallContext): Result<void>;
  identify?(params: { externalUserId: string }, context: CallContext): Result<void>;
  refresh?(params: {}, context: CallContext): Result<void>;
  /** Everything that the SDK keeps. Not needed with the capability `storageFiles`. */
  storage?(params: {}, context: CallContext): Result<StorageItem[]>;
  lockStorage?(params: { locked: boolean }, context: CallContext): Result<void>;
  /** The app, which was launched with `background`, comes to the foreground. */
  foreground?(params: {}, context: CallContext): Result<void>;
  /** Vouch has moved its clock. `host.clock` shows the new time already. */
  clockMoved?(now: number): Result<void>;
  /** The app is closed normally. The process exits when this is done. */
  stop?(): Result<void>;
}

export interface ApiRequest {
  method: string;
  path: string;
  /** JSON to send; only with the capability `requestBody`, and not always there. */
  body?: unknown;
}

export interface StorageItem {
  area: StorageArea;
  key: string;
  /** Bytes are sent as base64. */
  value: string | Uint8Array;
}

/** Lets Vouch drive an SDK. Returns at once; the process ends when Vouch ends it. */
export function serve(
  adapter: Adapter,
  options?: {
    /** The transport. By default standard input and output. */
    channel?: Channel;
    /** After `stop` was answered, and when the input ends. By default the process exits with code 0. */
    onClose?: () => void;
  },
): void;

/** The longest line in bytes, its line break included. */
export const LINE_LIMIT: number;

/** A transport of lines: `LineChannel`, or your own. In a page it may be a WebSocket, of which each message is one line. */
export interface Channel {
  /** Starts to read. */
  open(listener: LineListener): void;
  /** Writes one line, which comes without its line break. */
  write(line: string): void;
  /** Resolves when everything that was written is on its way. */
  flush(): Promise<void>;
}

/** The transport of Node: lines over a pair of streams, for example a `net.Socket` in both places. */
export class LineChannel implements Channel {
  constructor(input: Readable, output: Writable);
  /** Standard input and output. Other output of this process then goes to standard error. */
  static overStdio(): LineChannel;
  open(listener: LineListener): void;
  write(line: string): void;
  flush(): Promise<void>;
}

export interface LineListener {
  line(line: Uint8Array): void;
  /** A line was longer than `LINE_LIMIT`, and was dropped. */
  tooLong(): void;
  end(): void;
}

/** JSON-RPC 2.0 in both directions. It does not know the methods of the protocol. */
export class Peer {
  constructor(channel: Channel);
  open(handler: MessageHandler): void;
  ask(
    method: string,
    params: object,
    options?: { signal?: AbortSignal; onResult?: (result: any) => void },
  ): Promise<any>;
  notify(method: string, params: object): void;
  flush(): Promise<void>;
}

export interface MessageHandler {
  request(method: string, params: any, id: number | string): Promise<object>;
  notification(method: string, params: any): void;
  end(): void;
}
