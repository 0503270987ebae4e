// A tenant kept as code: brought into a fresh tenant, exported, brought into another fresh one, exported again. Both exports
// say the same, in both of the tool's forms, and bringing a tenant its own export changes nothing. The pages of these tenants look alike, too.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { dump, load } from "js-yaml";

const here = dirname(fileURLToPath(import.meta.url));
const aught = process.env.AUGHT ?? join(here, "../../target/release/aught");
const run = promisify(execFile);

/** Runs the commands one after another against one fresh tenant, whose custom domains are taken at their word; gives what each printed. */
async function inFreshTenant(...commands) {
  const script = commands.map((command) => command.map((word) => `'${word}'`).join(" ")).join(" && ");
  const env = {
    ...process.env,
    AUTH0_ALLOW_DELETE: "true",
    AUTH0_EXPORT_ORDERED: "true",
    AUTH0_API_MAX_RETRIES: "1",
    // Exports name secrets instead of showing them; whoever imports them provides them so.
    CONNECTIONS_GITHUB_SECRET: "acme-secret",
    CONNECTIONS_OIDC_SECRET: "partner-secret",
    EVENT_STREAM_WEBHOOK_BEARER_TOKEN: "hook-token",
    LOGSTREAMS_HTTP_SECRET: "archive-secret",
    MANDRILL_API_KEY: "mandrill-key",
    TWILIO_AUTH_TOKEN: "twilio-token",
  };
  try {
    return (await run(aught, ["run", "--dns", "trust", "--", "sh", "-c", script], { cwd: here, env, maxBuffer: 1 << 26 })).stdout;
  } catch (error) {
    assert.fail(`${script}\n${error.stdout}\n${error.stderr}`);
  }
}

/** What shows that a kind of resource came along; the tool itself never exports the values of rules' configuration. */
const TOLD = [
  "Where customers buy",
  "cancel:orders",
  "north.example.com",
  "Handles everything",
  "The North",
  "function greet(user, context, callback)",
  "fewer-scopes",
  "Good day, ${name}",
  "Tier of a customer",
  "Prove that it is you",
  "auth0:widget",
  "Sign in to Acme",
  "Werden Sie Kunde",
  "Customers of Acme",
  "shop@acme.example.com",
  "Welcome to {{ application.name }}",
  "Your code is {{ code }}",
  "Enrol with {{code}}",
  "all-applications",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "login.acme.example.com",
  "https://logs.acme.example.com/in",
  "https://hooks.acme.example.com/users",
  "Customers of the old shop move here",
  "looked for in the old shop",
  "Customers of partners",
  "Partners' own",
  "urn:acme:old-shop",
  "Tell the warehouse",
  "step_addr",
  "third_party_clients",
];

/** What a browser sees on the pages of a tenant that this was brought into. */
const SEEN = {
  tenant: "Acme",
  prompts: "/u/login/identifier",
  texts: ["Good to see you", "Schön, dass Sie da sind"],
  branding: ["https://acme.example.com/favicon.png", "https://acme.example.com/logo.png", "https://acme.example.com/font.woff"],
  theme: "#000000",
  organization: "#112233",
  template: "Acme since 1902",
  partial: "Ask for your number in the shop",
  "template elsewhere": false,
  rendering: "https://acme.example.com/screens.js",
  "login page": "Sign in to Acme",
  "reset page": "A new password",
  "error page": "https://acme.example.com/error",
};

const tool = "node_modules/.bin/a0deploy";
const bring = (file) => [tool, "import", "--env", "--input_file", file];
const fetchInto = (folder, format) => [tool, "export", "--env", "--format", format, "--output_folder", folder];
const lookInto = (file) => ["sh", "-c", `node look.js > ${file}`];
const domainInto = (file) => ["sh", "-c", `printf %s "$AUTH0_DOMAIN" > ${file}`];

/** The tool enables the connections of an organization all at once: they are there in whichever order they arrived. */
function inOrder(file, text) {
  const sorted = (organization) => organization.connections?.sort((one, other) => one.name.localeCompare(other.name));
  if (file.endsWith("tenant.yaml")) {
    const tenant = load(text);
    tenant.organizations?.forEach(sorted);
    return dump(tenant, { lineWidth: -1 });
  }
  if (!/organizations\/[^/]+\.json$/.test(file)) return text;
  const organization = JSON.parse(text);
  sorted(organization);
  return JSON.stringify(organization, null, 2);
}

/** An export as texts by file name, with the tenant's own domain as the tool's keyword, so that any tenant can take it in. */
async function neutral(folder, domain) {
  const texts = {};
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath ?? entry.path, entry.name);
    const read = await readFile(file, "utf8");
    await writeFile(file, read.replaceAll(domain, "##AUTH0_DOMAIN##"));
    const text = inOrder(file, read).replaceAll(domain, "##AUTH0_DOMAIN##");
    // The proof that a domain is one's own is another one in each tenant; no export holds what makes a vault connection ready.
    texts[relative(folder, file).replaceAll(domain, "domain")] = text.replaceAll(
      /("?(verification_(host|txt)|record|created_at|ready)"?: ).*/g,
      "$1(its own)",
    );
  }
  return texts;
}

const work = await mkdtemp(join(tmpdir(), "aught-deploy-"));
after(() => rm(work, { recursive: true }));
const folder = (format, name) => join(work, format, name);
const domain = join(work, "domain");
const seen = join(work, "seen.json");

before(async () => {
  const exports = ["yaml", "directory"].map((format) => fetchInto(folder(format, "first"), format));
  await inFreshTenant(domainInto(domain), bring("config/tenant.yaml"), ...exports, lookInto(seen));
});

// The tool asks eight times a second at most, so most of its time is waiting: both forms wait together.
describe("a tenant kept as code", { concurrency: true }, () => {
  for (const format of ["yaml", "directory"]) {
    test(`a tenant goes from export to export unchanged (${format})`, async () => {
      const [first, second, third] = ["first", "second", "third"].map((name) => folder(format, name));
      const exported = await neutral(first, await readFile(domain, "utf8"));
      const everything = Object.values(exported).join("\n");
      for (const said of TOLD) assert.ok(everything.includes(said), `the export tells of ${said}`);

      const input = format === "yaml" ? join(first, "tenant.yaml") : first;
      const own = join(work, format, "domain");
      await inFreshTenant(
        domainInto(own),
        bring(input),
        fetchInto(second, format),
        bring(input),
        fetchInto(third, format),
        lookInto(`${third}.json`),
      );
      const name = await readFile(own, "utf8");
      assert.deepEqual(await neutral(second, name), exported, "another tenant says the same");
      assert.deepEqual(await neutral(third, name), exported, "and so it does after a second import");
      for (const file of [seen, `${third}.json`]) assert.deepEqual(JSON.parse(await readFile(file, "utf8")), SEEN);
    });
  }
});
