// Login pages as a tenant customizes them, as a real browser shows them at a custom domain: theme, template and partial are seen, nothing violates
// the page's policy, and axe-core finds no fault.

import assert from "node:assert/strict";
import { test } from "node:test";
import { accessible, application, authorization, domain, go, management, PASSWORD, person, servePage, user } from "./support.js";

// A page of our own, whose colours are read well.
const colors = {
  body_text: "#1b1b2f", error: "#a4161a", header: "#14213d", icons: "#4a4e69", input_background: "#fdfcff", input_border: "#6c6f85",
  input_filled_text: "#10101a", input_labels_placeholders: "#4a4e69", links_focused_components: "#3a0ca3", primary_button: "#3a0ca3",
  primary_button_label: "#ffffff", secondary_button_border: "#6c6f85", secondary_button_label: "#1b1b2f", success: "#1b5e20",
  widget_background: "#f4f1ff", widget_border: "#3a0ca3",
};
const size = (percent, bold = false) => ({ size: percent, bold });
const theme = {
  colors,
  borders: {
    button_border_radius: 8, button_border_weight: 1, buttons_style: "pill", input_border_radius: 8, input_border_weight: 2,
    inputs_style: "rounded", show_widget_shadow: false, widget_border_weight: 3, widget_corner_radius: 24,
  },
  fonts: {
    body_text: size(87.5), buttons_text: size(100, true), font_url: "", input_labels: size(100), links: size(87.5), links_style: "underlined",
    reference_text_size: 16, subtitle: size(87.5), title: size(150, true),
  },
  page_background: { background_color: "#cdeac0", background_image_url: "", page_layout: "left" },
  widget: { header_text_alignment: "left", logo_height: 40, logo_position: "left", logo_url: "", social_buttons_layout: "bottom" },
};
const template = `<!DOCTYPE html><html lang="{{ locale }}" dir="{{ dir }}"><head><title>{{ prompt.screen.texts.pageTitle }}</title>{%- auth0:head -%}
  <style>footer { position: fixed; inset-block-end: 0; padding: 8px; color: #10101a; background: #fff }</style></head>
  <body class="_widget-auto-layout">{%- auth0:widget -%}<footer style="font-size:14px" role="contentinfo">{{ tenant.friendly_name }} at {{ custom_domain.domain }}</footer>
  <script>document.documentElement.dataset.ran = "template";</script></body></html>`;
const partial = `<div class="ulp-field"><label for="plan">Plan</label><input id="plan" name="ulp-plan">
  <div class="ulp-error-info" data-ulp-validation-function="knowsPlan" data-ulp-validation-event-listeners="blur">There is no such plan</div></div>
  <script>function knowsPlan(field, isSent) { return !isSent || field.value === "gold"; }</script>`;

test("theme, template and partial of a tenant are seen and work", async () => {
  const port = domain.split(":")[1];
  const name = "login.acme.localhost";
  const made = await management.customDomains.create({ domain: name, type: "auth0_managed_certs" });
  const verified = await management.customDomains.verify(made.custom_domain_id);
  assert.equal(verified.status, "ready");
  const kept = await management.branding.themes.create(theme);
  await management.branding.templates.updateUniversalLogin({ template });
  await management.prompts.partials.set("login-id", { "login-id": { "form-content-end": partial } });
  const site = await servePage();
  const client = await application({ app_type: "regular_web", callbacks: [`${site.origin}/callback`] });
  const ada = await user();
  const { page, leave } = await person();
  try {
    await page.goto(authorization(client).replace(domain, `${name}:${port}`));
    await page.locator("footer", { hasText: name }).waitFor();
    assert.equal(await page.evaluate(() => document.documentElement.dataset.ran), "template");
    await accessible(page, "a page in the tenant's template");
    const style = (selector, property) => page.locator(selector).evaluate((element, name) => getComputedStyle(element)[name], property);
    assert.equal(await style("body", "backgroundColor"), "rgb(205, 234, 192)");
    assert.equal(await style(".box", "backgroundColor"), "rgb(244, 241, 255)");
    assert.equal(await style(".box", "borderTopLeftRadius"), "24px");
    assert.equal(await style("button[data-action-button-primary]", "backgroundColor"), "rgb(58, 12, 163)");
    assert.equal(await style("h1", "color"), "rgb(20, 33, 61)");
    assert.equal(await style("#prompt-logo-center", "height"), "40px");
    assert.ok((await page.locator("main").boundingBox()).x < 10, "the widget stands at the left");
    await page.locator("input#username").fill(ada.email);
    await page.locator("input#plan").fill("lead");
    await go(page);
    await page.locator(".ulp-error-info.ulp-validator-error").waitFor();
    await accessible(page, "a fault of the tenant's own field");
    await page.locator("input#plan").fill("gold");
    await go(page);
    await page.waitForURL(/\/u\/login\/password/);
    await accessible(page, "the next page in the template");
    assert.equal(await page.locator("footer").count(), 1);
    await page.locator("input#password").fill(PASSWORD);
    await go(page);
    await page.waitForURL(/\/callback\?code=/);
    await leave();
  } finally {
    await site.close();
    await management.prompts.partials.set("login-id", {});
    await management.branding.templates.deleteUniversalLogin();
    await management.branding.themes.delete(kept.themeId);
    await management.customDomains.delete(made.custom_domain_id);
  }
});
