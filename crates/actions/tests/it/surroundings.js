const util = require('util');

// Says `ok`, or what came instead of what should have.
const same = (name, found, expected) => {
  const isSame = util.isDeepStrictEqual(found, expected);
  console.log(isSame ? 'ok' : `${name}: ${util.inspect(found)} instead of ${util.inspect(expected)}`);
};
const thrown = (action) => {
  try {
    action();
  } catch (error) {
    return `${error.name} ${error.code ?? ''}`.trim();
  }
  return 'nothing';
};

const PRIVATE = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2
OF/2NxApJCzGCEDdfSp6VQO30hyhRANCAAQRWz+jn65BtOMvdyHKcvjBeBSDZH2r
1RTwjmYSi9R/zpBnuQ4EiMnCqfMPWiZqB4QdbAd0E7oH50VpuZ1P087G
-----END PRIVATE KEY-----`;
const PUBLIC = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEVs/o5+uQbTjL3chynL4wXgUg2R9
q9UU8I5mEovUf86QZ7kOBIjJwqnzD1omageEHWwHdBO6B+dFabmdT9POxg==
-----END PUBLIC KEY-----`;

const HMAC = '78da91511e675587f5b9df78bedebaf5560da2abb88162ee875dcdf744951d9e';

exports.onExecutePostLogin = async () => {
  same('base64', Buffer.from('héllo').toString('base64'), 'aMOpbGxv');
  same('base64url', Buffer.from('_-8', 'base64url').toString('base64url'), '_-8');
  same('hex', Buffer.from('68656c6c6fzz', 'hex').toString(), 'hello');
  same('latin1', Buffer.from('é', 'latin1').length, 1);
  same('utf16', Buffer.from('hé', 'utf16le').toString('utf16le'), 'hé');
  same('concat', Buffer.concat([Buffer.from('a'), Buffer.from('b')]).toString(), 'ab');
  same('numbers', (() => {
    const buffer = Buffer.alloc(16);
    buffer.writeInt32BE(-5, 0);
    buffer.writeUInt16LE(513, 4);
    buffer.writeDoubleLE(1.5, 8);
    return [buffer.readInt32BE(0), buffer.readUint16LE(4), buffer.readDoubleLE(8), buffer.readUIntBE(0, 3)];
  })(), [-5, 513, 1.5, 16777215]);
  same('out of range', thrown(() => Buffer.alloc(1).readInt32BE(0)).startsWith('RangeError'), true);
  same('search', [Buffer.from('abc').indexOf('c'), Buffer.from('abc').includes('d'), Buffer.compare(Buffer.from('a'), Buffer.from('b'))], [2, false, -1]);
  same('fill', Buffer.alloc(5, 'ab').toString(), 'ababa');
  same('isBuffer', [Buffer.isBuffer(Buffer.from([1]).subarray(0)), Buffer.from('x') instanceof Uint8Array, Buffer.from('x').equals(Buffer.from('x'))], [true, true, true]);
  same('JSON of bytes', JSON.stringify(Buffer.from([1, 2])), '{"type":"Buffer","data":[1,2]}');
  same('atob', [atob('aGk='), btoa('hi')], ['hi', 'aGk=']);

  const url = new URL('../a?x=1&y=%20z#h', 'https://u:p@example.com:8080/b/c/');
  url.searchParams.append('k', 'v w');
  url.port = '443';
  same('URL', [url.href, url.host, url.origin, url.searchParams.get('y')], ['https://u:p@example.com/b/a?x=1&y=+z&k=v+w#h', 'example.com', 'https://example.com', ' z']);
  url.search = '?q=1';
  same('URL and its parameters', [...url.searchParams], [['q', '1']]);
  same('bad URL', thrown(() => new URL('nope')), 'TypeError ERR_INVALID_URL');
  same('canParse', [URL.canParse('https://x'), URL.canParse('x')], [true, false]);
  same('URLSearchParams', [new URLSearchParams({ a: 1, b: 'x y&z' }).toString(), [...new URLSearchParams('a=%C3%BC&a=2').getAll('a')]], ['a=1&b=x+y%26z', ['ü', '2']]);

  same('TextEncoder', [...new TextEncoder().encode('ü€')], [0xc3, 0xbc, 0xe2, 0x82, 0xac]);
  same('TextDecoder', new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 0xc3, 0xbc, 0xff])), 'ü\ufffd');
  same('fatal', thrown(() => new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array([0xff]))), 'TypeError ERR_ENCODING_INVALID_ENCODED_DATA');
  const clone = structuredClone({ date: new Date(0), map: new Map([[1, { z: [1] }]]) });
  same('structuredClone', clone, { date: new Date(0), map: new Map([[1, { z: [1] }]]) });
  same('no clone', thrown(() => structuredClone(() => {})).split(' ')[0], 'DataCloneError');

  const crypto = require('crypto');
  same('hash', crypto.createHash('sha256').update('a').update('b').digest('hex'), 'fb8e20fc2e4c3f248c60c39bd652f3c1347298bb977b8b4d5903b85055620603');
  same('md5', crypto.createHash('md5').update('x').digest('hex'), '9dd4e461268c8034f5c8564e155c67a6');
  same('hmac', crypto.createHmac('sha256', 'k').update('a').digest('hex'), HMAC);
  same('unknown digest', thrown(() => crypto.createHash('nope').update('').digest()).startsWith('Error'), true);
  same('random', [crypto.randomBytes(8).length, /^[0-9a-f]{8}-[0-9a-f]{4}-4/.test(crypto.randomUUID()), crypto.randomInt(5) < 5], [8, true, true]);
  same('timingSafeEqual', crypto.timingSafeEqual(Buffer.from('a'), Buffer.from('a')), true);
  same('pbkdf2', crypto.pbkdf2Sync('p', 's', 10, 16, 'sha256').toString('hex'), '1d6f1f7051b420b93e23f010e486cfea');
  const signature = crypto.createSign('SHA256').update('data').sign(PRIVATE);
  same('sign and verify', [crypto.createVerify('SHA256').update('data').verify(PUBLIC, signature), crypto.createVerify('SHA256').update('other').verify(PUBLIC, signature)], [true, false]);
  same('sign at once', crypto.verify('sha256', Buffer.from('x'), PUBLIC, crypto.sign('sha256', Buffer.from('x'), PRIVATE)), true);
  same('keys', crypto.createPrivateKey(PRIVATE).asymmetricKeyType, 'ec');

  const digest = await globalThis.crypto.subtle.digest('SHA-256', new TextEncoder().encode('ab'));
  same('subtle.digest', Buffer.from(digest).toString('hex'), 'fb8e20fc2e4c3f248c60c39bd652f3c1347298bb977b8b4d5903b85055620603');
  const key = await globalThis.crypto.subtle.importKey('raw', Buffer.from('k'), { name: 'HMAC', hash: 'SHA-256' }, true, ['sign', 'verify']);
  const tag = await globalThis.crypto.subtle.sign('HMAC', key, Buffer.from('a'));
  same('subtle HMAC', [Buffer.from(tag).toString('hex'), await globalThis.crypto.subtle.verify('HMAC', key, tag, Buffer.from('a'))], [crypto.createHmac('sha256', 'k').update('a').digest('hex'), true]);
  same('getRandomValues', globalThis.crypto.getRandomValues(new Uint8Array(4)).length, 4);

  same('inspect', util.inspect({ a: [1, { b: { c: {} } }], s: "it's", f() {}, u: undefined, n: null, b: 10n, d: new Date(0), e: new Set('a') }),
    "{\n  a: [ 1, { b: [Object] } ],\n  s: \"it's\",\n  f: [Function: f],\n  u: undefined,\n  n: null,\n  b: 10n,\n  d: 1970-01-01T00:00:00.000Z,\n  e: Set(1) { 'a' }\n}");
  same('format', util.format('%s %d %j %%', 'a', 1.5, { x: 1 }, 'more'), 'a 1.5 {"x":1} % more');
  same('promisify', await util.promisify((value, callback) => callback(null, value + 1))(1), 2);
  same('inherits', (() => {
    function Child() {}
    util.inherits(Child, Array);
    return new Child() instanceof Array;
  })(), true);

  const path = require('path');
  same('path', [path.join('a', '../b', 'c.js'), path.resolve('/a', 'b'), path.basename('/x/y.js', '.js'), path.extname('a.b.c'), path.relative('/a/b', '/a/c/d'), path.dirname('/a/b')], ['b/c.js', '/a/b', 'y', '.c', '../c/d', '/a']);
  const querystring = require('querystring');
  same('querystring', [querystring.stringify({ a: [1, 2], b: 'x y' }), { ...querystring.parse('a=1&a=2&b=x+y') }], ['a=1&a=2&b=x%20y', { a: ['1', '2'], b: 'x y' }]);
  same('url', require('url').parse('https://u@example.com:8080/a?b=1#c').pathname, '/a');
  const assert = require('assert');
  same('assert', [thrown(() => assert.strictEqual(1, 2)), thrown(() => assert.deepStrictEqual({ a: [1] }, { a: [1] }))], ['AssertionError ERR_ASSERTION', 'nothing']);

  const EventEmitter = require('events');
  const heard = [];
  class Bell extends EventEmitter {}
  const bell = new Bell().once('x', (value) => heard.push(value));
  bell.emit('x', 1);
  bell.emit('x', 2);
  same('events', [heard, bell.listenerCount('x'), thrown(() => bell.emit('error', new RangeError('e')))], [[1], 0, 'RangeError']);

  const started = Date.now();
  await new Promise((resolve) => setTimeout(resolve, 5));
  same('timers', Date.now() - started >= 4, true);
  const order = [];
  await new Promise((resolve) => {
    setTimeout(() => resolve(order.push('timeout')), 2);
    process.nextTick(() => order.push('tick'));
    queueMicrotask(() => order.push('microtask'));
    const never = setInterval(() => order.push('never'), 1);
    clearInterval(never);
  });
  same('order', [order.length, order.at(-1)], [3, 'timeout']);

  const headers = new Headers({ A: '1' });
  headers.append('a', '2');
  same('Headers', [...headers], [['a', '1, 2']]);
  same('Response', [await new Response('{"a":1}').json(), Response.json({}).headers.get('content-type'), new Response(null, { status: 404 }).ok], [{ a: 1 }, 'application/json', false]);
  same('Request', [new Request('https://example.com', { method: 'post', body: 'x' }).method, thrown(() => new Request('https://example.com', { body: 'x' }))], ['POST', 'TypeError']);
  const controller = new AbortController();
  controller.abort();
  same('abort', await fetch('https://api.example/', { signal: controller.signal }).catch((error) => error.name), 'AbortError');

  same('Intl', [new Intl.NumberFormat('en-US').format(1234567.891), new Intl.NumberFormat('en-US', { style: 'currency', currency: 'USD' }).format(5), Intl.DateTimeFormat().resolvedOptions().timeZone], ['1,234,567.891', '$5.00', 'UTC']);
  same('process', [Object.keys(process.env), typeof process.version, typeof process.hrtime.bigint()], [[], 'string', 'bigint']);
  same('language', [[1, 2, 3].at(-1), { ...{ a: 1 } }, 'aXbX'.replaceAll('X', '-'), [1, [2, [3]]].flat(Infinity), 2 ** 10, null ?? 'x', Object.fromEntries([['a', 1]])], [3, { a: 1 }, 'a-b-', [1, 2, 3], 1024, 'x', { a: 1 }]);
};
