// `api` of the providers of email and phone messages.
'use strict';

exports.messageDelivery = (api, run) => {
  const decide = (method) => (reason) => run.command(`notification.${method}`, String(reason ?? '').slice(0, 1024));
  api.notification = { drop: decide('drop'), retry: decide('retry') };
};
