// Looks at the pages of the tenant that `aught run` made, as a browser without scripts would, and prints what they show as JSON.

import { randomBytes } from "node:crypto";
import { request } from "node:https";

const { AUTH0_DOMAIN: domain, AUTH0_CLIENT_ID, AUTH0_CLIENT_SECRET } = process.env;
const port = domain.split(":")[1] ?? "443";
const CUSTOM = "login.acme.example.com";

/** One request to this machine, whatever host it names. */
function send(method, host, path, { headers = {}, body } = {}) {
  const settings = { host: "127.0.0.1", port, servername: "", method, path, headers: { host, ...headers }, rejectUnauthorized: false };
  return new Promise((resolve, reject) => {
    const sent = request(settings, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part) => (text += part));
      response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, text }));
    });
    sent.on("error", reject).end(body);
  });
}

async function api(method, path, value) {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const answer = await send(method, domain, `/api/v2${path}`, { headers, body: value && JSON.stringify(value) });
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
  return answer.text && JSON.parse(answer.text);
}

/** The cookies of a browser, as it sends them. */
const cookies = (jar) => Object.entries(jar).map(([name, value]) => `${name}=${value}`).join("; ");

/** A browser without cookies opens an address of this host: what it shows in the end, and where. Other hosts are not asked. */
async function visit(host, path, language = "en") {
  const jar = {};
  for (let address = path; ; ) {
    const answer = await send("GET", host, address, { headers: { "accept-language": language, cookie: cookies(jar) } });
    for (const set of answer.headers["set-cookie"] ?? []) {
      const [name, value] = set.split(";")[0].split(/=(.*)/s);
      jar[name] = value;
    }
    const { location } = answer.headers;
    const own = location && (location.startsWith("/") ? location : location.split(`https://${host}`)[1]);
    if (!own) return { address: location ?? address, jar, ...answer };
    address = own;
  }
}

const grant = { grant_type: "client_credentials", client_id: AUTH0_CLIENT_ID, client_secret: AUTH0_CLIENT_SECRET, audience: `https://${domain}/api/v2/` };
const { access_token: token } = JSON.parse(
  (await send("POST", domain, "/oauth/token", { headers: { "content-type": "application/json" }, body: JSON.stringify(grant) })).text,
);

const clients = await api("GET", "/clients?per_page=50");
const client = (name) => clients.find((client) => client.name === name);
const authorize = (name, more = "") => {
  const { client_id, callbacks } = client(name);
  return `/authorize?${new URLSearchParams({ client_id, response_type: "code", redirect_uri: callbacks[0], state: "x", connection: "Customers", ...more })}`;
};
const found = (page, expression) => expression.exec(page.text)?.[1] ?? `not found in ${page.text || page.address}`;

for (const known of await api("GET", "/custom-domains")) {
  if (known.status !== "ready") await api("POST", `/custom-domains/${known.custom_domain_id}/verify`);
}
const [north] = await api("GET", "/organizations");
const username = `u${randomBytes(5).toString("hex")}`;
const ada = await api("POST", "/users", { connection: "Customers", email: `${username}@example.com`, username, password: "Correct-Horse-7-Battery" });
const { ticket } = await api("POST", "/tickets/password-change", { user_id: ada.user_id });

const page = await visit(domain, authorize("Shop"));
const own = await visit(CUSTOM, authorize("Shop"));
const organized = await visit(domain, authorize("Shop", { organization: north.id }));
const state = /name="state" value="([^"]+)"/.exec(page.text)?.[1];
const drawn = await send("GET", domain, `/u/reset-password/request/Customers?state=${state}`, { headers: { cookie: cookies(page.jar) } });
const form = await visit(domain, ticket.replace(/^https:\/\/[^/]*/, "").replace("#", ""));
const german = await visit(domain, authorize("Shop"), "de");
await api("DELETE", `/users/${encodeURIComponent(ada.user_id)}`);

console.log(
  JSON.stringify({
    tenant: found(page, /alt="([^"]+)"/),
    prompts: page.address.split("?")[0],
    texts: [found(page, /<h1>([^<]+)</), found(german, /<h1>([^<]+)</)],
    branding: [/href="(https:[^"]+\.png)"/, /src="(https:[^"]+\.png)"/, /url\("([^"]+\.woff)"\)/].map((part) => found(page, part)),
    theme: found(page, /--page-background-color:([^;]+);/),
    organization: found(organized, /--primary-color:([^;]+);/),
    template: found(own, /<body><p>([^<]+)</),
    partial: found(own, /<p>(Ask[^<]+)</),
    "template elsewhere": page.text.includes("since 1902"),
    rendering: found(drawn, /src="(https:[^"]+\.js)"/),
    "login page": found(await visit(domain, authorize("Branch")), /<body>([^<]+)</),
    "reset page": found(form, /<body>([^<]+)</),
    "error page": (await visit(domain, "/authorize?client_id=nobody&response_type=code")).address.split("?")[0],
  }),
);
