// Forms in a real browser: every component on pages without a fault, checks before a step is sent, a button that waits, a component of the
// tenant's own script in its frame, files, scripts of other services, flows that work on users, and what the Action is told in the end.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { application, authorization, domain, faultless, issuer, logIn, management, person, servePage, unique, user } from "./support.js";

const fault = (page, text) => page.locator(".ulp-input-error-message", { hasText: text });
const CLAIM = "https://app.example/prompt";
const field = (id, type, label, config = {}, more = {}) => ({ id, category: "FIELD", type, label, config, ...more });
const block = (id, type, config) => ({ id, category: "BLOCK", type, config });
const next = (text) => block(`next_${text.toLowerCase()}`, "NEXT_BUTTON", { text });
const step = (id, components, next_node) => ({ id, type: "STEP", config: { components, next_node } });
const options = [
  { value: "a", label: "First" },
  { value: "b", label: "Second" },
];
const PIXEL = "data:image/gif;base64,R0lGODlhAQABAAAAACw=";

const form = {
  name: "All of it",
  languages: { primary: "en" },
  messages: { errors: { ERR_REQUIRED_PROPERTY: "Please fill this in." } },
  start: { next_node: "plain", hidden_fields: [{ key: "shade", value: "none" }] },
  nodes: [
    step(
      "plain",
      [
        block("intro", "RICH_TEXT", { content: "<h2>Welcome {{context.user.given_name}}</h2><p>Some <b>words</b>.</p>" }),
        block("picture", "IMAGE", { src: PIXEL, position: "CENTER", height: 20 }),
        field("text", "TEXT", "Text", { placeholder: "Anything", min_length: 2 }, { required: true, hint: "At least two letters" }),
        field("area", "TEXT", "Area", { multiline: true }),
        field("email", "EMAIL", "Email"),
        field("url", "URL", "Address"),
        field("tel", "TEL", "Telephone"),
        field("phone", "TEL", "Phone with country", { country_picker: true }),
        field("number", "NUMBER", "Number", { min_value: 1, max_value: 9 }),
        field("date", "DATE", "Day", { format: "DATE" }),
        field("time", "DATE", "Hour", { format: "TIME" }),
        field("password", "PASSWORD", "New password", { strength_meter: true }),
        next("Continue"),
      ],
      "choices",
    ),
    step(
      "choices",
      [
        field("choice", "CHOICE", "Choice", { options, allow_other: { enabled: true, label: "Else", placeholder: "What" } }),
        field("several", "CHOICE", "Several", { options, multiple: true }),
        field("cards", "CARDS", "Cards", { options: options.map((option) => ({ ...option, image_url: "https://localhost/none.png" })), hide_labels: true }),
        field("list", "DROPDOWN", "List", { options, placeholder: "Choose one" }),
        field("yes", "BOOLEAN", "Really"),
        block("or", "DIVIDER", { text: "or" }),
        field("legal", "LEGAL", undefined, { text: '<p>I accept the <a href="https://app.example/terms">terms</a></p>' }, { required: true }),
        block("back", "PREVIOUS_BUTTON", { text: "Back" }),
        block("jump", "JUMP_BUTTON", { text: "Skip", next_node: "own", style: { background_color: "#204060" } }),
        next("Continue"),
      ],
      "own",
    ),
    step(
      "own",
      [
        field("color", "CUSTOM", "Colour", {
          schema: { type: "object", required: ["name"], properties: { name: { type: "string", maxLength: 5 } } },
          css: "input { border: 2px solid #204060; padding: 8px }",
          params: { hint: "{{fields.text}}" },
          code: `function color(context) {
            const input = document.createElement("input");
            return {
              init(params) {
                input.setAttribute("aria-label", "Colour like " + params.hint);
                input.addEventListener("input", () => {
                  context.form.setHiddenField("shade", "light " + input.value);
                  context.form.getField("note").setRequired(input.value === "orange");
                });
                return input;
              },
              update() { input.title = context.form.isValid() ? "sound" : "unsound"; },
              getValue() {
                if (input.value === "grey") throw new Error("No grey, please.");
                let isAlone = true;
                try { isAlone = !parent.document.title; } catch {}
                return { name: input.value, isAlone };
              },
            };
          }`,
        }),
        field("note", "TEXT", "Note"),
        field("picture_file", "FILE", "Picture", { categories: ["IMAGE"], maxSize: 2048 }),
        block("again", "RESEND_BUTTON", {
          active_text: "Nothing came?", button_text: "Send again", waiting_text: "Wait {{remaining_seconds}} seconds", flow_id: "af_none", waiting_time: 2,
        }),
        next("Finish"),
      ],
      "$ending",
    ),
  ],
  style: { css: "h2 { letter-spacing: 1px }" },
  ending: { resume_flow: true },
};

