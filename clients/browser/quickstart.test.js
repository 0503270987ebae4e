// The applications of docs/quickstart.md, as they stand there, but for their ports.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { after, before, describe, test } from "node:test";
import { logIn, person, signUp, unique, user } from "./support.js";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** A port that nobody has now, of those that systems give to nobody who asks for any: what runs beside this test does not take it meanwhile. */
async function free() {
  for (;;) {
    const port = randomInt(20_000, 30_000);
    const server = createServer();
    const listening = new Promise((resolve) => server.once("error", () => resolve(false)).listen(port, () => resolve(true)));
    if (!(await listening)) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}

describe("the quickstart's", () => {
  const [running, origins] = [[], {}];
  let folder;

  /** Starts a program of the page; `said` waits for what it prints. */
  function start(name) {
    const program = spawn(process.execPath, ["--env-file=.env", name], {
      cwd: folder,
      // Express tells its own refusals otherwise.
      env: { ...process.env, NODE_ENV: "test" },
      stdio: ["ignore", "pipe", "inherit"],
    });
    running.push(program);
    let [printed, heard] = ["", () => {}];
    program.stdout.setEncoding("utf8").on("data", (text) => ((printed += text), heard()));
    const said = (pattern) => new Promise((resolve) => (heard = () => pattern.test(printed) && resolve(pattern.exec(printed)))());
    return { said };
  }

  /** Waits until somebody listens. */
  async function listening(origin) {
    while (!(await fetch(origin).catch(() => undefined))) {
      assert.ok(running.every((program) => program.exitCode === null), "a program of the page has ended");
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "quickstart-"));
    symlinkSync(here("node_modules"), join(folder, "node_modules"));
    for (const port of [3000, 3001, 3002]) origins[port] = `http://localhost:${await free()}`;
    const page = readFileSync(here("../../docs/quickstart.md"), "utf8");
    for (const [, code, name] of page.matchAll(/^```\w+\n((?:\/\/|<!--) (\S+\.\w+)[^]*?)^```$/gm)) {
      const ours = Object.entries(origins).reduce(
        (text, [port, origin]) => text.replaceAll(`http://localhost:${port}`, origin).replaceAll(`listen(${port})`, `listen(${new URL(origin).port})`),
        code,
      );
      writeFileSync(join(folder, name), ours);
    }
    writeFileSync(join(folder, ".env"), execFileSync(process.execPath, ["setup.mjs"], { cwd: folder }));
    for (const name of ["spa.mjs", "web.mjs", "api.mjs"]) start(name);
    for (const origin of Object.values(origins)) await listening(origin);
  });

  after(() => {
    for (const program of running) program.kill();
    rmSync(folder, { recursive: true });
  });

  test("single-page application", async () => {
    const { page, leave } = await person();
    await page.goto(origins[3000]);
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("link", { name: "Sign up" }).click();
    const email = `${unique("new")}@example.com`;
    await signUp(page, email);
    await page.getByText(`Hello ${email}`).waitFor();
    await page.reload();
    await page.getByText(`Hello ${email}`).waitFor();
    await page.getByRole("button", { name: "Log out" }).click();
    await page.getByText("Nobody is logged in.").waitFor();
    await leave();
  });

  test("regular web application", async () => {
    const ada = await user();
    const { page, leave } = await person();
    await page.goto(origins[3001]);
    await logIn(page, ada.email);
    await page.getByText(`Hello ${ada.email}`).waitFor();
    await page.getByRole("link", { name: "Log out" }).click();
    await page.waitForURL(/\/u\/login/);
    await leave();
  });

  test("native application and its API", async () => {
    assert.equal((await fetch(`${origins[3002]}/notes`)).status, 401);
    const ada = await user();
    const { page, leave } = await person();
    const native = start("native.mjs");
    const [, address] = await native.said(/Open (\S+)\n/);
    await page.goto(address);
    await logIn(page, ada.email);
    await page.getByText("read:notes").waitFor();
    await page.getByRole("button", { name: "Accept" }).click();
    await page.getByText("You may close this window.").waitFor();
    await native.said(new RegExp(`Hello ${ada.email}\\n\\[ 'The only note of ${ada.user_id.replace("|", "\\|")}' \\]`));
    await leave();
  });
});
