// What people see: branding, themes, phone messages, texts and pages of prompts, profiles for self-service and attributes.

import { test } from "node:test";
import { assert, ends, everything, holds, life, management, refused, unique } from "./support.js";

const { branding, prompts } = management;

test("branding keeps what a change does not name", async () => {
  await branding.update({ colors: { primary: "#0059d6", page_background: "#ffffff" }, logo_url: "https://example.com/logo.png" });
  await branding.update({ favicon_url: "https://example.com/favicon.ico" });
  holds(await branding.get(), {
    colors: { primary: "#0059d6", page_background: "#ffffff" },
    logo_url: "https://example.com/logo.png",
    favicon_url: "https://example.com/favicon.ico",
  });
  await refused(branding.update({ colors: { primary: "635dff" } }), 400, /colors\.primary/, "invalid_body");
});

/** A theme as the editor writes it. */
const theme = (displayName) => ({
  displayName,
  borders: {
    button_border_radius: 3, button_border_weight: 1, buttons_style: "rounded", input_border_radius: 3, input_border_weight: 1,
    inputs_style: "rounded", show_widget_shadow: true, widget_border_weight: 0, widget_corner_radius: 5,
  },
  colors: {
    body_text: "#1e212a", error: "#d03c38", header: "#1e212a", icons: "#65676e", input_background: "#ffffff",
    input_border: "#c9cace", input_filled_text: "#000000", input_labels_placeholders: "#65676e",
    links_focused_components: "#635dff", primary_button: "#635dff", primary_button_label: "#ffffff",
    secondary_button_border: "#c9cace", secondary_button_label: "#1e212a", success: "#13a688",
    widget_background: "#ffffff", widget_border: "#c9cace",
  },
  fonts: {
    body_text: { bold: false, size: 87.5 }, buttons_text: { bold: false, size: 100 }, font_url: "",
    input_labels: { bold: false, size: 100 }, links: { bold: true, size: 87.5 }, links_style: "normal",
    reference_text_size: 16, subtitle: { bold: false, size: 87.5 }, title: { bold: false, size: 150 },
  },
  page_background: { background_color: "#000000", background_image_url: "", page_layout: "center" },
  widget: { header_text_alignment: "center", logo_height: 52, logo_position: "center", logo_url: "", social_buttons_layout: "bottom" },
});

test("the theme is made, is the default, changes and ends", async () => {
  const { themes } = branding;
  await refused(themes.getDefault(), 404, "There was an error retrieving branding settings: invalid theme ID");
  const made = await themes.create(theme("Day"));
  holds(await themes.get(made.themeId), theme("Day"));
  assert.equal((await themes.getDefault()).themeId, made.themeId);
  await themes.update(made.themeId, theme("Night"));
  assert.equal((await themes.get(made.themeId)).displayName, "Night");

  const { widget, ...half } = theme("Half");
  await refused(themes.update(made.themeId, half), 400, /Missing required property: widget/, "invalid_body");
  const loud = theme("Loud");
  loud.fonts.title.size = 1000;
  await refused(themes.update(made.themeId, loud), 400, /fonts\.title\.size/, "invalid_body");
  await ends(themes, made.themeId, "There was an error retrieving branding settings: invalid theme ID");
});

test("the page of universal login holds what it needs, and can be taken away", async () => {
  const { templates } = branding;
  const missing = "Template does not exist.";
  await refused(templates.getUniversalLogin(), 404, missing, "inexistent_templates_universal_login");
  const page = "<!DOCTYPE html><html><head>{%- auth0:head -%}</head><body>{%- auth0:widget -%}</body></html>";
  for (const body of [page.replace("<body>", "<body class=\"plain\">"), { template: page }]) {
    await templates.updateUniversalLogin(body);
    assert.deepEqual(await templates.getUniversalLogin(), { body: body.template ?? body });
  }
  await refused(templates.updateUniversalLogin({ template: "<html></html>" }), 400, /auth0:head and auth0:widget/);
  await templates.deleteUniversalLogin();
  await refused(templates.getUniversalLogin(), 404, missing, "inexistent_templates_universal_login");
});

