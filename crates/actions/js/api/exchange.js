// `api` of credentials-exchange and custom-token-exchange.
'use strict';

const { check, isObject, optional, text } = require('api/check');
const { customClaim, targetScopes, userMetadata } = require('api/common');

exports.credentialsExchange = (api, run) => Object.assign(api, {
  access: {
    deny(code, reason) {
      check('Invalid deny arguments: ', {
        code: [code, { type: 'string', values: ['invalid_scope', 'invalid_request', 'server_error'] }],
        reason: [reason, optional({ type: 'string' })],
      });
      run.command('access.deny', code, reason ?? null);
      return api;
    },
  },
  accessToken: { setCustomClaim: customClaim(api, run, 'accessToken') },
  transaction: targetScopes(run, (event) => event.accessToken?.scope),
});

const ATTRIBUTES = {
  type: 'object',
  max: 24,
  properties: {
    user_id: text(1, 255),
    name: optional(text(0, 300)),
    nickname: optional(text(0, 300)),
    given_name: optional(text(0, 150)),
    family_name: optional(text(0, 150)),
    username: optional(text(1, 128)),
    email: optional({ type: 'string' }),
    email_verified: optional({ type: 'boolean' }),
    phone_number: optional({ type: 'string' }),
    phone_verified: optional({ type: 'boolean' }),
    picture: optional({ type: 'string' }),
    verify_email: optional({ type: 'boolean' }),
  },
};

exports.customTokenExchange = (api, run) => Object.assign(api, {
  access: {
    deny(code, reason) {
      check('Invalid deny arguments: ', { code: [code, text(1, 1024)], reason: [reason, text(1, 4096)] });
      run.command('access.deny', code, reason);
      return api;
    },
    rejectInvalidSubjectToken(reason) {
      check('Invalid rejectInvalidSubjectToken arguments: ', { reason: [reason, text(1, 4096)] });
      run.command('access.rejectInvalidSubjectToken', reason);
      return api;
    },
  },
  authentication: {
    setUserById(id) {
      check('Invalid setUserById arguments: ', { user_id: [id, text(1, 512)] });
      run.command('authentication.setUserById', id);
      return api;
    },
    setUserByConnection(connection, attributes, options = {}) {
      check('Invalid setUserByConnection arguments: ', {
        connection: [connection, text(1, 512)],
        userAttributes: [attributes, ATTRIBUTES],
        options: [options, {
          type: 'object',
          properties: {
            creationBehavior: optional({ type: 'string', values: ['create_if_not_exists', 'none'] }),
            updateBehavior: optional({ type: 'string', values: ['replace', 'none'] }),
          },
        }],
      });
      const { creationBehavior = 'none', updateBehavior = 'none' } = options;
      run.command('authentication.setUserByConnection', connection, attributes, { creationBehavior, updateBehavior });
      return api;
    },
    setOrganization(organization) {
      check('Invalid setOrganization arguments: ', { organization: [organization, text(1, 50)] });
      run.command('authentication.setOrganization', organization);
      return api;
    },
    setActor(actor) {
      checkActor(actor);
      run.command('authentication.setActor', actor);
      return api;
    },
  },
  user: userMetadata(api, run),
});

const ACTOR_LEVELS = 5;

function checkActor(actor) {
  for (let level = 1; actor !== undefined; level += 1, actor = actor.act) {
    if (level > ACTOR_LEVELS) throw new Error(`Actor nesting must not exceed ${ACTOR_LEVELS} levels.`);
    const prototype = isObject(actor) && Object.getPrototypeOf(actor);
    if (prototype !== null && prototype !== Object.prototype) throw new Error('The actor must be a plain object.');
    if (typeof actor.sub !== 'string' || !actor.sub) throw new Error('The actor object must contain a sub claim.');
    if (actor.sub.length > 512) throw new Error('The sub claim of the actor must not exceed 512 characters.');
    const custom = Object.entries(actor).filter(([key]) => key !== 'sub' && key !== 'act');
    if (custom.length > 5) throw new Error('The actor must not have more than 5 custom properties per level.');
    for (const [key, value] of custom) {
      if (key.length > 64) throw new Error('The name of a property of the actor must not exceed 64 characters.');
      if (!['string', 'number', 'boolean'].includes(typeof value)) throw new Error('The properties of the actor must be strings, numbers or booleans.');
      if (typeof value === 'string' && value.length > 64) throw new Error('The properties of the actor must not exceed 64 characters.');
    }
  }
}
