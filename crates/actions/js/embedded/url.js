// URLs of the WHATWG standard, parsed by the server's own library.
'use strict';

const PARTS = ['protocol', 'username', 'password', 'host', 'hostname', 'port', 'pathname', 'search', 'hash'];

// What the two classes tell each other, unseen from outside.
const RESET = Symbol('reset');

class URL {
  #parts;
  #query;

  constructor(address, base) {
    const parts = native.url(String(address).toWellFormed(), base === undefined ? undefined : String(base).toWellFormed());
    if (!parts) throw Object.assign(new TypeError('Invalid URL'), { code: 'ERR_INVALID_URL', input: String(address) });
    this.#parts = JSON.parse(parts);
  }

  static canParse(address, base) { return Boolean(native.url(String(address), base === undefined ? undefined : String(base))); }
  static parse(address, base) { return URL.canParse(address, base) ? new URL(address, base) : null; }

  get href() { return this.#parts.href; }
  set href(value) {
    this.#parts = JSON.parse(native.url(String(value)) ?? invalid());
    this.#query?.[RESET](this.search);
  }
  get origin() { return this.#parts.origin; }
  get searchParams() {
    this.#query ??= new URLSearchParams(this.search, (text) => this.#set('search', text));
    return this.#query;
  }
  toString() { return this.href; }
  toJSON() { return this.href; }
  get [Symbol.toStringTag]() { return 'URL'; }

  #set(part, value) { this.#parts = JSON.parse(native.urlSet(this.href, part, String(value).toWellFormed())); }

  static {
    for (const part of PARTS) {
      Object.defineProperty(URL.prototype, part, {
        configurable: true,
        enumerable: true,
        get() { return this.#parts[part]; },
        set(value) {
          this.#set(part, value);
          if (part === 'search') this.#query?.[RESET](this.search);
        },
      });
    }
  }
}

const invalid = () => { throw Object.assign(new TypeError('Invalid URL'), { code: 'ERR_INVALID_URL' }); };

class URLSearchParams {
  #pairs = [];
  #changed;

  constructor(init = '', changed = undefined) {
    this.#changed = typeof changed === 'function' ? changed : undefined;
    if (typeof init === 'string') this[RESET](init);
    else if (init?.[Symbol.iterator]) for (const [name, value] of init) this.#pairs.push([String(name), String(value)]);
    else for (const name of Object.keys(init ?? {})) this.#pairs.push([name, String(init[name])]);
  }

  [RESET](text) {
    this.#pairs = text.replace(/^\?/, '').split('&').filter(Boolean).map((pair) => {
      const at = pair.indexOf('=');
      return (at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)]).map(decode);
    });
  }

  #update(pairs) {
    this.#pairs = pairs;
    const text = this.toString();
    this.#changed?.(text && `?${text}`);
  }

  get size() { return this.#pairs.length; }
  append(name, value) { this.#update([...this.#pairs, [String(name), String(value)]]); }
  delete(name, value) { this.#update(this.#pairs.filter(([key, held]) => key !== name || (value !== undefined && held !== String(value)))); }
  get(name) { return this.#pairs.find(([key]) => key === name)?.[1] ?? null; }
  getAll(name) { return this.#pairs.filter(([key]) => key === name).map(([, value]) => value); }
  has(name, value) { return this.#pairs.some(([key, held]) => key === name && (value === undefined || held === String(value))); }
  set(name, value) {
    const first = this.#pairs.findIndex(([key]) => key === String(name));
    if (first < 0) return this.append(name, value);
    this.#update(this.#pairs.flatMap((pair, index) => (index === first ? [[pair[0], String(value)]] : pair[0] === String(name) ? [] : [pair])));
    return undefined;
  }
  sort() { this.#update(this.#pairs.toSorted(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0))); }
  forEach(callback, self) { for (const [name, value] of this.#pairs) callback.call(self, value, name, this); }
  *entries() { yield* this.#pairs.map((pair) => [...pair]); }
  *keys() { for (const [name] of this.#pairs) yield name; }
  *values() { for (const [, value] of this.#pairs) yield value; }
  [Symbol.iterator]() { return this.entries(); }
  toString() { return this.#pairs.map((pair) => pair.map(encode).join('=')).join('&'); }
  get [Symbol.toStringTag]() { return 'URLSearchParams'; }
}

const encode = (text) => encodeURIComponent(text.toWellFormed()).replace(/%20/g, '+').replace(/[!'()~]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
const decode = (text) => {
  const spaced = text.replaceAll('+', ' ');
  if (!spaced.includes('%')) return spaced;
  const bytes = native.utf8Encode(spaced.toWellFormed());
  const plain = [];
  for (let at = 0; at < bytes.length; at += 1) {
    const hex = bytes[at] === 37 ? String.fromCharCode(bytes[at + 1], bytes[at + 2]) : '';
    if (/^[0-9a-f]{2}$/i.test(hex)) {
      plain.push(parseInt(hex, 16));
      at += 2;
    } else plain.push(bytes[at]);
  }
  return native.utf8Decode(Uint8Array.from(plain).toBase64());
};

exports.exports = {
  URL,
  URLSearchParams,
  domainToASCII: (name) => URL.parse(`http://${name}`)?.hostname ?? '',
  fileURLToPath: (address) => decodeURIComponent(new URL(address).pathname),
  pathToFileURL: (path) => new URL(`file://${encodeURI(path)}`),
  format: (value) => (typeof value === 'string' || value instanceof URL ? String(value) : legacyFormat(value)),
  resolve: (from, to) => {
    const base = new URL(from, 'resolve://');
    const { href, protocol, pathname, search, hash } = new URL(to, base);
    return protocol === 'resolve:' ? pathname + search + hash : href;
  },
  // The form of old Node programs: a plain object of parts.
  parse(address, parseQuery = false) {
    const url = URL.parse(address) ?? URL.parse(address, 'relative://');
    const isRelative = !url || url.protocol === 'relative:';
    const query = url?.search.slice(1) || null;
    return {
      protocol: isRelative ? null : url.protocol, slashes: isRelative ? null : true, auth: url?.username ? [url.username, url.password].filter(Boolean).join(':') : null,
      host: isRelative ? null : url.host, port: url?.port || null, hostname: isRelative ? null : url.hostname, hash: url?.hash || null, search: url?.search || null,
      query: parseQuery ? require('embedded/querystring').exports.parse(query ?? '') : query, pathname: url?.pathname ?? null,
      path: url ? url.pathname + url.search : null, href: isRelative ? address : url.href,
    };
  },
};

function legacyFormat({ protocol = '', auth, host, hostname = '', port, pathname = '', search, query, hash = '' }) {
  const text = search ?? (query && Object.keys(query).length ? `?${new URLSearchParams(query)}` : '');
  const authority = host ?? (port ? `${hostname}:${port}` : hostname);
  const scheme = protocol && !protocol.endsWith(':') ? `${protocol}:` : protocol;
  return `${scheme}${authority ? '//' : ''}${auth ? `${auth}@` : ''}${authority}${pathname}${text && !text.startsWith('?') ? '?' : ''}${text}${hash}`;
}
