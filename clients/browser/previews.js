// The previews of screens that `aught pages preview` serves.

import { spawn } from "node:child_process";
import { join } from "node:path";

/** Every screen in each of its states, as `aught pages preview` serves them: their paths, and where they are. */
export async function previews(...settings) {
  const program = process.env.AUGHT ?? join(import.meta.dirname, "../../target/release/aught");
  const served = spawn(program, ["pages", "preview", ...settings], { stdio: ["ignore", "pipe", "inherit"] });
  const origin = await new Promise((resolve, reject) => {
    let said = "";
    served.stdout.on("data", (text) => {
      said += text;
      const found = /http:\/\/\S+(?=\/\s)/.exec(said);
      if (found) resolve(found[0]);
    });
    served.on("error", reject);
    served.on("exit", () => reject(new Error(`${program} pages preview has ended: ${said}`)));
  });
  const list = await (await fetch(origin)).text();
  const paths = [...list.matchAll(/href="([^"]+)"/g)].map(([, path]) => path);
  return { origin, paths, stop: () => served.kill() };
}
