// Node's Buffer, on the language's own byte arrays.
'use strict';

const { latin1, utf16, view } = require('embedded/encoding');

const base64url = { alphabet: 'base64url', omitPadding: true };
const ENCODINGS = {
  utf8: { read: (bytes) => native.utf8Decode(plain(bytes).toBase64()), write: (text) => native.utf8Encode(text.toWellFormed()) },
  hex: { read: (bytes) => plain(bytes).toHex(), write: (text) => Uint8Array.fromHex(/^(?:[0-9a-f]{2})*/i.exec(text)[0]) },
  base64: { read: (bytes) => plain(bytes).toBase64(), write: fromBase64 },
  base64url: { read: (bytes) => plain(bytes).toBase64(base64url), write: fromBase64 },
  latin1: { read: latin1, write: (text) => Uint8Array.from(text, (character) => character.charCodeAt(0) & 0xff) },
  ascii: { read: (bytes) => latin1(plain(bytes).map((byte) => byte & 0x7f)), write: (text) => ENCODINGS.latin1.write(text) },
  utf16le: {
    read: utf16,
    write: (text) => Uint8Array.from({ length: text.length * 2 }, (_, index) => (text.charCodeAt(index >> 1) >> (8 * (index & 1))) & 0xff),
  },
};
const ALIASES = { 'utf-8': 'utf8', binary: 'latin1', ucs2: 'utf16le', 'ucs-2': 'utf16le', 'utf-16le': 'utf16le' };

// Both alphabets, with or without padding, and whatever else stands between is skipped.
function fromBase64(text) {
  const clean = text.replace(/[^A-Za-z0-9+/_-]/g, '').replaceAll('-', '+').replaceAll('_', '/');
  return Uint8Array.fromBase64(clean.length % 4 === 1 ? clean.slice(0, -1) : clean);
}

const plain = (bytes) => new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function encodingOf(name = 'utf8') {
  const lower = String(name).toLowerCase();
  const encoding = ENCODINGS[ALIASES[lower] ?? lower];
  if (!encoding) throw Object.assign(new TypeError(`Unknown encoding: ${name}`), { code: 'ERR_UNKNOWN_ENCODING' });
  return encoding;
}

class Buffer extends Uint8Array {
  static poolSize = 8192;

  static get [Symbol.species]() { return Buffer; }

  static from(value, encodingOrOffset, length) {
    if (typeof value === 'string') return wrap(encodingOf(encodingOrOffset ?? 'utf8').write(value));
    if (value instanceof ArrayBuffer) return new Buffer(value, encodingOrOffset, length);
    if (ArrayBuffer.isView(value)) return wrap(Uint8Array.from(value instanceof DataView ? view(value) : value));
    if (Array.isArray(value)) return wrap(Uint8Array.from(value, (item) => item & 0xff));
    if (value?.type === 'Buffer' && Array.isArray(value.data)) return Buffer.from(value.data);
    const primitive = value?.valueOf?.();
    if (primitive !== value && primitive !== undefined && primitive !== null) return Buffer.from(primitive, encodingOrOffset, length);
    if (typeof value?.length === 'number') return wrap(Uint8Array.from(value));
    throw Object.assign(new TypeError('The first argument must be of type string or an instance of Buffer, ArrayBuffer, or Array or an Array-like Object.'), { code: 'ERR_INVALID_ARG_TYPE' });
  }

  static alloc(size, fill, encoding) {
    const made = new Buffer(size);
    return fill === undefined ? made : made.fill(fill, encoding);
  }

  static allocUnsafe(size) { return new Buffer(size); }
  static allocUnsafeSlow(size) { return new Buffer(size); }
  static isBuffer(value) { return value instanceof Buffer; }
  static isEncoding(name) { return typeof name === 'string' && (ALIASES[name.toLowerCase()] ?? name.toLowerCase()) in ENCODINGS; }
  static byteLength(value, encoding) { return typeof value === 'string' ? encodingOf(encoding).write(value).length : value.byteLength; }

  static concat(list, total = list.reduce((sum, part) => sum + part.length, 0)) {
    const made = new Buffer(total);
    let at = 0;
    for (const part of list) {
      if (at >= total) break;
      made.set(part.subarray(0, total - at), at);
      at += part.length;
    }
    return made;
  }

  static compare(one, other) {
    for (let at = 0; at < Math.min(one.length, other.length); at += 1) if (one[at] !== other[at]) return one[at] < other[at] ? -1 : 1;
    return Math.sign(one.length - other.length);
  }

  get parent() { return this.buffer; }
  toString(encoding, start = 0, end = this.length) { return encodingOf(encoding).read(Uint8Array.prototype.subarray.call(plain(this), start, end)); }
  toLocaleString(encoding) { return this.toString(encoding); }
  toJSON() { return { type: 'Buffer', data: Array.from(this) }; }
  equals(other) { return Buffer.compare(this, other) === 0; }
  compare(other, from = 0, to = other.length, start = 0, end = this.length) { return Buffer.compare(this.subarray(start, end), other.subarray(from, to)); }
  slice(start, end) { return this.subarray(start, end); }
  subarray(start, end) {
    const part = Uint8Array.prototype.subarray.call(plain(this), start, end);
    return new Buffer(part.buffer, part.byteOffset, part.byteLength);
  }

