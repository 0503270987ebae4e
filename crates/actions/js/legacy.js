// Rules, hooks and scripts of custom databases: functions that answer by a callback.
'use strict';

const { packages } = require('packages');

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

const DATABASE_ERRORS = {
  // The first argument is the user's identifier, empty where there is no such user.
  WrongUsernameOrPasswordError: class extends errorClass('WrongUsernameOrPasswordError') {
    constructor(user_id, message) {
      super(message);
      this.user_id = typeof user_id === 'string' || typeof user_id === 'number' ? String(user_id) : '';
    }
  },
  ValidationError: class extends errorClass('ValidationError') {
    constructor(code, message) {
      super(message ?? code);
      this.code = String(code ?? '');
    }
  },
  UnauthorizedError: errorClass('UnauthorizedError'),
};

// One function expression, with what is around it.
function evaluate(program, code, errors, more = {}) {
  const calls = { run: undefined };
  const real = program.require();
  const old = packages((...question) => calls.run.ask(...question));
  const required = (name) => {
    // `require('lodash@4.17.10')` names a version that the installation may or may not have.
    const bare = String(name).replace(/(?<=.)@[^/@]+$/, '');
    return old(bare) ?? real(bare);
  };
  const around = { configuration: Object.freeze({ ...program.configuration }), require: required, ...more, ...errors };
  const compiled = program.host.compile(`return (${code}\n)`, Object.keys(around), program.filename, program.packages);
  return { called: compiled(...Object.values(around)), calls };
}

exports.rule = (program) => {
  const globals = { auth0: undefined };
  const auth0 = new Proxy({}, { get: (_, name) => globals.auth0?.[name] });
  const { called: rule, calls } = evaluate(program, program.code, RULE_ERRORS, { auth0 });
  if (typeof rule !== 'function') throw new TypeError('A rule must be a function (user, context, callback).');
  return { rule, calls, globals };
};

exports.database = (program) => {
  // A semicolon after the function is none of the expression's.
  const { called: script, calls } = evaluate(program, program.code.replace(/[;\s]+$/, ''), DATABASE_ERRORS);
  if (typeof script !== 'function') throw new TypeError('A database script must be a function whose last argument is a callback.');
  return { script, calls };
};

// An asynchronous function may answer by what it returns, too.
exports.callDatabase = ({ script, calls }, run) => answered((callback) => {
  calls.run = run;
  const returned = script(...run.message.event, callback);
  const isPromise = typeof returned?.then === 'function';
  return isPromise ? returned.then((value) => value === undefined || callback(null, value)) : undefined;
});

exports.callRule = ({ rule, calls, globals }, run) => {
  const [user, context] = run.message.event;
  calls.run = run;
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
