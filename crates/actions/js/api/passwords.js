// `api` of password-hash-migration.
'use strict';

exports.passwordHashMigration = (api, run) => Object.assign(api, {
  access: {
    deny(reason) {
      run.command('access.deny', reason ?? null);
      return api;
    },
  },
  password: {
    accept() {
      run.command('password.accept');
      return api;
    },
  },
});
