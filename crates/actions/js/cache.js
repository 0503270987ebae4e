// `api.cache`, on a copy of the entries that the server keeps.
'use strict';

const LIFE = 15 * 60 * 1000;
const LONGEST_LIFE = 24 * 60 * 60 * 1000;
const KEY_SIZE = 64;
const VALUE_SIZE = 4096;
const SIZE = 16 * 1024 + 256;
const CHANGES = 20;

const failure = (code) => ({ type: 'error', code });

exports.Cache = class {
  #entries;
  #changed = new Set();

  constructor(entries) {
    this.#entries = new Map(Object.entries(entries));
    for (const [key, { expires_at }] of this.#entries) if (expires_at <= Date.now()) this.#remove(key);
  }

  api() {
    return { get: (key) => this.#get(key), set: (key, value, options) => this.#set(key, value, options), delete: (key) => this.#delete(key) };
  }

  changes() {
    return Object.fromEntries([...this.#changed].map((key) => [key, this.#entries.get(key) ?? null]));
  }

  #get(key) {
    const entry = this.#entries.get(key);
    return entry && entry.expires_at > Date.now() ? { ...entry } : undefined;
  }

  #set(key, value, options = {}) {
    if (typeof key !== 'string' || typeof value !== 'string') return failure('FailedToSetCacheRecord');
    if (bytes(key) > KEY_SIZE) return failure('CacheKeySizeExceeded');
    if (bytes(value) > VALUE_SIZE) return failure('CacheValueSizeExceeded');
    const now = Date.now();
    const ends = [];
    for (const [name, base] of [['ttl', now], ['expires_at', 0]]) {
      const given = options?.[name];
      if (given === undefined || given === null) continue;
      if (!Number.isFinite(given) || Math.abs(given) > Number.MAX_SAFE_INTEGER) return failure('InvalidExpiry');
      ends.push(base + Math.floor(given));
    }
    const expires_at = Math.min(...(ends.length ? ends : [now + LIFE]), now + LONGEST_LIFE);
    if (expires_at <= now) return failure('ItemAlreadyExpired');
    const others = [...this.#entries].filter(([other]) => other !== key);
    const size = others.reduce((sum, [other, entry]) => sum + bytes(other) + bytes(entry.value), bytes(key) + bytes(value));
    if (size > SIZE) return failure('CacheSizeExceeded');
    if (!this.#changed.has(key) && this.#changed.size >= CHANGES) return failure('MaxSideEffectsExceeded');
    this.#entries.set(key, { value, expires_at });
    this.#changed.add(key);
    return { type: 'success', record: { value, expires_at } };
  }

  #delete(key) {
    if (!this.#get(key)) return failure('CacheKeyDoesNotExist');
    if (!this.#changed.has(key) && this.#changed.size >= CHANGES) return failure('MaxSideEffectsExceeded');
    this.#remove(key);
    return { type: 'success' };
  }

  #remove(key) {
    this.#entries.delete(key);
    this.#changed.add(key);
  }
};

function bytes(text) {
  let size = 0;
  for (const character of text) {
    const point = character.codePointAt(0);
    size += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }
  return size;
}
