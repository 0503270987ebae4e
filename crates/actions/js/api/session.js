// `api.session` and `api.refreshToken`: ending, shortening and describing what a login leaves behind.
'use strict';

const { check, isObject, optional, text } = require('api/check');

const lifetimes = (run, path, allowed) => {
  const setter = (method) => (milliseconds) => {
    allowed(method);
    if (!milliseconds) throw new Error('Either inactivity or absolute expiration time must be provided');
    const time = Number(milliseconds instanceof Date ? milliseconds.getTime() : milliseconds);
    if (!Number.isFinite(time)) throw new Error('The expiration time must be a number of milliseconds.');
    run.command(`${path}.${method}`, time);
  };
  return { setExpiresAt: setter('setExpiresAt'), setIdleExpiresAt: setter('setIdleExpiresAt') };
};

// Metadata with string values, mirrored in the event at `owner()`.
const metadata = (run, path, label, owner, allowed) => {
  const fail = (reason) => {
    throw new Error(`Failed to set ${label} metadata: ${reason}`);
  };
  const change = (method, next) => (...parameters) => {
    allowed(method);
    const target = owner(fail);
    const changed = next({ ...target?.metadata }, ...parameters);
    if (Object.keys(changed).length > 25) fail('Invalid metadata: Metadata must not contain more than 25 entries');
    if (target) target.metadata = changed;
    run.changed = true;
    run.command(`${path}.${method}`, ...parameters.map((parameter) => parameter ?? null));
  };
  const without = (stored, key) => {
    delete stored[key];
    return stored;
  };
  return {
    setMetadata: change('setMetadata', (stored, key, value) => {
      if (typeof key !== 'string' || !/^[a-zA-Z0-9_-]+$/.test(key)) {
        fail('Invalid metadata: Metadata key must contain only alphanumeric characters, underscores and hyphens');
      }
      if (key.length > 255) fail('Invalid metadata: Metadata key must not exceed 255 characters');
      if (value === null || value === undefined) return without(stored, key);
      if (typeof value !== 'string') fail('Invalid metadata: Metadata value must be a string');
      if (value.length > 255) fail('Invalid metadata: Metadata value must not exceed 255 characters');
      return { ...stored, [key]: value };
    }),
    deleteMetadata: change('deleteMetadata', without),
    evictMetadata: change('evictMetadata', () => ({})),
  };
};

exports.session = (run) => {
  const { event } = run.message;
  const existing = (fail) => event.session ?? fail('Cannot set metadata on a session that does not exist.');
  return {
    revoke(reason, { preserveRefreshTokens = false } = {}) {
      check('', { reason: [reason, optional(text(0, 1024))] });
      run.command('session.revoke', reason ?? null, { preserveRefreshTokens: Boolean(preserveRefreshTokens) });
    },
    ...lifetimes(run, 'session', () => {}),
    setCookieMode(mode) {
      if (!mode) throw new Error('Cookie mode must be provided');
      if (!['persistent', 'non-persistent'].includes(mode)) {
        throw new Error(`Invalid cookie mode: ${mode}. Valid values are 'persistent' and 'non-persistent'.`);
      }
      if (isObject(event.session)) {
        event.session.cookie = { ...event.session.cookie, mode };
        run.changed = true;
      }
      run.command('session.setCookieMode', mode);
    },
    ...metadata(run, 'session', 'session', existing, () => {}),
  };
};

exports.refreshToken = (run) => {
  const { event } = run.message;
  const allowed = (method) => {
    if (event.refresh_token?.access === 'online') throw new Error(`Cannot call ${method} on an online refresh token.`);
  };
  return {
    revoke(reason) {
      allowed('revoke');
      check('', { reason: [reason, optional(text(0, 1024))] });
      run.command('refreshToken.revoke', reason ?? null);
    },
    ...lifetimes(run, 'refreshToken', allowed),
    // Before there is a token, what is set waits for the one to be made.
    ...metadata(run, 'refreshToken', 'refresh token', () => event.refresh_token, allowed),
  };
};
