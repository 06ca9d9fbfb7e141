/**
 * The adapter protocol of Vouch for Node: `serve(adapter)` is all that most adapters need.
 *
 *     lib/channel.mjs  lines over a pair of streams
 *     lib/peer.mjs     JSON-RPC in both directions
 *     lib/serve.mjs    the methods of the protocol
 *     lib/clock.mjs    Vouch's clock
 */
export { LINE_LIMIT, LineChannel } from './lib/channel.mjs';
export { CallError, KINDS } from './lib/errors.mjs';
export { Peer } from './lib/peer.mjs';
export { serve } from './lib/serve.mjs';
