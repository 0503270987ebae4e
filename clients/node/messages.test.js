// What is sent to people: the mail provider, the templates of mails, and the tickets that they hold.

import { test } from "node:test";
import { assert, holds, management, person, refused } from "./support.js";

const { provider } = management.emails;
const { emailTemplates, tickets } = management;

test("mail goes out by one provider, whose secrets stay in", async () => {
  const missing = [404, "There is not a configured email provider", "inexistent_email_provider"];
  await refused(provider.get(), ...missing);
  const smtp = { smtp_host: "mail.example.com", smtp_port: 587, smtp_user: "post", smtp_pass: "mail-secret" };
  await provider.create({ name: "smtp", default_from_address: "me@example.com", credentials: smtp });
  assert.deepEqual(await provider.get(), { name: "smtp", enabled: true });
  const shown = await provider.get({ fields: "name,enabled,default_from_address,credentials", include_fields: true });
  const { smtp_pass: secret, ...visible } = smtp;
  holds(shown, { default_from_address: "me@example.com", credentials: visible });
  assert.equal(JSON.stringify(shown).includes(secret), false);
  await refused(provider.create({ name: "smtp", credentials: smtp }), 409, "Email provider is already configured.");

  await provider.update({ name: "sendgrid", credentials: { api_key: "key" }, enabled: false });
  assert.deepEqual(await provider.get(), { name: "sendgrid", enabled: false });
  await refused(provider.update({ name: "pigeon" }), 400, /name/, "invalid_body");
  await provider.delete();
  await refused(provider.get(), ...missing);
});

test("a mail's template is made once, changed in part, and replaced", async () => {
  const fields = {
    template: "reset_email",
    body: "<html>{{ url }}</html>",
    from: "me@example.com",
    subject: "A new password",
    syntax: "liquid",
    urlLifetimeInSeconds: 3600,
    includeEmailInRedirect: false,
    enabled: true,
  };
  await refused(emailTemplates.get("reset_email"), 404, "The template does not exist.");
  holds(await emailTemplates.create(fields), fields);
  await refused(emailTemplates.create(fields), 409, "Template reset_email already exists.");
  await emailTemplates.update("reset_email", { subject: "Your password" });
  holds(await emailTemplates.get("reset_email"), { ...fields, subject: "Your password" });

  const { urlLifetimeInSeconds: _, ...shorter } = fields;
  await emailTemplates.set("reset_email", { ...shorter, enabled: false });
  const replaced = await emailTemplates.get("reset_email");
  holds(replaced, { ...shorter, enabled: false });
  assert.equal(replaced.urlLifetimeInSeconds, undefined);
  await refused(emailTemplates.get("love_letter"), 400, /love_letter|templateName/, "invalid_uri");
});

test("tickets verify an address and set a password", async () => {
  const user = await person();
  const address = await tickets.verifyEmail({ user_id: user.user_id, result_url: "https://example.com/done", ttl_sec: 60 });
  const password = await tickets.changePassword({ user_id: user.user_id, mark_email_as_verified: true, includeEmailInRedirect: true });
  const byAddress = await tickets.changePassword({
    connection_id: (await management.connections.list({ name: "Username-Password-Authentication" })).data[0].id,
    email: user.email,
  });
  const urls = [address, password, byAddress].map(({ ticket }) => new URL(ticket));
  assert.ok(urls.every((url) => url.searchParams.get("ticket").length >= 32));
  assert.equal(new Set(urls.map(String)).size, 3);
});

test("a ticket needs somebody to give it to", async () => {
  await refused(tickets.verifyEmail({ user_id: "auth0|nobody" }), 404, "User not found.");
  await refused(tickets.changePassword({ user_id: "auth0|nobody" }), 404, "User not found.");
  const { user_id } = await person();
  await refused(tickets.changePassword({ user_id, client_id: "nothing" }), 400, "The client does not exist");
  await refused(tickets.changePassword({ user_id, new_password: "secret" }), 400, /new_password/, "invalid_body");
  await refused(tickets.verifyEmail({ user_id, ttl_sec: -1 }), 400, /ttl_sec/, "invalid_body");
});
