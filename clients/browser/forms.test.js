// Forms in a real browser: every component on pages without a fault, checks before a step is sent, a button that waits, a component of the
// tenant's own script in its frame, files, and what the Action is told in the end.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { application, authorization, faultless, logIn, management, person, servePage, unique, user } from "./support.js";

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
  start: { next_node: "plain" },
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
              init(params) { input.setAttribute("aria-label", "Colour like " + params.hint); return input; },
              getValue() {
                if (input.value === "grey") throw new Error("No grey, please.");
                let isAlone = true;
                try { isAlone = !parent.document.title; } catch {}
                return { name: input.value, isAlone };
              },
            };
          }`,
        }),
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

describe("a form with every component", () => {
  let client, ada, site;

  before(async () => {
    site = await servePage();
    const flow = await management.flows.create({ name: unique("flow") });
    form.nodes[2].config.components[2].config.flow_id = flow.id;
    const { id } = await management.forms.create({ ...form, name: unique("form") });
    client = await application({ app_type: "regular_web", callbacks: [`${site.origin}/callback`] });
    const code = `
      exports.onExecutePostLogin = async (event, api) => { if (event.client.client_id === "${client.client_id}") api.prompt.render("${id}"); };
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

  test("is filled in", async () => {
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
    await page.getByRole("button", { name: "Finish" }).click();
    await fault(page, "This value is not accepted.").waitFor();
    await frame.getByLabel("Colour like red").fill("green");
    await page.locator("#field-picture_file").setInputFiles({ name: "a.gif", mimeType: "image/gif", buffer: Buffer.from(PIXEL.split(",")[1], "base64") });
    await page.getByRole("button", { name: "Finish" }).click();
    await page.waitForURL(/\/callback#/);
    const token = new URLSearchParams(new URL(page.url()).hash.slice(1)).get("id_token");
    const { fields } = JSON.parse(Buffer.from(token.split(".")[1], "base64url"))[CLAIM];
    assert.deepEqual(fields.color, { name: "green", isAlone: true });
    assert.deepEqual([fields.text, fields.number, fields.several, fields.list, fields.legal], ["red", 7, ["b"], "a", true]);
    assert.equal(fields.phone.international_number, "+4930123456");
    assert.deepEqual([fields.picture_file[0].name, fields.picture_file[0].type, fields.password], ["a.gif", "image/gif", undefined]);
    await leave();
  });
});
