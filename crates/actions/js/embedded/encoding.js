// Text and bytes, and copies of structures.
'use strict';

class TextEncoder {
  get encoding() { return 'utf-8'; }
  encode(text = '') { return native.utf8Encode(String(text).toWellFormed()); }
  encodeInto(text, target) {
    const bytes = this.encode(text);
    let end = Math.min(bytes.length, target.length);
    while (end < bytes.length && (bytes[end] & 0xc0) === 0x80) end -= 1;
    target.set(bytes.subarray(0, end));
    return { read: native.utf8Decode(bytes.subarray(0, end).toBase64()).length, written: end };
  }
}

const LABELS = { utf8: 'utf-8', 'utf-8': 'utf-8', 'unicode-1-1-utf-8': 'utf-8', latin1: 'windows-1252', 'iso-8859-1': 'windows-1252', ascii: 'windows-1252', 'windows-1252': 'windows-1252', 'utf-16le': 'utf-16le', 'utf-16': 'utf-16le' };

class TextDecoder {
  #pending = [];

  constructor(label = 'utf-8', { fatal = false, ignoreBOM = false } = {}) {
    this.encoding = LABELS[String(label).trim().toLowerCase()];
    if (!this.encoding) throw new RangeError(`The "${label}" encoding is not supported`);
    Object.assign(this, { fatal, ignoreBOM });
  }

  decode(input, { stream = false } = {}) {
    let bytes = view(input ?? new Uint8Array());
    if (this.#pending.length) bytes = Uint8Array.from([...this.#pending, ...bytes]);
    this.#pending = [];
    if (this.encoding === 'windows-1252') return latin1(bytes);
    if (this.encoding === 'utf-16le') return utf16(bytes);
    if (stream) {
      const whole = wholeCharacters(bytes);
      this.#pending = [...bytes.subarray(whole)];
      bytes = bytes.subarray(0, whole);
    }
    const text = native.utf8Decode(bytes.toBase64());
    if (this.fatal && text.includes('\ufffd') && !sameBytes(native.utf8Encode(text), bytes)) {
      throw Object.assign(new TypeError('The encoded data was not valid for encoding utf-8'), { code: 'ERR_ENCODING_INVALID_ENCODED_DATA' });
    }
    return !this.ignoreBOM && text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  }
}

// Where the last character begins, if it is not complete.
function wholeCharacters(bytes) {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back];
    if ((byte & 0xc0) === 0x80) continue;
    const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return needed > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

const sameBytes = (one, other) => one.length === other.length && one.every((byte, index) => byte === other[index]);

const view = exports.view = (input) => {
  if (input instanceof Uint8Array) return input;
  if (ArrayBuffer.isView(input)) return new Uint8Array(input.buffer, input.byteOffset, input.byteLength);
  if (input instanceof ArrayBuffer || (typeof SharedArrayBuffer !== 'undefined' && input instanceof SharedArrayBuffer)) return new Uint8Array(input);
  throw new TypeError('The argument must be an instance of ArrayBuffer or ArrayBufferView.');
};

const pieces = (bytes, convert) => {
  let text = '';
  for (let at = 0; at < bytes.length; at += 4096) text += convert(bytes.subarray(at, at + 4096));
  return text;
};
const latin1 = exports.latin1 = (bytes) => pieces(bytes, (part) => String.fromCharCode(...part));
const utf16 = exports.utf16 = (bytes) => pieces(bytes.subarray(0, bytes.length & ~1), (part) => {
  const units = [];
  for (let at = 0; at < part.length; at += 2) units.push(part[at] | (part[at + 1] << 8));
  return String.fromCharCode(...units);
});

function structuredClone(value) {
  const copies = new Map();
  const copy = (original) => {
    if (typeof original === 'function' || typeof original === 'symbol') {
      throw new DOMException(`${String(original)} could not be cloned.`, 'DataCloneError');
    }
    if (original === null || typeof original !== 'object') return original;
    if (copies.has(original)) return copies.get(original);
    const remember = (made) => {
      copies.set(original, made);
      return made;
    };
    if (original instanceof Date) return remember(new Date(original.getTime()));
    if (original instanceof RegExp) return remember(new RegExp(original.source, original.flags));
    if (original instanceof ArrayBuffer) return remember(original.slice(0));
    if (ArrayBuffer.isView(original)) {
      const bytes = view(original).slice();
      return remember(original instanceof DataView ? new DataView(bytes.buffer) : new (original.constructor.name === 'Buffer' ? Uint8Array : original.constructor)(bytes.buffer));
    }
    if (original instanceof Map) {
      const made = remember(new Map());
      for (const [key, held] of original) made.set(copy(key), copy(held));
      return made;
    }
    if (original instanceof Set) {
      const made = remember(new Set());
      for (const held of original) made.add(copy(held));
      return made;
    }
    if (original instanceof Error) {
      const made = remember(new (globalThis[original.name] ?? Error)(original.message));
      made.stack = original.stack;
      return made;
    }
    const made = remember(Array.isArray(original) ? new Array(original.length) : {});
    for (const key of Object.keys(original)) made[key] = copy(original[key]);
    return made;
  };
  return copy(value);
}

exports.exports = { TextEncoder, TextDecoder, structuredClone };
