// Node's EventEmitter.
'use strict';

function EventEmitter() { EventEmitter.init.call(this); }

EventEmitter.init = function () {
  if (!Object.hasOwn(this, '_events')) this._events = new Map();
};
EventEmitter.defaultMaxListeners = 10;

const listenersOf = (emitter, name) => {
  EventEmitter.init.call(emitter);
  return emitter._events.get(name) ?? [];
};

Object.assign(EventEmitter.prototype, {
  on(name, listener) { return this.addListener(name, listener); },
  addListener(name, listener) {
    if (typeof listener !== 'function') throw Object.assign(new TypeError('The "listener" argument must be of type function.'), { code: 'ERR_INVALID_ARG_TYPE' });
    if (listenersOf(this, 'newListener').length) this.emit('newListener', name, listener);
    this._events.set(name, [...listenersOf(this, name), listener]);
    return this;
  },
  prependListener(name, listener) {
    this._events.set(name, [listener, ...listenersOf(this, name)]);
    return this;
  },
  once(name, listener) {
    const wrapped = (...parameters) => {
      this.removeListener(name, wrapped);
      return listener.apply(this, parameters);
    };
    wrapped.listener = listener;
    return this.addListener(name, wrapped);
  },
  off(name, listener) { return this.removeListener(name, listener); },
  removeListener(name, listener) {
    const listeners = listenersOf(this, name);
    const at = listeners.findLastIndex((known) => known === listener || known.listener === listener);
    if (at >= 0) this._events.set(name, listeners.toSpliced(at, 1));
    return this;
  },
  removeAllListeners(name) {
    EventEmitter.init.call(this);
    if (name === undefined) this._events.clear();
    else this._events.delete(name);
    return this;
  },
  emit(name, ...parameters) {
    const listeners = listenersOf(this, name);
    if (name === 'error' && listeners.length === 0) {
      throw parameters[0] instanceof Error ? parameters[0] : Object.assign(new Error(`Unhandled error. (${parameters[0]})`), { code: 'ERR_UNHANDLED_ERROR' });
    }
    for (const listener of listeners) listener.apply(this, parameters);
    return listeners.length > 0;
  },
  listeners(name) { return listenersOf(this, name).map((listener) => listener.listener ?? listener); },
  listenerCount(name) { return listenersOf(this, name).length; },
  eventNames() {
    EventEmitter.init.call(this);
    return [...this._events.keys()].filter((name) => this._events.get(name).length);
  },
  setMaxListeners() { return this; },
  getMaxListeners() { return EventEmitter.defaultMaxListeners; },
});

EventEmitter.EventEmitter = EventEmitter;
EventEmitter.once = (emitter, name) => new Promise((resolve, reject) => {
  emitter.once(name, (...parameters) => resolve(parameters));
  if (name !== 'error') emitter.once('error', reject);
});

exports.exports = EventEmitter;
