/**
 * The kinds of errors that a call may end with. `docs/adapter-protocol.md` says when to use which.
 * @type {readonly import('../vouch-adapter.d.mts').ErrorKind[]}
 */
export const KINDS = Object.freeze([
  'alreadySignedIn',
  'invalidSignInToken',
  'incompatible',
  'notConfigured',
  'notSignedIn',
  'invalidUser',
  'needsReauthentication',
  'network',
  'unauthorized',
  'invalidApiKey',
  'unexpectedAnswer',
  'storage',
  'cancelled',
  'unsupported',
  'internal',
]);

/** A call of the SDK that is refused or failed. */
export class CallError extends Error {
  /**
   * @param {import('../vouch-adapter.d.mts').ErrorKind} kind what the app can do next
   * @param {string} message the SDK's own text. Vouch shows it and searches it for secrets
   */
  constructor(kind, message) {
    super(message);
    this.name = 'CallError';
    this.kind = kind;
  }
}

/** An error of JSON-RPC itself, with its code. */
export class RpcError extends Error {
  /**
   * @param {number} code
   * @param {string} message
   * @param {{ kind: string }} [data]
   */
  constructor(code, message, data) {
    super(message);
    this.name = 'RpcError';
    this.code = code;
    this.data = data;
  }
}

export const PARSE_ERROR = -32700;
export const INVALID_REQUEST = -32600;
export const METHOD_NOT_FOUND = -32601;
export const INVALID_PARAMS = -32602;
export const CALL_FAILED = -32000;