  copy(target, at = 0, start = 0, end = this.length) {
    const part = plain(this).subarray(start, Math.min(end, start + target.length - at));
    target.set(part, at);
    return part.length;
  }

  write(text, ...more) {
    const encoding = typeof more.at(-1) === 'string' ? more.pop() : 'utf8';
    const [offset = 0, length = this.length - offset] = more;
    const bytes = encodingOf(encoding).write(text).subarray(0, Math.min(length, this.length - offset));
    this.set(bytes, offset);
    return bytes.length;
  }

  fill(value, ...more) {
    const encoding = typeof more.at(-1) === 'string' ? more.pop() : 'utf8';
    const [start = 0, end = this.length] = more;
    if (typeof value === 'number') return super.fill(value & 0xff, start, end);
    const bytes = typeof value === 'string' ? encodingOf(encoding).write(value) : value;
    if (bytes.length === 0) return super.fill(0, start, end);
    for (let at = start; at < end; at += 1) this[at] = bytes[(at - start) % bytes.length];
    return this;
  }

  indexOf(value, offset = 0, encoding = 'utf8') {
    if (typeof value === 'number') return super.indexOf(value & 0xff, offset);
    const bytes = typeof value === 'string' ? encodingOf(encoding).write(value) : value;
    const first = offset < 0 ? Math.max(0, this.length + offset) : offset;
    for (let at = first; at <= this.length - bytes.length; at += 1) if (bytes.every((byte, index) => this[at + index] === byte)) return at;
    return -1;
  }

  includes(value, offset, encoding) { return this.indexOf(value, offset, encoding) >= 0; }
  swap16() { return swapped(this, 2); }
  swap32() { return swapped(this, 4); }
  swap64() { return swapped(this, 8); }

  readUIntBE(at, length) { return plain(this).subarray(at, at + length).reduce((sum, byte) => sum * 256 + byte, 0); }
  readUIntLE(at, length) { return plain(this).subarray(at, at + length).reduceRight((sum, byte) => sum * 256 + byte, 0); }
  readIntBE(at, length) { return signed(this.readUIntBE(at, length), length); }
  readIntLE(at, length) { return signed(this.readUIntLE(at, length), length); }
  writeUIntBE(value, at, length) {
    for (let index = length - 1, rest = value; index >= 0; index -= 1, rest = Math.floor(rest / 256)) this[at + index] = rest % 256;
    return at + length;
  }
  writeUIntLE(value, at, length) {
    for (let index = 0, rest = value; index < length; index += 1, rest = Math.floor(rest / 256)) this[at + index] = rest % 256;
    return at + length;
  }
  writeIntBE(value, at, length) { return this.writeUIntBE(value < 0 ? value + 256 ** length : value, at, length); }
  writeIntLE(value, at, length) { return this.writeUIntLE(value < 0 ? value + 256 ** length : value, at, length); }
}

const signed = (value, length) => (value >= 256 ** length / 2 ? value - 256 ** length : value);

function swapped(buffer, width) {
  if (buffer.length % width) throw new RangeError(`Buffer size must be a multiple of ${width * 8}-bits`);
  for (let at = 0; at < buffer.length; at += width) plain(buffer).subarray(at, at + width).reverse();
  return buffer;
}

// `readInt32BE`, `writeDoubleLE` and all the others, by the language's own view of bytes.
for (const [kind, width] of Object.entries({ Uint8: 1, Uint16: 2, Uint32: 4, Int8: 1, Int16: 2, Int32: 4, BigInt64: 8, BigUint64: 8, Float32: 4, Float64: 8 })) {
  const shown = { BigInt64: 'BigInt64', BigUint64: 'BigUInt64', Float32: 'Float', Float64: 'Double' }[kind] ?? kind.replace('Uint', 'UInt');
  for (const order of width === 1 ? [''] : ['LE', 'BE']) {
    const data = (buffer) => new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    const inBounds = (buffer, at) => {
      if (at < 0 || at + width > buffer.length) throw Object.assign(new RangeError(`The value of "offset" is out of range. Received ${at}`), { code: 'ERR_OUT_OF_RANGE' });
    };
    const read = function (at = 0) {
      inBounds(this, at);
      return data(this)[`get${kind}`](at, order === 'LE');
    };
    const write = function (value, at = 0) {
      inBounds(this, at);
      data(this)[`set${kind}`](at, value, order === 'LE');
      return at + width;
    };
    for (const name of new Set([shown, shown.replace('UInt', 'Uint')])) {
      Object.defineProperty(Buffer.prototype, `read${name}${order}`, { value: read, writable: true, configurable: true });
      Object.defineProperty(Buffer.prototype, `write${name}${order}`, { value: write, writable: true, configurable: true });
    }
  }
}

for (const name of ['readUIntBE', 'readUIntLE', 'writeUIntBE', 'writeUIntLE']) {
  Object.defineProperty(Buffer.prototype, name.replace('UInt', 'Uint'), { value: Buffer.prototype[name], writable: true, configurable: true });
}

const wrap = exports.wrap = (bytes) => new Buffer(bytes.buffer, bytes.byteOffset, bytes.byteLength);
exports.encodingOf = encodingOf;
exports.exports = { Buffer, kMaxLength: 2 ** 31 - 1, constants: { MAX_LENGTH: 2 ** 31 - 1 }, SlowBuffer: Buffer, atob: globalThis.atob, btoa: globalThis.btoa, get Blob() { return globalThis.Blob; } };
