// The parts of `api` that several triggers share.
'use strict';

const { isObject, size } = require('api/check');

// `accessToken.setCustomClaim` and its like.
exports.customClaim = (api, run, token) => (key, value) => {
  if (key === 'scope') throw new Error('The "scope" claim cannot be set.');
  // A claim that is undefined is none; one that is null is null.
  run.command(`${token}.setCustomClaim`, ...(value === undefined ? [key] : [key, value]));
  return api;
};

const SCOPES = 1000;

const scope = (value) => {
  if (typeof value !== 'string') throw new TypeError('The value for the scope must be a string.');
  const trimmed = value.trim();
  if (!trimmed) throw new Error('The value for the scope is required.');
  if (trimmed.length > 280) throw new Error('The value for the scope exceeds the allowed maximum of 280 characters.');
  if (/\s/.test(trimmed)) throw new Error('The value for the scope must not have whitespace.');
  return trimmed;
};

exports.scopes = (run, path) => {
  const added = new Set();
  return {
    addScope(value) {
      added.add(scope(value));
      if (added.size > SCOPES) throw new Error(`The number of scopes exceeds the allowed maximum of ${SCOPES}.`);
      run.command(`${path}.addScope`, scope(value));
    },
    removeScope(value) {
      added.delete(scope(value));
      run.command(`${path}.removeScope`, scope(value));
    },
  };
};

// `api.user`'s two setters.
exports.userMetadata = (api, run) => {
  const setter = (field, method, fault) => (key, value) => {
    const stored = run.message.event.user?.[field];
    if (stored !== undefined && stored !== null && !isObject(stored)) throw new Error(fault);
    run.command(`user.${method}`, key, value ?? null);
    return api;
  };
  return {
    setAppMetadata: setter('app_metadata', 'setAppMetadata', 'Unexpected app_metadata format. Must be a valid JSON object'),
    setUserMetadata: setter('user_metadata', 'setUserMetadata', 'Unexpected user_metadata format. Must be a valid JSON object.'),
  };
};

// `api.transaction`'s target scopes, which `event.transaction.target_scopes` follows.
exports.targetScopes = (run, initial) => {
  const change = (method, next) => (value) => {
    if (!run.message.facts.target_scopes) throw new Error('Method not implemented.');
    const { event } = run.message;
    event.transaction ??= {};
    event.transaction.target_scopes = next(new Set(event.transaction.target_scopes ?? initial(event) ?? []), value);
    if (event.transaction.target_scopes.length > SCOPES) {
      throw new Error(`The number of scopes exceeds the allowed maximum of ${SCOPES}.`);
    }
    run.changed = true;
    run.command(`transaction.${method}`, ...(value === undefined ? [] : [value]));
  };
  return {
    addTargetScope: change('addTargetScope', (scopes, value) => [...scopes.add(scope(value))]),
    removeTargetScope: change('removeTargetScope', (scopes, value) => [...scopes].filter((kept) => kept !== scope(value))),
    setTargetScopes: change('setTargetScopes', (_, values) => [...new Set([...values].map(scope))]),
    clearTargetScopes: change('clearTargetScopes', () => []),
  };
};

// `api.transaction.setMetadata`, readable at once in the event.
exports.transactionMetadata = (run) => (key, value) => {
  const { event } = run.message;
  if (typeof key !== 'string' || !key) throw new Error('Transaction metadata key must be a non-empty string.');
  if (key.length > 64) throw new Error('Transaction metadata key must NOT have more than 64 characters.');
  const isPlain = typeof value === 'string' || typeof value === 'boolean'
    || (typeof value === 'number' && Number.isFinite(value) && Math.abs(value) <= Number.MAX_SAFE_INTEGER);
  if (value !== null && value !== undefined && !isPlain) throw new Error('Transaction metadata value must be a string, number or boolean.');
  const metadata = { ...event.transaction?.metadata };
  if (value === null || value === undefined) delete metadata[key];
  else metadata[key] = value;
  if (isPlain && size(value) > 8192) throw new Error('Transaction metadata value must NOT be larger than 8192 bytes.');
  if (size(metadata) > 16384) throw new Error('Transaction metadata must NOT be larger than 16384 bytes.');
  event.transaction ??= {};
  event.transaction.metadata = metadata;
  run.changed = true;
  run.command('transaction.setMetadata', key, value ?? null);
};
