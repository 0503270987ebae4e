// `api.samlResponse`: what a SAML answer says about the user, and how.
'use strict';

const { check, optional, size, text } = require('api/check');

const flag = { type: 'boolean' };
const SETTINGS = {
  Audience: text(0, 2048),
  Recipient: text(0, 2048),
  Destination: text(0, 2048),
  CreateUpnClaim: flag,
  PassthroughClaimsWithNoMapping: flag,
  MapUnknownClaimsAsIs: flag,
  MapIdentities: flag,
  SignatureAlgorithm: text(0, 64, { values: ['rsa-sha256', 'rsa-sha1'] }),
  DigestAlgorithm: text(0, 64, { values: ['sha256', 'sha1'] }),
  LifetimeInSeconds: { type: 'number' },
  SignResponse: flag,
  NameIdentifierFormat: text(0, 512),
  NameIdentifierProbes: { type: 'array', max: 10, items: text(0, 512) },
  AuthnContextClassRef: text(0, 512),
  SigningCert: text(0, 4096),
  EncryptionCert: text(0, 4096),
  EncryptionPublicKey: text(0, 4096),
  Cert: text(0, 4096),
  Key: text(0, 4096),
  IncludeAttributeNameFormat: flag,
  TypedAttributes: flag,
  RelayState: text(0, 512),
  Issuer: text(0, 512),
  EncryptionAlgorithm: text(0, 64, { values: ['aes256-gcm', 'aes256-cbc'] }),
};

const scalar = { type: ['string', 'number', 'boolean'], max: 2048, nullable: true };

exports.samlResponse = (api, run) => {
  const attributes = {};
  const response = {
    setAttribute(attribute, value) {
      check('', {
        attribute: [attribute, text(1, 1024)],
        value: [value, Array.isArray(value) ? { type: 'array', items: scalar } : scalar],
      });
      attributes[attribute] = value;
      if (size(attributes) > 102400) throw new Error('The total size of the attributes exceeds the limit of 102400 bytes.');
      run.command('samlResponse.setAttribute', attribute, value);
      return api;
    },
  };
  for (const [setting, schema] of Object.entries(SETTINGS)) {
    const name = setting[0].toLowerCase() + setting.slice(1);
    response[`set${setting}`] = (value) => {
      check('', { [name]: [value, optional(schema)] });
      run.command(`samlResponse.set${setting}`, value ?? null);
      return api;
    };
  }
  return response;
};
