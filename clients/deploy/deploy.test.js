// A tenant kept as code: brought into a fresh tenant, exported, brought into another fresh one, exported again. Both exports
// say the same, in both of the tool's forms, and bringing a tenant its own export changes nothing.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const here = dirname(fileURLToPath(import.meta.url));
const aught = process.env.AUGHT ?? join(here, "../../target/release/aught");
const excluded = await readFile(join(here, "not-served-yet.json"), "utf8");
const run = promisify(execFile);

/** Runs the commands one after another against one fresh tenant; gives what each printed. */
async function inFreshTenant(...commands) {
  const script = commands.map((command) => command.map((word) => `'${word}'`).join(" ")).join(" && ");
  const env = {
    ...process.env,
    AUTH0_EXCLUDED: excluded,
    AUTH0_ALLOW_DELETE: "true",
    AUTH0_EXPORT_ORDERED: "true",
    AUTH0_API_MAX_RETRIES: "1",
    // Exports name secrets instead of showing them; whoever imports them provides them so.
    CONNECTIONS_GITHUB_SECRET: "acme-secret",
    CONNECTIONS_OIDC_SECRET: "partner-secret",
  };
  try {
    return (await run(aught, ["run", "--", "sh", "-c", script], { cwd: here, env, maxBuffer: 1 << 26 })).stdout;
  } catch (error) {
    assert.fail(`${script}\n${error.stdout}\n${error.stderr}`);
  }
}

const tool = "node_modules/.bin/a0deploy";
const bring = (file) => [tool, "import", "--env", "--input_file", file];
const fetchInto = (folder, format) => [tool, "export", "--env", "--format", format, "--output_folder", folder];
const domainInto = (file) => ["sh", "-c", `printf %s "$AUTH0_DOMAIN" > ${file}`];

/** An export as texts by file name, with the tenant's own domain as the tool's keyword, so that any tenant can take it in. */
async function neutral(folder, domain) {
  const texts = {};
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath ?? entry.path, entry.name);
    const text = (await readFile(file, "utf8")).replaceAll(domain, "##AUTH0_DOMAIN##");
    await writeFile(file, text);
    // The proof that a domain is one's own is another one in each tenant.
    texts[relative(folder, file).replaceAll(domain, "domain")] = text.replaceAll(
      /("?verification_(host|txt)"?: ).*/g,
      "$1(its own)",
    );
  }
  return texts;
}

for (const format of ["yaml", "directory"]) {
  test(`a tenant goes from export to export unchanged (${format})`, async () => {
    const work = await mkdtemp(join(tmpdir(), "aught-deploy-"));
    try {
      const [first, second, third] = ["first", "second", "third"].map((name) => join(work, name));
      const input = (folder) => (format === "yaml" ? join(folder, "tenant.yaml") : folder);
      const domain = join(work, "domain");

      await inFreshTenant(domainInto(domain), bring("config/tenant.yaml"), fetchInto(first, format));
      const exported = await neutral(first, await readFile(domain, "utf8"));
      const everything = Object.values(exported).join("\n");
      for (const said of ["Where customers buy", "cancel:orders", "north.example.com", "Handles everything", "The North"])
        assert.ok(everything.includes(said), `the export tells of ${said}`);

      await inFreshTenant(
        domainInto(domain),
        bring(input(first)),
        fetchInto(second, format),
        bring(input(first)),
        fetchInto(third, format),
      );
      const name = await readFile(domain, "utf8");
      assert.deepEqual(await neutral(second, name), exported, "another tenant says the same");
      assert.deepEqual(await neutral(third, name), exported, "and so it does after a second import");
    } finally {
      await rm(work, { recursive: true });
    }
  });
}
