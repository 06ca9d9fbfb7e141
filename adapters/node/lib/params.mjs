import { INVALID_PARAMS, RpcError } from './errors.mjs';

/** @type {Record<string, (value: any) => boolean>} */
const IS = {
  string: (value) => typeof value === 'string',
  number: (value) => Number.isFinite(value),
  boolean: (value) => typeof value === 'boolean',
  list: (value) => Array.isArray(value),
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
};

/** What each request must have, by method. @type {Record<string, Record<string, string>>} */
const REQUIRED = {
  initialize: { protocol: 'number' },
  start: { profile: 'string', storage: 'object', endpoints: 'list', requestTimeoutMs: 'number' },
  signIn: { token: 'string' },
  configure: { apiKey: 'string', environment: 'string', region: 'string' },
  setUserId: { userId: 'string' },
  identify: { externalUserId: 'string' },
  request: { method: 'string', path: 'string' },
  lockStorage: { locked: 'boolean' },
  clock: { now: 'number' },
};

/**
 * Checks the params of a request.
 * @param {string} method
 * @param {any} params
 * @returns {any} the same params
 */
export function checked(method, params) {
  if (!IS.object(params)) throw new RpcError(INVALID_PARAMS, 'params must be an object');
  for (const [name, type] of Object.entries(REQUIRED[method] ?? {})) {
    if (!IS[type](params[name])) throw new RpcError(INVALID_PARAMS, `\`${name}\` must be a ${type}`);
  }
  return params;
}
