// `api.redirect`: sending the user away, and tokens (RFC 7519, HS256) that go along and come back.
'use strict';

const { isObject } = require('api/check');

const WITHOUT_BROWSER = new Set(['oauth2-resource-owner', 'oauth2-refresh-token', 'oauth2-password', 'oauth2-webauthn']);

exports.redirect = (api, run) => {
  const { message: { event }, host } = run;
  return {
    canRedirect: () => event.request?.query?.prompt !== 'none' && !WITHOUT_BROWSER.has(event.transaction?.protocol),
    encodeToken({ secret, payload, expiresInSeconds = 900 } = {}) {
      if (typeof secret !== 'string' || !secret) throw new Error('The secret must be a non-empty string.');
      if (!isObject(payload ?? {})) throw new Error('The payload must be an object.');
      const now = Math.floor(Date.now() / 1000);
      const own = { iat: now, iss: event.request?.hostname, sub: event.user?.user_id, exp: now + expiresInSeconds, ip: event.request?.ip };
      return sign(host, secret, { ...own, ...payload });
    },
    sendUserTo(address, { query = {} } = {}) {
      const url = new URL(address);
      for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
      run.command('redirect.sendUserTo', url.href);
      run.hasRedirected = true;
      if (run.hasRendered) throw new Error('Redirect and render commands cannot be used in the same action.');
      return api;
    },
    validateToken({ secret, tokenParameterName = 'session_token' } = {}) {
      const given = { ...event.request?.query, ...event.request?.body };
      const token = given[tokenParameterName];
      if (!token) throw new Error(`There is no parameter called '${tokenParameterName}' available in either the POST body or query string.`);
      const payload = verify(host, secret, String(token));
      const faults = [
        [payload.iss === undefined || payload.iss !== event.request?.hostname, `jwt issuer invalid. expected: ${event.request?.hostname}`],
        [payload.sub !== event.user?.user_id, `jwt subject invalid. expected: ${event.user?.user_id}`],
        [payload.state !== given.state, 'the state claim does not match'],
      ];
      for (const [holds, reason] of faults) if (holds) throw invalid(reason);
      return payload;
    },
  };
};

const invalid = (reason) => new Error(`The session token is invalid: ${reason}`);

function sign({ base64url, hmac }, secret, payload) {
  const signed = [{ alg: 'HS256', typ: 'JWT' }, payload].map((part) => base64url.encode(JSON.stringify(part))).join('.');
  return `${signed}.${hmac(secret, signed)}`;
}

function verify({ base64url, hmac }, secret, token) {
  const parts = token.split('.');
  if (parts.length !== 3) throw invalid('jwt malformed');
  let header, payload;
  try {
    [header, payload] = parts.slice(0, 2).map((part) => JSON.parse(base64url.decode(part)));
  } catch {
    throw invalid('invalid token');
  }
  if (header?.alg !== 'HS256') throw invalid('invalid algorithm');
  if (!isEqual(hmac(secret, `${parts[0]}.${parts[1]}`), parts[2])) throw invalid('invalid signature');
  const now = Math.floor(Date.now() / 1000);
  if (payload.nbf !== undefined && payload.nbf > now) throw invalid('jwt not active');
  if (payload.exp !== undefined && payload.exp <= now) throw invalid('jwt expired');
  return payload;
}

// In time that does not tell where two signatures differ.
function isEqual(one, other) {
  let difference = one.length ^ other.length;
  for (let i = 0; i < one.length; i += 1) difference |= one.charCodeAt(i) ^ other.charCodeAt(i);
  return difference === 0;
}
