// Organizations: members, connections, roles, invitations, discovery domains, client grants.

import { test } from "node:test";
import {
  api, assert, database, everything, machine, management, person, refused, unique,
} from "./support.js";

const organization = (fields = {}) => management.organizations.create({ name: unique("org"), ...fields });

test("an organization is made, read by id and by name, changed and deleted", async () => {
  const made = await organization({
    display_name: "Acme",
    branding: { colors: { primary: "#112233", page_background: "#ffffff" } },
    metadata: { tier: "gold" },
  });
  assert.match(made.id, /^org_[0-9A-Za-z]{16}$/);
  assert.equal(made.display_name, "Acme");
  assert.deepEqual(made.metadata, { tier: "gold" });
  assert.deepEqual(await management.organizations.get(made.id), await management.organizations.getByName(made.name));

  const changed = await management.organizations.update(made.id, { display_name: "Acme Ltd" });
  assert.equal(changed.display_name, "Acme Ltd");
  assert.deepEqual(changed.branding, made.branding);

  await management.organizations.delete(made.id);
  await refused(management.organizations.get(made.id), 404, "No organization found by that id or name");
  await refused(management.organizations.delete(made.id), 404, "No organization found by that id or name");
});

test("an organization name is taken once, and has a form", async () => {
  const { name } = await organization();
  await refused(
    organization({ name }),
    409,
    "An organization with this name already exists.",
    "organization_conflict",
  );
  await refused(organization({ name: "Not A Slug!" }), 400, /on property name/, "invalid_body");
});

test("organizations are walked page by page", async () => {
  const made = [await organization(), await organization(), await organization()];
  const walked = (await everything(management.organizations.list({ take: 2 }))).map((found) => found.id);
  assert.equal(new Set(walked).size, walked.length);
  assert.ok(made.every((found) => walked.includes(found.id)));
});

test("members come, hold roles, and go", async () => {
  const { id } = await organization();
  const [ada, bob] = [await person({ name: "Ada" }), await person({ name: "Bob" })];
  await management.organizations.members.create(id, { members: [ada.user_id, bob.user_id] });
  const members = await everything(management.organizations.members.list(id));
  assert.deepEqual(members.map((member) => member.user_id).sort(), [ada.user_id, bob.user_id].sort());
  assert.equal(members.find((member) => member.user_id === ada.user_id).email, ada.email);

  const role = await management.roles.create({ name: unique("role"), description: "Owners" });
  await management.organizations.members.roles.assign(id, ada.user_id, { roles: [role.id] });
  const held = await everything(management.organizations.members.roles.list(id, ada.user_id));
  assert.deepEqual(held.map((item) => item.id), [role.id]);
  const withRoles = await everything(
    management.organizations.members.list(id, { fields: "user_id,roles", include_fields: true }),
  );
  assert.deepEqual(withRoles.find((member) => member.user_id === ada.user_id).roles, [{ id: role.id, name: role.name }]);
  assert.deepEqual(await everything(management.users.roles.list(ada.user_id)), [], "roles here are not roles everywhere");

  await management.organizations.members.roles.delete(id, ada.user_id, { roles: [role.id] });
  assert.deepEqual(await everything(management.organizations.members.roles.list(id, ada.user_id)), []);
  await management.organizations.members.delete(id, { members: [ada.user_id] });
  const left = await everything(management.organizations.members.list(id));
  assert.deepEqual(left.map((member) => member.user_id), [bob.user_id]);
});

test("connections are enabled for an organization with its own settings", async () => {
  const { id } = await organization();
  const connection = await database();
  const enabled = await management.organizations.enabledConnections.add(id, {
    connection_id: connection.id,
    assign_membership_on_login: true,
  });
  assert.equal(enabled.connection_id, connection.id);
  assert.equal(enabled.assign_membership_on_login, true);
  assert.deepEqual({ ...enabled.connection }, { name: connection.name, strategy: "auth0" });
  await refused(
    management.organizations.enabledConnections.add(id, { connection_id: connection.id }),
    409,
    "The organization connection already exists.",
  );

  const changed = await management.organizations.enabledConnections.update(id, connection.id, {
    assign_membership_on_login: false,
  });
  assert.equal(changed.assign_membership_on_login, false);
  const listed = await everything(management.organizations.enabledConnections.list(id));
  assert.deepEqual(listed.map((item) => item.connection_id), [connection.id]);
  await management.organizations.enabledConnections.delete(id, connection.id);
  await refused(management.organizations.enabledConnections.get(id, connection.id), 404, "No connection found by that id");
});

