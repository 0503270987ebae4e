// Requests and answers of the Fetch standard, with bodies that are whole from the beginning.
'use strict';

const { view } = require('embedded/encoding');

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

class Headers {
  #entries = [];

  constructor(init) {
    if (init instanceof Headers || Array.isArray(init) || typeof init?.[Symbol.iterator] === 'function') for (const [name, value] of init) this.append(name, value);
    else for (const name of Object.keys(init ?? {})) this.append(name, init[name]);
  }

  append(name, value) { this.#entries.push([headerName(name), headerValue(value)]); }
  delete(name) {
    const wanted = headerName(name);
    this.#entries = this.#entries.filter(([known]) => known !== wanted);
  }
  get(name) {
    const wanted = headerName(name);
    const values = this.#entries.filter(([known]) => known === wanted).map(([, value]) => value);
    return values.length ? values.join(', ') : null;
  }
  getSetCookie() { return this.#entries.filter(([name]) => name === 'set-cookie').map(([, value]) => value); }
  has(name) { return this.get(name) !== null; }
  set(name, value) {
    this.delete(name);
    this.append(name, value);
  }
  *entries() {
    for (const name of [...new Set(this.#entries.map(([known]) => known))].sort()) {
      if (name === 'set-cookie') for (const value of this.getSetCookie()) yield [name, value];
      else yield [name, this.get(name)];
    }
  }
  *keys() { for (const [name] of this.entries()) yield name; }
  *values() { for (const [, value] of this.entries()) yield value; }
  forEach(callback, self) { for (const [name, value] of this.entries()) callback.call(self, value, name, this); }
  [Symbol.iterator]() { return this.entries(); }
}

function headerName(name) {
  const text = String(name).toLowerCase();
  if (!TOKEN.test(text)) throw new TypeError(`Headers.append: ${name} is an invalid header name.`);
  return text;
}

function headerValue(value) {
  const text = String(value).trim();
  if (/[\0\r\n]/.test(text)) throw new TypeError(`Headers.append: ${JSON.stringify(text)} is an invalid header value.`);
  return text;
}

class Blob {
  #bytes;

  constructor(parts = [], { type = '' } = {}) {
    const pieces = parts.map((part) => (part instanceof Blob ? part.#bytes : typeof part === 'string' ? native.utf8Encode(part.toWellFormed()) : view(part)));
    this.#bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
    pieces.reduce((at, piece) => (this.#bytes.set(piece, at), at + piece.length), 0);
    this.type = String(type).toLowerCase();
  }
  get size() { return this.#bytes.length; }
  async arrayBuffer() { return this.#bytes.slice().buffer; }
  async bytes() { return this.#bytes.slice(); }
  async text() { return native.utf8Decode(this.#bytes.toBase64()); }
  slice(start, end, type) { return new Blob([this.#bytes.slice(start, end)], { type }); }
  static bytesOf(blob) { return blob.#bytes; }
}

class FormData {
  #entries = [];
  append(name, value) { this.#entries.push([String(name), value instanceof Blob ? value : String(value)]); }
  delete(name) { this.#entries = this.#entries.filter(([known]) => known !== name); }
  get(name) { return this.#entries.find(([known]) => known === name)?.[1] ?? null; }
  getAll(name) { return this.#entries.filter(([known]) => known === name).map(([, value]) => value); }
  has(name) { return this.#entries.some(([known]) => known === name); }
  set(name, value) {
    this.delete(name);
    this.append(name, value);
  }
  *entries() { yield* this.#entries; }
  [Symbol.iterator]() { return this.entries(); }
}

// The bytes of a body and the type that it implies.
function extract(body) {
  if (body === null || body === undefined) return [null];
  if (body instanceof URLSearchParams) return [native.utf8Encode(body.toString()), 'application/x-www-form-urlencoded;charset=UTF-8'];
  if (body instanceof Blob) return [Blob.bytesOf(body), body.type || undefined];
  if (body instanceof FormData) return multipart(body);
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) return [view(body).slice()];
  return [native.utf8Encode(String(body).toWellFormed()), 'text/plain;charset=UTF-8'];
}

function multipart(form) {
  const boundary = `----form${native.random(12).toHex()}`;
  const parts = [];
  for (const [name, value] of form) {
    const quoted = name.replaceAll('"', '%22').replace(/\r?\n/g, '%0D%0A');
    const file = value instanceof Blob ? `; filename="blob"\r\nContent-Type: ${value.type || 'application/octet-stream'}` : '';
    parts.push(`--${boundary}\r\nContent-Disposition: form-data; name="${quoted}"${file}\r\n\r\n`, value, '\r\n');
  }
  return [Blob.bytesOf(new Blob([...parts, `--${boundary}--\r\n`])), `multipart/form-data; boundary=${boundary}`];
}

class Body {
  #bytes;
  bodyUsed = false;

  constructor(bytes) { this.#bytes = bytes; }
  #take() {
    if (this.bodyUsed) throw new TypeError('Body is unusable: Body has already been read');
    if (this.#bytes !== null) this.bodyUsed = true;
    return this.#bytes ?? new Uint8Array();
  }
  get body() {
    if (this.#bytes === null) return null;
    const take = () => this.#take();
    return { async* [Symbol.asyncIterator]() { yield take(); }, get locked() { return false; } };
  }
  async arrayBuffer() { return this.#take().slice().buffer; }
  async bytes() { return this.#take().slice(); }
  async blob() { return new Blob([this.#take()], { type: this.headers.get('content-type') ?? '' }); }
  async text() { return native.utf8Decode(this.#take().toBase64()).replace(/^\ufeff/, ''); }
  async json() { return JSON.parse(await this.text()); }
  async formData() {
    const form = new FormData();
    for (const [name, value] of new URLSearchParams(await this.text())) form.append(name, value);
    return form;
  }
  static bytesOf(message) { return message.#bytes; }
}

class Request extends Body {
  constructor(input, init = {}) {
    const from = input instanceof Request ? input : undefined;
    const method = String(init.method ?? from?.method ?? 'GET');
    const usual = method.toUpperCase();
    const given = init.body ?? (from && Body.bytesOf(from));
    if (given !== undefined && given !== null && ['GET', 'HEAD'].includes(usual)) throw new TypeError('Request with GET/HEAD method cannot have body.');
    const [bytes, type] = extract(given);
    super(bytes);
    this.method = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'].includes(usual) ? usual : method;
    try {
      this.url = new URL(from?.url ?? input).href;
    } catch (cause) {
      throw Object.assign(new TypeError(`Failed to parse URL from ${input}`), { cause });
    }
    this.headers = new Headers(init.headers ?? from?.headers);
    if (type && !this.headers.has('content-type')) this.headers.set('content-type', type);
    this.signal = init.signal ?? from?.signal ?? new AbortController().signal;
    this.redirect = init.redirect ?? from?.redirect ?? 'follow';
  }
  clone() { return new Request(this); }
}

class Response extends Body {
  type = 'default';

  constructor(body = null, { status = 200, statusText = '', headers } = {}) {
    if (!Number.isInteger(status) || status < 200 || status > 599) throw new RangeError('init["status"] must be in the range of 200 to 599, inclusive.');
    const [bytes, type] = extract(body);
    super(bytes);
    this.headers = new Headers(headers);
    if (type && !this.headers.has('content-type')) this.headers.set('content-type', type);
    for (const [name, value] of Object.entries({ status, statusText: String(statusText), ok: status < 300, url: '', redirected: false })) {
      Object.defineProperty(this, name, { value, configurable: true, enumerable: true });
    }
  }
  static json(value, init = {}) {
    const headers = new Headers(init.headers);
    if (!headers.has('content-type')) headers.set('content-type', 'application/json');
    return new Response(JSON.stringify(value), { ...init, headers });
  }
  static error() { return Object.defineProperty(new Response(), 'type', { value: 'error' }); }
  static redirect(url, status = 302) { return new Response(null, { status, headers: { location: new URL(url).href } }); }
  clone() { return new Response(Body.bytesOf(this), this); }
}

exports.exports = { Headers, Request, Response, Blob, FormData };