test("phone messages have a provider whose secret stays in, and templates that can be reset", async () => {
  const { providers, templates } = branding.phone;
  const fields = {
    name: "twilio",
    configuration: { sid: "AC1", default_from: "+15555550100", delivery_methods: ["text", "voice"] },
    credentials: { auth_token: "phone-secret" },
  };
  const { credentials, ...shown } = fields;
  const made = await providers.create(fields);
  assert.match(made.id, /^pro_/);
  holds(await providers.get(made.id), shown);
  await providers.update(made.id, { disabled: true });
  const { providers: [listed] } = await providers.list();
  holds(listed, { ...shown, id: made.id, disabled: true });
  assert.equal(JSON.stringify([made, listed]).includes(credentials.auth_token), false);

  const content = { from: "+15555550100", body: { text: "Enter {{ code }}", voice: "Say {{ code }}" } };
  const text = { type: "otp_verify", disabled: false, content };
  const template = await templates.create(text);
  holds(await templates.get(template.id), text);
  await templates.update(template.id, { content: { body: { text: "Type {{ code }}" } } });
  assert.equal((await templates.get(template.id)).content.body.text, "Type {{ code }}");
  assert.deepEqual((await templates.list({ disabled: false })).templates.map(({ id }) => id), [template.id]);
  await templates.reset(template.id, {});
  assert.match((await templates.get(template.id)).content.body.text, /is your verification code/);
  await refused(templates.create(text), 409, "Phone template already configured for tenant");
  await refused(templates.create({ ...text, type: "smoke_signal" }), 400, /type/, "invalid_body");

  // One's own Action sends from here on: no try of a message leaves the house.
  await providers.update(made.id, { name: "custom", configuration: { delivery_methods: ["text"] }, credentials: {}, disabled: false });
  const wanted = { to: "+15555550101", delivery_method: "text" };
  for (const tried of [await providers.test(made.id, wanted), await templates.test(template.id, wanted)]) {
    assert.equal(tried.message, "Test notification successfully sent for processing");
  }
  await ends(templates, template.id, "Notification Resource not found");
  await ends(providers, made.id, "Notification Resource not found");
});

test("prompts are new or classic, ask for the identifier first or not", async () => {
  const { universal_login_experience, identifier_first } = await prompts.getSettings();
  const change = { universal_login_experience: "new", identifier_first: true };
  holds(await prompts.updateSettings(change), change);
  holds(await prompts.getSettings(), change);
  await refused(prompts.updateSettings({ universal_login_experience: "modern" }), 400, /universal_login_experience/, "invalid_body");
  await prompts.updateSettings({ universal_login_experience, identifier_first });
});

test("texts of a prompt are set for a language, whole", async () => {
  const { customText } = prompts;
  assert.deepEqual(await customText.get("login", "de"), {});
  await customText.set("login", "de", { login: { title: "Willkommen", description: "Bitte anmelden" } });
  await customText.set("login", "de", { login: { title: "Guten Tag" } });
  assert.deepEqual(await customText.get("login", "de"), { login: { title: "Guten Tag" } });
  assert.deepEqual(await customText.get("login", "fr"), {});
  await customText.set("login", "de", {});
  assert.deepEqual(await customText.get("login", "de"), {});
  await refused(customText.set("login", "xx", {}), 400, /xx/, "invalid_uri");
  await refused(customText.get("sign-here", "de"), 400, /sign-here/, "invalid_uri");
});

test("partials are put at points of a screen", async () => {
  const { partials } = prompts;
  const content = { "signup-id": { "form-content-start": "<div>Welcome</div>" } };
  await partials.set("signup-id", content);
  assert.deepEqual(await partials.get("signup-id"), content);
  await partials.set("signup-id", {});
  assert.deepEqual(await partials.get("signup-id"), {});
  await refused(partials.set("signature", content), 400, /signature/, "invalid_uri");
});

