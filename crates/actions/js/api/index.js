// Which handlers each trigger knows, and what its `api` holds.
'use strict';

const { postLogin } = require('api/post-login');
const { preUserRegistration, passwordResetPostChallenge } = require('api/registration');
const { credentialsExchange, customTokenExchange } = require('api/exchange');
const { messageDelivery } = require('api/messages');
const { passwordHashMigration } = require('api/passwords');

const TRIGGERS = {
  'post-login': [['onExecutePostLogin', 'onContinuePostLogin'], postLogin],
  'credentials-exchange': [['onExecuteCredentialsExchange'], credentialsExchange],
  'pre-user-registration': [['onExecutePreUserRegistration', 'onContinuePreUserRegistration'], preUserRegistration],
  'post-user-registration': [['onExecutePostUserRegistration']],
  'post-change-password': [['onExecutePostChangePassword']],
  'send-phone-message': [['onExecuteSendPhoneMessage']],
  'password-reset-post-challenge': [['onExecutePostChallenge', 'onContinuePostChallenge'], passwordResetPostChallenge],
  'custom-phone-provider': [['onExecuteCustomPhoneProvider'], messageDelivery],
  'custom-email-provider': [['onExecuteCustomEmailProvider'], messageDelivery],
  'custom-token-exchange': [['onExecuteCustomTokenExchange'], customTokenExchange],
  'event-stream': [['onExecuteEventStream']],
  'password-hash-migration': [['onExecutePasswordHashMigration'], passwordHashMigration],
};

exports.HANDLERS = Object.fromEntries(Object.entries(TRIGGERS).map(([trigger, [handlers]]) => [trigger, handlers]));

exports.apiFor = (trigger, handler, run) => {
  const api = { cache: run.cache.api() };
  TRIGGERS[trigger]?.[1]?.(api, run, handler);
  return api;
};
