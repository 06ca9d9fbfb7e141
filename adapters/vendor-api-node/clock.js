// A clock that the hook `advance` can move. It replaces `Date` of the process, so that it must be imported before any
// module that keeps a reference to `Date` or `Date.now`.

const RealDate = Date;
let offsetMs = 0;

const now = () => RealDate.now() + offsetMs;

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
  get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
});

export function advance(seconds) {
  offsetMs += seconds * 1000;
}

/** Seconds since the epoch, as in JWT claims. */
export function epochSeconds() {
  return Math.floor(Date.now() / 1000);
}
