// The globals of Node that the language itself does not have. What is large is loaded when it is first touched.
'use strict';

exports.defineGlobals = (given) => {
  const define = (name, value) => Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
  const lazily = (file, ...names) => {
    for (const name of names) {
      Object.defineProperty(globalThis, name, {
        configurable: true,
        get() {
          define(name, require(file).exports[name]);
          return globalThis[name];
        },
        set: (value) => define(name, value),
      });
    }
  };
  for (const [name, value] of Object.entries(given)) define(name, value);
  for (const [name, value] of Object.entries(require('embedded/timers').exports)) define(name, value);
  define('global', globalThis);
  lazily('embedded/encoding', 'TextEncoder', 'TextDecoder', 'structuredClone');
  lazily('embedded/buffer', 'Buffer');
  lazily('embedded/url', 'URL', 'URLSearchParams');
  lazily('embedded/abort', 'Event', 'EventTarget', 'AbortController', 'AbortSignal');
  lazily('embedded/web', 'Headers', 'Request', 'Response', 'Blob', 'FormData');
  lazily('embedded/intl', 'Intl');
  Object.defineProperty(globalThis, 'crypto', { configurable: true, get: () => require('embedded/webcrypto').exports });
  define('process', process());
};

function process() {
  const started = performance.now();
  const refused = (name) => () => {
    throw Object.assign(new Error(`process.${name} is not available here.`), { code: 'ERR_ACCESS_DENIED' });
  };
  const hrtime = (since) => {
    const now = performance.now();
    const [seconds, nanoseconds] = [Math.floor(now / 1000), Math.floor((now % 1000) * 1e6)];
    if (!since) return [seconds, nanoseconds];
    const borrowed = nanoseconds < since[1] ? 1 : 0;
    return [seconds - since[0] - borrowed, nanoseconds - since[1] + borrowed * 1e9];
  };
  return {
    env: {}, argv: ['node'], execArgv: [], version: 'v18.0.0', versions: { node: '18.0.0' }, platform: 'linux', arch: 'x64', pid: 1, ppid: 0, title: 'node',
    nextTick: (callback, ...parameters) => queueMicrotask(() => callback(...parameters)),
    cwd: () => '/',
    uptime: () => (performance.now() - started) / 1000,
    hrtime: Object.assign(hrtime, { bigint: () => BigInt(Math.floor(performance.now() * 1e6)) }),
    memoryUsage: () => ({ rss: 0, heapTotal: 0, heapUsed: 0, external: 0, arrayBuffers: 0 }),
    emitWarning() {},
    on() { return this; },
    once() { return this; },
    off() { return this; },
    removeListener() { return this; },
    exit: refused('exit'), kill: refused('kill'), abort: refused('abort'), chdir: refused('chdir'), binding: refused('binding'),
    stdout: { write: (text) => Boolean(console.log(String(text).replace(/\n$/, ''))) || true, isTTY: false },
    stderr: { write: (text) => Boolean(console.error(String(text).replace(/\n$/, ''))) || true, isTTY: false },
  };
}
