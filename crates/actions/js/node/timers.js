// Timers that are known, so that they can be stopped when their run is over: the globals, and the modules `timers` and
// `timers/promises`.
'use strict';

const { promisify } = node('util');

// Makes the timers that code starts known; answers the function that stops them.
exports.trackTimers = () => {
  const waiting = new Map();
  const timers = node('timers');
  for (const kind of ['Timeout', 'Interval', 'Immediate']) {
    const start = globalThis[`set${kind}`];
    const stop = globalThis[`clear${kind}`];
    const tracked = (...parameters) => {
      const timer = start(...parameters);
      waiting.set(timer, stop);
      return timer;
    };
    Object.defineProperty(tracked, 'name', { value: `set${kind}` });
    globalThis[`set${kind}`] = tracked;
    timers[`set${kind}`] = tracked;
  }
  const promised = { setTimeout: once(setTimeout, clearTimeout), setImmediate: once((go) => setImmediate(go), clearImmediate, 1), setInterval: repeated };
  for (const name of ['setTimeout', 'setImmediate']) {
    Object.defineProperty(globalThis[name], promisify.custom, { configurable: true, value: promised[name] });
  }
  const promises = node('timers/promises');
  Object.assign(promises, promised);
  if (promises.scheduler) {
    Object.assign(promises.scheduler, { wait: (delay, options) => promised.setTimeout(delay, undefined, options), yield: () => promised.setImmediate() });
  }
  node('module').syncBuiltinESMExports();
  return () => {
    if (waiting.size === 0) return;
    for (const [timer, stop] of waiting) stop(timer);
    waiting.clear();
  };
};

const aborted = (signal) => Object.assign(new Error('The operation was aborted', { cause: signal.reason }), { name: 'AbortError', code: 'ABORT_ERR' });

// A timer as a promise: `(delay, value, options)`, or without the delay.
function once(start, stop, skipped = 0) {
  return (...parameters) => {
    const [delay, value, options] = skipped ? [0, ...parameters] : parameters;
    const signal = options?.signal;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(aborted(signal));
        return;
      }
      const abort = () => {
        stop(timer);
        reject(aborted(signal));
      };
      const timer = start(() => {
        signal?.removeEventListener('abort', abort);
        resolve(value);
      }, delay);
      signal?.addEventListener('abort', abort, { once: true });
    });
  };
}

async function* repeated(delay, value, options) {
  const { setTimeout: wait } = node('timers/promises');
  for (;;) {
    await wait(delay, undefined, options);
    yield value;
  }
}
