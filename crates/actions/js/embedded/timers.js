// Timers. The worker asks for the next one when nothing else goes on.
'use strict';

const waiting = new Map();
let last = 0;

class Timer {
  constructor(id) { this.id = id; }
  ref() { return this; }
  unref() { return this; }
  hasRef() { return true; }
  close() { waiting.delete(this.id); return this; }
  refresh() {
    const timer = waiting.get(this.id);
    if (timer) timer.at = Date.now() + timer.delay;
    return this;
  }
  [Symbol.toPrimitive]() { return this.id; }
}

const add = (repeats) => (callback, delay, ...parameters) => {
  if (typeof callback !== 'function') throw new TypeError('The "callback" argument must be of type function.');
  const pause = Math.min(Math.max(Number(delay) || 0, 1), 2 ** 31 - 1);
  last += 1;
  waiting.set(last, { callback, parameters, delay: pause, at: Date.now() + pause, repeats });
  return new Timer(last);
};
const remove = (timer) => void waiting.delete(typeof timer === 'object' ? timer?.id : Number(timer));

exports.timers = {
  clear: () => waiting.clear(),
  fire(crash) {
    const now = Date.now();
    const due = [...waiting].filter(([, timer]) => timer.at <= now).sort(([, one], [, other]) => one.at - other.at);
    for (const [id, timer] of due) {
      if (!waiting.has(id)) continue;
      if (timer.repeats) timer.at = now + timer.delay;
      else waiting.delete(id);
      try {
        timer.callback(...timer.parameters);
      } catch (thrown) {
        crash(thrown);
      }
    }
    let next = Infinity;
    for (const { at } of waiting.values()) next = Math.min(next, at);
    return next === Infinity ? -1 : Math.max(0, next - Date.now());
  },
};

const setTimeout = add(false);
exports.exports = {
  setTimeout,
  setInterval: add(true),
  setImmediate: (callback, ...parameters) => setTimeout(callback, 0, ...parameters),
  clearTimeout: remove,
  clearInterval: remove,
  clearImmediate: remove,
};
exports.promises = {
  setTimeout: (delay, value) => new Promise((resolve) => { setTimeout(resolve, delay, value); }),
  setImmediate: (value) => new Promise((resolve) => { setTimeout(resolve, 0, value); }),
};
