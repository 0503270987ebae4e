// Rules and hooks: functions that answer by a callback.
'use strict';

const errorClass = (name, assign = () => ({})) => class extends Error {
  constructor(message, ...more) {
    super(message);
    Object.defineProperty(this, 'name', { value: name, configurable: true, writable: true });
    Object.assign(this, assign(...more));
  }
};

const RULE_ERRORS = { UnauthorizedError: errorClass('UnauthorizedError'), ValidationError: errorClass('ValidationError') };
const HOOK_ERRORS = {
  InvalidScopeError: errorClass('InvalidScopeError'),
  InvalidRequestError: errorClass('InvalidRequestError'),
  ServerError: errorClass('ServerError'),
  PreUserRegistrationError: errorClass('PreUserRegistrationError', (friendly_message) => ({ friendly_message })),
};

// A rule is one function expression.
exports.rule = (program) => {
  const { code, filename, packages, configuration, host } = program;
  const globals = { auth0: undefined };
  const names = ['configuration', 'require', 'auth0', ...Object.keys(RULE_ERRORS)];
  const require = program.require();
  // `require('lodash@4.17.10')` names a version that the installation may or may not have.
  const versioned = (name) => require(String(name).replace(/(?<=.)@[^/@]+$/, ''));
  const auth0 = new Proxy({}, { get: (_, name) => globals.auth0?.[name] });
  const compiled = host.compile(`return (${code}\n)`, names, filename, packages);
  const rule = compiled(Object.freeze({ ...configuration }), versioned, auth0, ...Object.values(RULE_ERRORS));
  if (typeof rule !== 'function') throw new TypeError('A rule must be a function (user, context, callback).');
  return { rule, globals };
};

exports.callRule = ({ rule, globals }, run) => {
  const [user, context] = run.message.event;
  globals.auth0 = run.message.facts.globals && {
    ...run.message.facts.globals,
    users: {
      updateAppMetadata: (id, metadata) => run.ask('users.updateAppMetadata', id, metadata),
      updateUserMetadata: (id, metadata) => run.ask('users.updateUserMetadata', id, metadata),
    },
  };
  return answered((callback) => rule(user, context, callback));
};

exports.callHook = (hook, run) => {
  if (typeof hook !== 'function') throw new TypeError('A hook must be a function: module.exports = function (…, callback).');
  const parameters = run.message.event;
  const context = parameters.findLast?.((parameter) => parameter !== null && typeof parameter === 'object') ?? parameters.at(-1);
  if (context && typeof context === 'object') context.webtask = { ...context.webtask, secrets: { ...run.program.secrets } };
  Object.assign(globalThis, HOOK_ERRORS);
  return answered((callback) => hook(...parameters, callback));
};

// What the callback got after the error. An async function may also fail by its promise.
function answered(start) {
  return new Promise((resolve, reject) => {
    const callback = (error, ...results) => (error ? reject(error) : resolve(results));
    Promise.resolve(start(callback)).catch(reject);
  });
}