/** What scripts of other services do, as far as forms use it. */
const SERVICES = {
  "https://www.google.com/recaptcha/": `
    window.grecaptcha = { ready: (then) => then(), render: (place, { sitekey, callback }) => {
      place.textContent = "Puzzle of " + sitekey;
      place.addEventListener("click", () => callback("solved"));
    } };`,
  "https://js.stripe.com/": `
    window.Stripe = (key) => ({
      elements: () => ({ create: (kind) => {
        let tell;
        return { on: (_, then) => { tell = then; }, mount: (place) => {
          const input = Object.assign(document.createElement("input"), { id: kind });
          input.setAttribute("aria-label", kind);
          input.addEventListener("input", () => tell({ empty: !input.value }));
          place.append(input);
        } };
      } }),
      createPaymentMethod: async () => document.getElementById("cardNumber").value === "4242"
        ? { paymentMethod: { id: "pm_" + key } } : { error: { message: "Your card number is invalid." } },
    });`,
  "https://maps.googleapis.com/": `
    window.google = { maps: { places: { Autocomplete: function (input) {
      this.getPlace = () => ({ formatted_address: "1 Long Street" });
      this.addListener = (_, then) => input.addEventListener("dblclick", then);
    } } } };`,
};

const served = {
  name: "Services",
  languages: { primary: "en" },
  start: { next_node: "one" },
  nodes: [
    step(
      "one",
      [
        { ...field("robot", "RECAPTCHA", "Robot", { site_key: "site", secret_key: "secret" }), category: "WIDGET" },
        { ...field("address", "GMAPS_ADDRESS", "Address", { api_key: "maps-key" }), category: "WIDGET" },
        field(
          "card",
          "PAYMENT",
          "Card",
          { charge: { type: "ONE_OFF", one_off: { amount: 9.99, currency: "EUR" } }, credentials: { public_key: "key", private_key: "private" } },
          { required: true },
        ),
        next("Pay"),
      ],
      "$ending",
    ),
  ],
};

/** A form whose flows create a user, read and change it, ask the API for it, and send it a mail. */
function desk(create, change) {
  const text = (content) => block("text", "RICH_TEXT", { content });
  const flow = (id, flow_id, next_node) => ({ id, type: "FLOW", config: { flow_id, next_node } });
  return {
    name: unique("desk"),
    languages: { primary: "en" },
    start: { next_node: "who" },
    nodes: [
      step("who", [field("email", "EMAIL", "Email", {}, { required: true }), next("Create")], "create"),
      flow("create", create, "made"),
      step("made", [text("<p>Made {{vars.id}}</p>"), field("team", "TEXT", "Team"), next("Change")], "change"),
      flow("change", change, "done"),
      step("done", [text("<p>{{vars.told}}</p>"), next("Finish")], "$ending"),
    ],
  };
}

/** The flows of such a form, whose connection of the vault is this one. */
async function deskFlows(connection_id) {
  const action = (id, type, action, params) => ({ id, type, action, params });
  const own = (id, name, params) => action(id, "AUTH0", name, { connection_id, ...params });
  const user_id = "{{vars.id}}";
  const create = await management.flows.create({
    name: unique("create"),
    actions: [
      own("made", "CREATE_USER", { payload: { connection: "Username-Password-Authentication", email: "{{fields.email}}", password: "Case-pass-9271!" } }),
      action("keep", "FLOW", "STORE_VARS", { vars: { id: "{{actions.made.user_id ?? actions.made.body.user_id}}" } }),
    ],
  });
  const change = await management.flows.create({
    name: unique("change"),
    actions: [
      own("read", "GET_USER", { user_id }),
      own("write", "UPDATE_USER", { user_id, changes: { user_metadata: { team: "{{fields.team}} of {{actions.read.email ?? actions.read.body.email}}" } } }),
      own("ask", "SEND_REQUEST", {
        pathname: "/api/v2/users-by-email", method: "GET", params: { email: "{{fields.email}}" }, headers: { "x-team": "{{fields.team}}" },
      }),
      action("mail", "AUTH0", "SEND_EMAIL", {
        from: { name: "Front desk", email: "desk@sender.example" }, to: "{{fields.email}}", subject: "For {{ custom_vars.team }}",
        body: "<p>Hello {{ custom_vars.team | escape }}</p>", custom_vars: { team: "{{fields.team}}" },
      }),
      action("keep", "FLOW", "STORE_VARS", { vars: { told: "{{actions.ask.status}} {{actions.mail.success}}" } }),
    ],
  });
  return [create.id, change.id];
}

