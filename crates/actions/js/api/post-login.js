// `api` of post-login.
'use strict';

const { check, optional, size, text } = require('api/check');
const { customClaim, scopes, targetScopes, transactionMetadata, userMetadata } = require('api/common');
const { redirect } = require('api/redirect');
const { samlResponse } = require('api/saml');
const { refreshToken, session } = require('api/session');

const FACTORS = ['otp', 'email', 'phone', 'push', 'push-notification', 'webauthn-platform', 'webauthn-roaming', 'recovery-code'];
const factor = (types) => ({
  type: 'object',
  properties: {
    type: { type: 'string', values: types },
    options: {
      type: 'object',
      optional: true,
      properties: {
        preferredMethod: optional({ type: 'string', values: ['sms', 'voice', 'both'] }),
        otpFallback: optional({ type: 'boolean' }),
      },
    },
  },
});

exports.postLogin = (api, run, handler) => {
  const { event, facts } = run.message;
  Object.assign(api, {
    access: {
      deny(reason) {
        run.command('access.deny', reason ?? null);
        return api;
      },
    },
    accessToken: { setCustomClaim: customClaim(api, run, 'accessToken'), ...scopes(run, 'accessToken') },
    idToken: { setCustomClaim: customClaim(api, run, 'idToken') },
    authentication: {
      ...challenges(run),
      ...enrolments(run),
      recordMethod(url) {
        if (handler !== 'onContinuePostLogin') throw new Error('recordMethod can only be used in onContinuePostLogin.');
        const { protocol, href } = new URL(url);
        if (!['http:', 'https:'].includes(protocol)) throw new Error('The provided method must be an http or https URL.');
        run.command('authentication.recordMethod', typeof url === 'string' ? url : href);
        return api;
      },
      setPrimaryUser(id) {
        if (typeof id !== 'string' || !id) throw new Error('The provided primary_user_id must be a non-empty string');
        if (id.length > 128) throw new Error('The provided primary_user_id exceeds the maximum length.');
        if (run.hasPrimaryUser || facts.has_primary_user) throw new Error('The primary user can only be altered once per transaction');
        run.hasPrimaryUser = true;
        run.command('authentication.setPrimaryUser', id);
      },
    },
    multifactor: {
      enable(provider, options = {}) {
        check('', {
          provider: [provider, { type: 'string', values: ['any', 'none', 'guardian', 'google-authenticator', 'duo'] }],
          options: [options, { type: 'object', properties: { allowRememberBrowser: optional({ type: 'boolean' }), providerOptions: optional({ type: 'object' }) } }],
        });
        run.command('multifactor.enable', provider, options);
        return api;
      },
    },
    prompt: { render: render(run) },
    redirect: redirect(api, run),
    user: userMetadata(api, run),
    session: session(run),
    refreshToken: refreshToken(run),
    validation: {
      error(code, message) {
        check('Failed to add validation error: ', { errorCode: [code, text(0, 100)], errorMessage: [message, text(0, 100)] });
        run.command('validation.error', code, message);
        return api;
      },
    },
    rules: { wasExecuted: (id) => (facts.executed_rules ?? []).includes(id) },
    transaction: { setMetadata: transactionMetadata(run), ...targetScopes(run, () => event.transaction?.requested_scopes) },
    groups: groups(run),
    roles: roles(run),
  });
  // The largest part, and the one that fewest use, is made when it is.
  let saml;
  Object.defineProperty(api, 'samlResponse', { enumerable: true, get: () => (saml ??= samlResponse(api, run)) });
};

const challenges = exports.challenges = (run, types = FACTORS) => ({
  challengeWith(wanted, options = {}) {
    check('', { factor: [wanted, factor(types)], options: [options, additional(types)] });
    run.command('authentication.challengeWith', wanted, options);
  },
  challengeWithAny(wanted) {
    check('', { factors: [wanted, { type: 'array', min: 1, items: factor(types) }] });
    run.command('authentication.challengeWithAny', wanted);
  },
});

function enrolments(run) {
  const types = FACTORS.filter((type) => type !== 'email');
  return {
    enrollWith(wanted, options = {}) {
      check('', { factor: [wanted, factor(types)], options: [options, additional(types)] });
      run.command('authentication.enrollWith', wanted, options);
    },
    enrollWithAny(wanted) {
      check('', { factors: [wanted, { type: 'array', min: 1, items: factor(types) }] });
      run.command('authentication.enrollWithAny', wanted);
    },
  };
}

const additional = (types) => ({ type: 'object', properties: { additionalFactors: optional({ type: 'array', items: factor(types) }) } });

const FIELD = /^[a-zA-Z_][a-zA-Z0-9_]{0,49}$/;

const render = exports.render = (run) => (form, options = {}) => {
  if (run.hasRendered) throw new Error('Only 1 render command per action is allowed.');
  if (run.hasRedirected) throw new Error('Redirect and render commands cannot be used in the same action.');
  check('', {
    promptId: [form, text(1, 48)],
    promptOptions: [options, { type: 'object', properties: { fields: optional({ type: 'object', max: 24, keys: FIELD }), vars: optional({ type: 'object', max: 24 }) } }],
  });
  if (size(options) > 24576) throw new Error('The total size of the prompt options exceeds the limit of 24576 bytes.');
  run.hasRendered = true;
  run.command('prompt.render', form, options);
};

const isCount = (value) => Number.isInteger(value) && value > 0;

function page({ take, from } = {}, most = Infinity) {
  if (take !== undefined && !isCount(take)) throw new Error('The "take" parameter must be a positive integer if provided.');
  if (take > most) throw new Error(`The "take" parameter must not be larger than ${most}.`);
  if (from !== undefined && (typeof from !== 'string' || !from)) throw new Error('The "from" parameter must be a non-empty string if provided.');
  return { take, from };
}

function list(name, values, most) {
  const isList = Array.isArray(values) && values.length > 0 && values.every((value) => typeof value === 'string' && value);
  if (!isList) throw new Error(`The "${name}" parameter must be a non-empty array of strings.`);
  if (values.length > most) throw new Error(`The "${name}" parameter must not have more than ${most} entries.`);
  return values;
}

const groups = (run) => ({
  getUserGroups: (options) => run.ask('groups.getUserGroups', page(options)),
  hasGroupMembership: (ids) => run.ask('groups.hasGroupMembership', list('groupIds', ids, 100)),
});

const roles = (run) => ({
  getUserEffectiveRoles: (options) => run.ask('roles.getUserEffectiveRoles', page(options, 100)),
  getUserEffectiveRolesByIds: (ids) => run.ask('roles.getUserEffectiveRolesByIds', list('roleIds', ids, 100)),
  getUserEffectiveRolesByNames: (names) => run.ask('roles.getUserEffectiveRolesByNames', list('roleNames', names, 50)),
});
