// The Web Crypto interface: digests, HMAC, RSA and elliptic-curve signatures.
'use strict';

const node = require('embedded/crypto').exports;
const { Buffer } = require('embedded/buffer').exports;

const nameOf = (algorithm) => (typeof algorithm === 'string' ? algorithm : algorithm.name);
const hashOf = (algorithm) => nameOf(algorithm.hash ?? algorithm);
const buffer = (bytes) => Uint8Array.from(bytes).buffer;
const unsupported = (what) => { throw new DOMException(`${what} is not supported here.`, 'NotSupportedError'); };

class CryptoKey {
  constructor(type, algorithm, extractable, usages, held) {
    Object.assign(this, { type, algorithm, extractable, usages });
    Object.defineProperty(this, 'held', { value: held });
  }
}

const pem = (label, data) => `-----BEGIN ${label}-----\n${Buffer.from(data).toString('base64').replace(/.{64}/g, '$&\n')}\n-----END ${label}-----\n`;

// How Node's own functions call a key's algorithm.
const options = ({ algorithm, held }) => ({
  key: held,
  padding: algorithm.name === 'RSA-PSS' ? node.constants.RSA_PKCS1_PSS_PADDING : undefined,
  dsaEncoding: algorithm.name === 'ECDSA' ? 'ieee-p1363' : undefined,
});

const subtle = {
  async digest(algorithm, data) { return buffer(node.createHash(nameOf(algorithm)).update(data).digest()); },
  async importKey(format, data, algorithm, extractable, usages) {
    const known = typeof algorithm === 'string' ? { name: algorithm } : algorithm;
    if (known.name === 'HMAC' || known.name === 'PBKDF2') {
      const bytes = format === 'jwk' ? Buffer.from(data.k, 'base64url') : Buffer.from(data);
      return new CryptoKey('secret', known, extractable, usages, node.createSecretKey(bytes));
    }
    if (format === 'spki') return new CryptoKey('public', known, extractable, usages, node.createPublicKey(pem('PUBLIC KEY', data)));
    if (format === 'pkcs8') return new CryptoKey('private', known, extractable, usages, node.createPrivateKey(pem('PRIVATE KEY', data)));
    return unsupported(`The key format ${format} for ${known.name}`);
  },
  async exportKey(format, key) {
    if (!key.extractable) throw new DOMException('The key is not extractable.', 'InvalidAccessError');
    if (format !== 'raw' || key.type !== 'secret') unsupported(`The key format ${format}`);
    return buffer(key.held.export());
  },
  async generateKey(algorithm, extractable, usages) {
    if (algorithm.name !== 'HMAC') unsupported(`Making keys of ${algorithm.name}`);
    return subtle.importKey('raw', node.randomBytes((algorithm.length ?? 512) / 8), algorithm, extractable, usages);
  },
  async sign(algorithm, key, data) {
    if (key.algorithm.name === 'HMAC') return buffer(node.createHmac(hashOf(key.algorithm), key.held).update(data).digest());
    return buffer(node.sign(hashOf({ hash: algorithm.hash ?? key.algorithm.hash }), data, options(key)));
  },
  async verify(algorithm, key, signature, data) {
    if (key.algorithm.name === 'HMAC') {
      const expected = node.createHmac(hashOf(key.algorithm), key.held).update(data).digest();
      return expected.length === signature.byteLength && node.timingSafeEqual(expected, signature);
    }
    return node.verify(hashOf({ hash: algorithm.hash ?? key.algorithm.hash }), data, options(key), signature);
  },
  async deriveBits(algorithm, key, length) {
    if (nameOf(algorithm) !== 'PBKDF2') unsupported(nameOf(algorithm));
    return buffer(node.pbkdf2Sync(key.held, algorithm.salt, algorithm.iterations, length / 8, hashOf(algorithm)));
  },
  encrypt: async () => unsupported('Encryption'),
  decrypt: async () => unsupported('Decryption'),
};

exports.exports = { subtle, getRandomValues: node.getRandomValues, randomUUID: node.randomUUID, CryptoKey };