describe("a form", () => {
  let client, payer, clerk, ada, site, flows;

  before(async () => {
    site = await servePage();
    const flow = await management.flows.create({ name: unique("flow") });
    form.nodes[2].config.components.find(({ id }) => id === "again").config.flow_id = flow.id;
    const { id } = await management.forms.create({ ...form, name: unique("form") });
    const machine = await management.clients.create({ name: unique("machine"), app_type: "non_interactive", grant_types: ["client_credentials"] });
    const scope = ["create:users", "read:users", "update:users"];
    await management.clientGrants.create({ client_id: machine.client_id, audience: process.env.AUTH0_AUDIENCE, scope });
    const setup = { type: "OAUTH_APP", client_id: machine.client_id, client_secret: machine.client_secret, domain, audience: process.env.AUTH0_AUDIENCE };
    const vault = await management.flows.vault.connections.create({ name: unique("own"), app_id: "AUTH0", setup });
    flows = await deskFlows(vault.id);
    const others = [await management.forms.create({ ...served, name: unique("served") }), await management.forms.create(desk(...flows))];
    [client, payer, clerk] = await Promise.all([0, 1, 2].map(() => application({ app_type: "regular_web", callbacks: [`${site.origin}/callback`] })));
    const shown = { [client.client_id]: id, [payer.client_id]: others[0].id, [clerk.client_id]: others[1].id };
    const code = `
      exports.onExecutePostLogin = async (event, api) => {
        const form = ${JSON.stringify(shown)}[event.client.client_id];
        if (form) api.prompt.render(form);
      };
      exports.onContinuePostLogin = async (event, api) => api.idToken.setCustomClaim("${CLAIM}", event.prompt);`;
    const trigger = { id: "post-login", version: "v3" };
    const action = await management.actions.create({ name: unique("Form"), code, supported_triggers: [trigger] });
    await management.actions.deploy(action.id);
    await management.actions.triggers.bindings.updateMany("post-login", {
      bindings: [{ ref: { type: "action_id", value: action.id }, display_name: "Form" }],
    });
    ada = await user({ given_name: "Ada" });
  });

  after(() => site.close());

  test("takes cards, puzzles and addresses with the scripts of other services", async () => {
    const { page, context, leave } = await person();
    for (const [address, body] of Object.entries(SERVICES)) {
      await context.route((url) => url.href.startsWith(address), (route) => route.fulfill({ contentType: "text/javascript", body }));
    }
    let sent;
    await context.route(/\/u\/custom-prompt\//, (route) => {
      if (route.request().method() !== "POST") return route.fallback();
      sent = new URLSearchParams(route.request().postData());
      return route.fulfill({ contentType: "text/html", body: "<h1>Sent</h1>" });
    });
    await page.goto(authorization(payer));
    await logIn(page, ada.email);
    await page.getByText("Puzzle of site").waitFor();
    const pay = page.getByRole("button", { name: "Pay" });
    await pay.click();
    await fault(page, "This field is required.").waitFor();
    await page.getByText("Puzzle of site").click();
    await page.locator("#field-address").dblclick();
    await page.getByLabel("cardNumber").fill("1111");
    await pay.click();
    await fault(page, "Your card number is invalid.").waitFor();
    await page.getByLabel("cardNumber").fill("4242");
    await pay.click();
    await page.getByRole("heading", { name: "Sent" }).waitFor();
    assert.deepEqual(["robot", "address", "card"].map((id) => sent.get(`field-${id}`)), ["solved", "1 Long Street", "pm_key"]);
    await leave();
  });

  test("leads through flows that create, read and change a user, ask the API and send a mail", async () => {
    const credentials = { smtp_host: "127.0.0.1", smtp_port: 9, smtp_user: "me", smtp_pass: "pass" };
    await management.emails.provider.create({ name: "smtp", enabled: true, default_from_address: "post@sender.example", credentials });
    const { page, context, leave } = await person();
    const email = `${unique("zoe")}@example.com`;
    try {
      await page.goto(authorization(clerk));
      await logIn(page, ada.email);
      await page.getByLabel("Email").fill(email);
      await page.getByRole("button", { name: "Create" }).click();
      const made = await page.getByText(/Made auth0\|/).innerText();
      await page.getByLabel("Team").fill("R & D");
      await page.getByRole("button", { name: "Change" }).click();
      await page.getByText("200 true").waitFor();
      await page.getByRole("button", { name: "Finish" }).click();
      await page.waitForURL(/\/callback\?code=/);
      const user = await management.users.get(made.replace("Made ", ""));
      assert.deepEqual([user.email, user.user_metadata.team], [email, `R & D of ${email}`]);
      const answer = await context.request.get(`${issuer}/_aught/outbox`, { params: { to: email, wait: 10 } });
      const mail = (await answer.json()).messages.find(({ subject }) => subject === "For R & D");
      assert.match(mail.html, /<p>Hello R &amp; D<\/p>/);
      const ran = (await management.flows.executions.list(flows[1])).data;
      assert.equal(ran.length, 1);
      const { debug } = await management.flows.executions.get(flows[1], ran[0].id, { hydrate: ["debug"] });
      assert.deepEqual(Object.keys(debug.actions), ["read", "write", "ask", "mail", "keep"]);
      assert.deepEqual(debug.actions.ask.input.headers, { "x-team": "R & D" });
      await leave();
    } finally {
      await management.emails.provider.delete();
    }
  });

  test("is filled in, with every component", async () => {
    const { page, context, leave } = await person();
    await context.route("https://localhost/none.png", (route) => route.fulfill({ body: "" }));
    await page.goto(authorization(client, { response_type: "id_token", nonce: "n", scope: "openid" }));
    await logIn(page, ada.email);
    await page.getByRole("heading", { name: "Welcome Ada" }).waitFor();
    await faultless(page, "plain");
    // What is wrong is told before anything is sent.
    let sent = 0;
    page.on("request", (request) => request.method() === "POST" && (sent += 1));
    await page.locator("#field-email").fill("nobody");
    await page.getByRole("button", { name: "Continue" }).click();
    await fault(page, "Please fill this in.").waitFor();
    assert.equal(await page.locator(".ulp-input-error-message").count(), 2);
    assert.equal(sent, 0);
    await page.locator("#field-email").fill("ada@example.com");
    await page.locator("#field-text").fill("red");
    await page.locator("#field-number").fill("7");
    await page.getByLabel("Country", { exact: true }).selectOption("DE");
    await page.locator("#field-phone").fill("030 123456");
    await page.locator("#field-text").press("Enter");
    await page.getByRole("group", { name: "Several" }).waitFor();
    await faultless(page, "choices");
    await page.getByRole("button", { name: "Back" }).click();
    assert.equal(await page.locator("#field-number").inputValue(), "7");
    await page.getByRole("button", { name: "Continue" }).click();
    await page.getByRole("group", { name: "Several" }).getByLabel("Second").check();
    await page.locator("#field-list").selectOption("a");
    await page.getByRole("checkbox", { name: "I accept" }).check();
    await page.getByRole("button", { name: "Continue" }).click();
    const frame = page.frameLocator("iframe");
    await frame.getByLabel("Colour like red").waitFor();
    await page.getByText(/Wait \d seconds/).waitFor();
    await faultless(page, "own");
    await page.getByRole("button", { name: "Send again" }).waitFor();
    await page.locator("#field-picture_file").setInputFiles({ name: "a.gif", mimeType: "image/gif", buffer: Buffer.from(PIXEL.split(",")[1], "base64") });
    await frame.getByLabel("Colour like red").fill("grey");
    await page.getByRole("button", { name: "Finish" }).click();
    await fault(page, "No grey, please.").waitFor();
    await frame.getByLabel("Colour like red").fill("orange");
    await frame.locator("input[title=unsound]").waitFor();
    await page.getByRole("button", { name: "Finish" }).click();
    await fault(page, "Please fill this in.").waitFor();
    await page.locator("#field-note").fill("ok");
    await frame.locator("input[title=sound]").waitFor();
    await page.getByRole("button", { name: "Finish" }).click();
    await fault(page, "This value is not accepted.").waitFor();
    await frame.getByLabel("Colour like red").fill("green");
    await page.locator("#field-picture_file").setInputFiles({ name: "a.gif", mimeType: "image/gif", buffer: Buffer.from(PIXEL.split(",")[1], "base64") });
    await page.getByRole("button", { name: "Finish" }).click();
    await page.waitForURL(/\/callback#/);
    const token = new URLSearchParams(new URL(page.url()).hash.slice(1)).get("id_token");
    const { fields } = JSON.parse(Buffer.from(token.split(".")[1], "base64url"))[CLAIM];
    assert.equal(fields.shade, "light green");
    assert.deepEqual(fields.color, { name: "green", isAlone: true });
    assert.deepEqual([fields.text, fields.number, fields.several, fields.list, fields.legal], ["red", 7, ["b"], "a", true]);
    assert.equal(fields.phone.international_number, "+4930123456");
    assert.deepEqual([fields.picture_file[0].name, fields.picture_file[0].type, fields.password], ["a.gif", "image/gif", undefined]);
    await leave();
  });
});
