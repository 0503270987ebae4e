// Events of the DOM standard, and the signals that abort.
'use strict';

class Event {
  constructor(type, { cancelable = false } = {}) { Object.assign(this, { type, cancelable, defaultPrevented: false, target: null, timeStamp: performance.now() }); }
  preventDefault() { if (this.cancelable) this.defaultPrevented = true; }
  stopPropagation() {}
  stopImmediatePropagation() { this.stopped = true; }
}

class EventTarget {
  #listeners = new Map();

  addEventListener(type, listener, options) {
    const listeners = this.#listeners.get(type) ?? [];
    this.#listeners.set(type, listeners);
    if (listener && !listeners.some((known) => known.listener === listener)) listeners.push({ listener, once: Boolean(options?.once) });
  }

  removeEventListener(type, listener) { this.#listeners.set(type, (this.#listeners.get(type) ?? []).filter((known) => known.listener !== listener)); }

  dispatchEvent(event) {
    event.target = this;
    for (const { listener, once } of [...(this.#listeners.get(event.type) ?? [])]) {
      if (event.stopped) break;
      if (once) this.removeEventListener(event.type, listener);
      if (typeof listener === 'function') listener.call(this, event);
      else listener.handleEvent(event);
    }
    this[`on${event.type}`]?.(event);
    return !event.defaultPrevented;
  }
}

const made = Symbol('made');

class AbortSignal extends EventTarget {
  aborted = false;
  reason = undefined;
  onabort = null;

  constructor(by) {
    super();
    if (by !== made) throw new TypeError('Illegal constructor');
  }

  static abort(reason) { return abort(new AbortSignal(made), reason); }
  static timeout(milliseconds) {
    const signal = new AbortSignal(made);
    setTimeout(() => abort(signal, new DOMException('The operation was aborted due to timeout', 'TimeoutError')), milliseconds);
    return signal;
  }
  static any(signals) {
    const signal = new AbortSignal(made);
    for (const other of signals) {
      if (other.aborted) return abort(signal, other.reason);
      other.addEventListener('abort', () => abort(signal, other.reason), { once: true });
    }
    return signal;
  }
  throwIfAborted() { if (this.aborted) throw this.reason; }
}

function abort(signal, reason = new DOMException('This operation was aborted', 'AbortError')) {
  if (signal.aborted) return signal;
  Object.assign(signal, { aborted: true, reason });
  signal.dispatchEvent(new Event('abort'));
  return signal;
}

class AbortController {
  signal = new AbortSignal(made);
  abort(reason) { abort(this.signal, reason); }
}

exports.exports = { Event, EventTarget, AbortController, AbortSignal };