test("somebody is invited, and the invitation withdrawn", async () => {
  const { id } = await organization();
  const client = await management.clients.create({
    name: unique("app"),
    app_type: "regular_web",
    initiate_login_uri: "https://app.example.com/login",
    organization_usage: "allow",
  });
  const invitation = await management.organizations.invitations.create(id, {
    client_id: client.client_id,
    inviter: { name: "Ada" },
    invitee: { email: "guest@example.com" },
    send_invitation_email: false,
    ttl_sec: 3600,
  });
  assert.match(invitation.id, /^uinv_/);
  assert.equal(invitation.invitee.email, "guest@example.com");
  assert.equal(invitation.organization_id, id);
  assert.ok(invitation.invitation_url.startsWith("https://app.example.com/login?"));
  assert.ok(invitation.invitation_url.includes(`organization=${id}`));
  assert.equal(new Date(invitation.expires_at) - new Date(invitation.created_at), 3_600_000);

  const listed = await everything(management.organizations.invitations.list(id));
  assert.deepEqual(listed.map((item) => item.id), [invitation.id]);
  assert.equal((await management.organizations.invitations.get(id, invitation.id)).inviter.name, "Ada");
  await management.organizations.invitations.delete(id, invitation.id);
  await refused(
    management.organizations.invitations.get(id, invitation.id),
    404,
    "The invitation does not exist.",
    "inexistent_invitation",
  );
});

test("an invitation needs a way to sign in", async () => {
  const { id } = await organization();
  const client = await management.clients.create({ name: unique("app"), organization_usage: "allow" });
  await refused(
    management.organizations.invitations.create(id, {
      client_id: client.client_id,
      inviter: { name: "Ada" },
      invitee: { email: "guest@example.com" },
    }),
    400,
    /^A default login route is required to generate the invitation url\./,
  );
});

test("an organization is discovered by its domains", async () => {
  const { id } = await organization();
  const domain = `${unique("acme")}.example.com`;
  const pending = await management.organizations.discoveryDomains.create(id, { domain });
  assert.equal(pending.domain, domain);
  assert.equal(pending.status, "pending");
  assert.ok(pending.verification_txt && pending.verification_host.includes(domain));
  await refused(
    management.organizations.discoveryDomains.create(id, { domain }),
    409,
    "An organization discovery domain with this domain is already registered to this organization.",
  );
  const verified = await management.organizations.discoveryDomains.update(id, pending.id, { status: "verified" });
  assert.equal(verified.status, "verified");
  const byName = await management.organizations.discoveryDomains.getByName(id, domain);
  assert.equal(byName.id, pending.id);
  assert.equal((await everything(management.organizations.discoveryDomains.list(id))).length, 1);
  await management.organizations.discoveryDomains.delete(id, pending.id);
  await refused(
    management.organizations.discoveryDomains.get(id, pending.id),
    404,
    "No organization domain found by that id",
  );
});

test("machines act for an organization by client grants", async () => {
  const { id } = await organization();
  const server = await api(["read:things"]);
  const client = await machine();
  const grant = await management.clientGrants.create({
    client_id: client.client_id,
    audience: server.identifier,
    scope: ["read:things"],
    organization_usage: "allow",
  });
  const added = await management.organizations.clientGrants.create(id, { grant_id: grant.id });
  assert.equal(added.id, grant.id);
  assert.deepEqual(added.scope, ["read:things"]);
  await refused(
    management.organizations.clientGrants.create(id, { grant_id: grant.id }),
    409,
    "The client grant has already been added to this organization.",
  );
  assert.equal((await everything(management.organizations.clientGrants.list(id))).length, 1);
  const served = await everything(management.clientGrants.organizations.list(grant.id));
  assert.deepEqual(served.map((item) => item.id), [id]);
  await management.organizations.clientGrants.delete(id, grant.id);
  assert.deepEqual(await everything(management.organizations.clientGrants.list(id)), []);
});

test("connections of a new organization can be given with it", async () => {
  const connection = await database();
  const made = await organization({ enabled_connections: [{ connection_id: connection.id, assign_membership_on_login: true }] });
  assert.equal(made.enabled_connections[0].connection_id, connection.id);
  await management.connections.delete(connection.id);
  assert.deepEqual(await everything(management.organizations.enabledConnections.list(made.id)), []);
});

test("connections of an organization say how members come in", async () => {
  const { id } = await organization();
  const connection = await database();
  const { connections } = management.organizations;
  await connections.create(id, { connection_id: connection.id, assign_membership_on_login: true });
  await connections.update(id, connection.id, { show_as_button: false, assign_membership_on_login: false });
  const read = await connections.get(id, connection.id);
  assert.deepEqual([read.connection_id, read.show_as_button, read.assign_membership_on_login], [connection.id, false, false]);
  assert.deepEqual((await everything(connections.list(id))).map(({ connection_id }) => connection_id), [connection.id]);
  await connections.delete(id, connection.id);
  await refused(connections.get(id, connection.id), 404, "No connection found by that id");
});

test("clients of an organization are joined, changed and parted", async () => {
  const { id } = await organization();
  const [one, two] = [await machine({ organization_usage: "allow" }), await machine({ organization_usage: "allow" })];
  const { clients } = management.organizations;
  await clients.create(id, { clients: [{ client_id: one.client_id }, { client_id: two.client_id }] });
  await clients.update(id, one.client_id, { use_for_member_access: true });
  assert.equal((await clients.get(id, one.client_id)).use_for_member_access, true);
  const joined = async () => (await everything(clients.list(id, { take: 1 }))).map(({ client_id }) => client_id);
  assert.deepEqual((await joined()).sort(), [one.client_id, two.client_id].sort());
  await clients.delete(id, { clients: [one.client_id] });
  assert.deepEqual(await joined(), [two.client_id]);
  await refused(clients.get(id, one.client_id), 404, "No client found by that id");
});