test("a screen is rendered by one's own code, alone or with others", async () => {
  const { rendering } = prompts;
  const head_tags = [{ tag: "script", attributes: { src: "https://cdn.example.com/login.js", defer: true } }];
  const own = {
    rendering_mode: "advanced",
    context_configuration: ["branding.settings"],
    default_head_tags_disabled: true,
    head_tags,
  };
  await rendering.update("login-id", "login-id", own);
  holds(await rendering.get("login-id", "login-id"), { prompt: "login-id", screen: "login-id", ...own });
  const advanced = await everything(rendering.list({ rendering_mode: "advanced" }));
  assert.deepEqual(advanced.map(({ screen }) => screen), ["login-id"]);

  const configs = ["login-id", "login-password"].map((name) => ({ prompt: name, screen: name, rendering_mode: "standard" }));
  await rendering.bulkUpdate({ configs });
  assert.equal((await rendering.get("login-id", "login-id")).rendering_mode, "standard");
  assert.deepEqual(await everything(rendering.list({ rendering_mode: "advanced" })), []);
  await refused(rendering.update("login-id", "login-id", { rendering_mode: "loud" }), 400, /rendering_mode/, "invalid_body");
});

test("a self-service profile has its words and its tickets", async () => {
  const profiles = management.selfServiceProfiles;
  const profile = await life(profiles, {
    fields: {
      name: unique("partners"),
      description: "For partners",
      branding: { logo_url: "https://example.com/logo.png", colors: { primary: "#112233" } },
      allowed_strategies: ["oidc", "samlp"],
      user_attributes: [{ name: "department", description: "Where they work", is_optional: true }],
    },
    change: { description: "For friends", allowed_strategies: ["okta"] },
  });
  const words = { introduction: "Good day" };
  assert.deepEqual(await profiles.customText.set(profile.id, "en", "get-started", words), words);
  assert.deepEqual(await profiles.customText.list(profile.id, "en", "get-started"), words);

  const { ticket } = await profiles.ssoTicket.create(profile.id, { connection_config: { name: unique("partner") }, ttl_sec: 60 });
  assert.match(ticket, /\/self-service\/connections-flow\?ticket=\w+$/);
  await profiles.ssoTicket.revoke(profile.id, new URL(ticket).searchParams.get("ticket"));
  await refused(profiles.ssoTicket.create(profile.id, { connection_id: "con_0000000000000000" }), 400, "The connection does not exist");
  await refused(profiles.create({ name: "odd", allowed_strategies: ["pigeon"] }), 400, /allowed_strategies/, "invalid_body");
  await ends(profiles, profile.id, `Profile with ID: ${profile.id} not found`);
});

test("a profile of user attributes is made from a template, changed and deleted", async () => {
  const profiles = management.userAttributeProfiles;
  const { user_attribute_profile_templates: [first] } = await profiles.listTemplates();
  const { template } = await profiles.getTemplate(first.id);
  assert.ok(template.user_attributes);
  const email = { description: "Where mail goes", label: "Email", profile_required: true, auth0_mapping: "email" };
  const profile = await life(profiles, {
    fields: { name: unique("people"), user_id: { oidc_mapping: "sub" }, user_attributes: { email } },
    change: { user_attributes: { email: { ...email, label: "E-Mail" }, name: { ...email, label: "Name", auth0_mapping: "name" } } },
  });
  await refused(profiles.create({ name: unique("none"), user_attributes: {} }), 400, /user_attributes/, "invalid_body");
  await refused(profiles.getTemplate("nothing"), 404, "User attribute profile template not found.");
  await ends(profiles, profile.id, "User attribute profile not found.");
});

test("a template for verifiable credentials says what is asked for", async () => {
  const { templates } = management.verifiableCredentials.verification;
  const claims = (...names) => {
    const wanted = Object.fromEntries(names.map((name) => [name, true]));
    return { "org.iso.18013.5.1.mDL": { "org.iso.18013.5.1": wanted } };
  };
  const fields = {
    name: unique("licence"),
    type: "mdl",
    dialect: "simplified/1.0",
    well_known_trusted_issuers: "aamva",
    presentation: claims("family_name", "birth_date"),
  };
  const template = await life(templates, { fields, change: { presentation: claims("given_name") } });
  await refused(templates.create(fields), 409, "Template (name) already exists.");
  await refused(templates.create({ ...fields, name: unique("pass"), dialect: "bavarian" }), 400, /dialect/, "invalid_body");
  await ends(templates, template.id, "The verifiable credential template does not exist.");
});
