// Node's assert.
'use strict';

const { inspect, isDeepStrictEqual } = require('embedded/util').exports;

class AssertionError extends Error {
  constructor({ message, actual, expected, operator }) {
    super(message);
    Object.assign(this, { name: 'AssertionError', code: 'ERR_ASSERTION', actual, expected, operator });
  }
}

const claim = (holds, message, actual, expected, operator) => {
  if (holds) return;
  if (message instanceof Error) throw message;
  throw new AssertionError({ message: message ?? `${inspect(actual)} ${operator} ${inspect(expected)}`, actual, expected, operator });
};

const loosely = (one, other) => JSON.stringify(one) === JSON.stringify(other);

function thrownBy(action) {
  try {
    action();
  } catch (error) {
    return { error };
  }
  return undefined;
}

const ok = (value, message) => claim(value, message, value, true, '==');
const assert = Object.assign(ok.bind(null), {
  ok,
  AssertionError,
  equal: (one, other, message) => claim(one == other || (Number.isNaN(one) && Number.isNaN(other)), message, one, other, '=='),
  notEqual: (one, other, message) => claim(one != other, message, one, other, '!='),
  strictEqual: (one, other, message) => claim(Object.is(one, other), message, one, other, 'strictEqual'),
  notStrictEqual: (one, other, message) => claim(!Object.is(one, other), message, one, other, 'notStrictEqual'),
  deepEqual: (one, other, message) => claim(isDeepStrictEqual(one, other) || loosely(one, other), message, one, other, 'deepEqual'),
  deepStrictEqual: (one, other, message) => claim(isDeepStrictEqual(one, other), message, one, other, 'deepStrictEqual'),
  notDeepStrictEqual: (one, other, message) => claim(!isDeepStrictEqual(one, other), message, one, other, 'notDeepStrictEqual'),
  match: (text, pattern, message) => claim(pattern.test(text), message, text, pattern, 'match'),
  fail: (message = 'Failed') => claim(false, message),
  throws: (action, expected, message) => claim(thrownBy(action), message ?? 'Missing expected exception.', undefined, expected, 'throws'),
  doesNotThrow: (action, message) => claim(!thrownBy(action), message ?? 'Got unwanted exception.', undefined, undefined, 'doesNotThrow'),
  async rejects(promise, expected, message) {
    const failed = await Promise.resolve(typeof promise === 'function' ? promise() : promise).then(() => false, () => true);
    claim(failed, message ?? 'Missing expected rejection.', undefined, expected, 'rejects');
  },
});
assert.strict = assert;

exports.exports = assert;
