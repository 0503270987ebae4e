// `api` of pre-user-registration and password-reset-post-challenge.
'use strict';

const { check, text } = require('api/check');
const { userMetadata } = require('api/common');
const { challenges, render } = require('api/post-login');
const { redirect } = require('api/redirect');

exports.preUserRegistration = (api, run) => Object.assign(api, {
  access: {
    deny(reason, userMessage) {
      run.command('access.deny', reason ?? null, userMessage ?? null);
      return api;
    },
  },
  validation: {
    error(code, message) {
      check('Failed to add validation error: ', { errorCode: [code, text(0, 100)], errorMessage: [message, text(0, 100)] });
      run.command('validation.error', code, message);
      return api;
    },
  },
  user: {
    ...userMetadata(api, run),
    setUserId(id) {
      check('Invalid setUserId arguments: ', { userId: [id, text(1, 255, { pattern: /^[a-zA-Z0-9@._+-]{1,255}$/ })] });
      run.command('user.setUserId', id);
      return api;
    },
  },
});

exports.passwordResetPostChallenge = (api, run) => {
  const { encodeToken, sendUserTo, validateToken } = redirect(api, run);
  Object.assign(api, {
    access: { deny: (reason) => run.command('access.deny', reason ?? null) },
    authentication: challenges(run),
    prompt: { render: render(run) },
    redirect: { encodeToken, sendUserTo: (...parameters) => void sendUserTo(...parameters), validateToken },
    transaction: {
      setResultUrl(address, { query = {} } = {}) {
        const url = new URL(address);
        for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
        run.command('transaction.setResultUrl', url.href);
      },
    },
  });
};
