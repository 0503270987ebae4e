// Node's crypto, as far as the server's library reaches through the worker.
'use strict';

const { Buffer } = require('embedded/buffer').exports;
const { encodingOf, wrap } = require('embedded/buffer');
const { view } = require('embedded/encoding');

const bytes = (data, encoding) => {
  if (typeof data === 'string') return encodingOf(encoding ?? 'utf8').write(data);
  if (data instanceof KeyObject) return data.bytes;
  return view(data);
};
const base64 = (data, encoding) => new Uint8Array(bytes(data, encoding)).toBase64();
const encoded = (data, encoding) => (encoding && encoding !== 'buffer' ? wrap(data).toString(encoding) : wrap(data));
const fail = (message, code) => { throw Object.assign(new Error(message), { code }); };

// `RSA-SHA256`, `sha-256` and `SHA256` name one digest.
const digestName = (name) => String(name).toLowerCase().replace(/^rsa-/, '').replace(/^sha-(?=\d)/, 'sha');

class Summing {
  #parts = [];
  #finish;
  constructor(finish) { this.#finish = finish; }
  update(data, encoding) {
    this.#parts.push(Uint8Array.from(bytes(data, encoding)));
    return this;
  }
  digest(encoding) { return encoded(this.#finish(Buffer.concat(this.#parts).toString('base64')), encoding); }
}

const createHash = (name) => new Summing((data) => native.hash(digestName(name), data) ?? fail('Digest method not supported', 'ERR_CRYPTO_INVALID_DIGEST'));
const createHmac = (name, key) => new Summing((data) => native.hmac(digestName(name), base64(key), data) ?? fail(`Invalid digest: ${name}`, 'ERR_CRYPTO_INVALID_DIGEST'));

class KeyObject {
  constructor(type, held) {
    this.type = type;
    Object.defineProperty(this, type === 'secret' ? 'bytes' : 'pem', { value: held });
  }
  get symmetricKeySize() { return this.bytes?.length; }
  get asymmetricKeyType() { return this.pem && (native.keyType(this.pem) ?? undefined); }
  get asymmetricKeyDetails() { return this.pem && { modulusLength: native.keyBits(this.pem) ?? undefined }; }
  export({ format } = {}) { return this.type === 'secret' ? (format === 'jwk' ? { kty: 'oct', k: wrap(this.bytes).toString('base64url') } : wrap(this.bytes)) : this.pem; }
  equals(other) { return this.type === other.type && (this.pem ?? wrap(this.bytes).toString('hex')) === (other.pem ?? wrap(other.bytes).toString('hex')); }
}

const pemOf = (key) => {
  const held = key?.key ?? key;
  if (held instanceof KeyObject) return held.pem;
  const text = typeof held === 'string' ? held : wrap(view(held)).toString();
  if (!text.includes('-----BEGIN')) fail('error:1E08010C:DECODER routines::unsupported', 'ERR_OSSL_UNSUPPORTED');
  return text;
};
const createSecretKey = (key, encoding) => new KeyObject('secret', Uint8Array.from(bytes(key, encoding)));
const asymmetric = (type) => (key) => {
  const pem = pemOf(key);
  if (!native.keyType(pem)) fail('error:1E08010C:DECODER routines::unsupported', 'ERR_OSSL_UNSUPPORTED');
  if (type === 'private' && !pem.includes('PRIVATE KEY')) fail('error:1E08010C:DECODER routines::unsupported', 'ERR_OSSL_UNSUPPORTED');
  return new KeyObject(type, pem);
};

const RSA_PKCS1_PSS_PADDING = 6;
const scheme = (name, key) => {
  const isPss = key?.padding === RSA_PKCS1_PSS_PADDING;
  return `${digestName(name)}${isPss ? '-pss' : ''}${key?.dsaEncoding === 'ieee-p1363' ? '-p1363' : ''}`;
};

class Sign {
  #parts = [];
  constructor(name) { this.name = name; }
  update(data, encoding) {
    this.#parts.push(Uint8Array.from(bytes(data, encoding)));
    return this;
  }
  write(data, encoding) { this.update(data, encoding); }
  end(data, encoding) { if (data !== undefined) this.update(data, encoding); }
  get data() { return Buffer.concat(this.#parts); }
  sign(key, encoding) { return encoded(sign(this.name, this.data, key), encoding); }
}

class Verify extends Sign {
  verify(key, signature, encoding) { return verify(this.name, this.data, key, typeof signature === 'string' ? Buffer.from(signature, encoding) : signature); }
}

const sign = (name, data, key) => wrap(native.sign(scheme(name, key), pemOf(key), base64(data)) ?? fail('The key cannot sign in this way.', 'ERR_CRYPTO_SIGN_KEY_REQUIRED'));
const verify = (name, data, key, signature) => native.verify(scheme(name, key), pemOf(key), base64(data), base64(signature));

function timingSafeEqual(one, other) {
  const [left, right] = [view(one), view(other)];
  if (left.length !== right.length) throw Object.assign(new RangeError('Input buffers must have the same byte length'), { code: 'ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH' });
  return native.isEqual(left.toBase64(), right.toBase64());
}

const randomBytes = (size, callback) => {
  const made = wrap(native.random(size));
  if (!callback) return made;
  queueMicrotask(() => callback(null, made));
  return undefined;
};

function randomInt(low, high, callback) {
  const [least, limit] = typeof high === 'number' ? [low, high] : [0, low];
  const range = limit - least;
  const most = 2 ** 48 - (2 ** 48 % range);
  let drawn;
  do drawn = randomBytes(6).readUIntBE(0, 6); while (drawn >= most);
  const value = least + (drawn % range);
  const answer = typeof high === 'function' ? high : callback;
  return answer ? queueMicrotask(() => answer(null, value)) : value;
}

const randomUUID = () => {
  const drawn = randomBytes(16);
  drawn[6] = (drawn[6] & 0x0f) | 0x40;
  drawn[8] = (drawn[8] & 0x3f) | 0x80;
  return drawn.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
};

const getRandomValues = (array) => {
  view(array).set(native.random(array.byteLength));
  return array;
};

const pbkdf2Sync = (password, salt, iterations, length, digest) =>
  wrap(native.pbkdf2(digestName(digest), base64(password), base64(salt), iterations, length) ?? fail(`Invalid digest: ${digest}`, 'ERR_CRYPTO_INVALID_DIGEST'));

exports.bytes = bytes;
exports.exports = {
  createHash, createHmac, createSecretKey, createPublicKey: asymmetric('public'), createPrivateKey: asymmetric('private'), KeyObject,
  createSign: (name) => new Sign(name), createVerify: (name) => new Verify(name), sign, verify, timingSafeEqual, randomBytes, randomInt, randomUUID, getRandomValues,
  randomFillSync: getRandomValues, pbkdf2Sync,
  pbkdf2: (...parameters) => {
    const callback = parameters.pop();
    queueMicrotask(() => {
      let made;
      try {
        made = pbkdf2Sync(...parameters);
      } catch (error) {
        callback(error);
        return;
      }
      callback(null, made);
    });
  },
  hash: (name, data, encoding = 'hex') => createHash(name).update(data).digest(encoding),
  getHashes: () => ['md5', 'sha1', 'sha256', 'sha384', 'sha512'],
  constants: { RSA_PKCS1_PADDING: 1, RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_DIGEST: -1, RSA_PSS_SALTLEN_AUTO: -2 },
  get webcrypto() { return require('embedded/webcrypto').exports; },
  get subtle() { return require('embedded/webcrypto').exports.subtle; },
};
