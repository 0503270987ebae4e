// Makes the pictures of docs/branding.md: what each setting does, as `aught pages preview` shows it. `AUGHT=… node pictures.js`; a new setting is a line
// of SHOTS. It is no test.

import { readFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { args, executablePath } from "./chromium.js";
import { previews } from "./previews.js";

const NEW = "#b5179e";
const size = (percent, bold = false) => ({ size: percent, bold });

/** A theme in which nothing stands out. */
const plain = () => ({
  colors: {
    body_text: "#1e212a", error: "#d03c38", header: "#1e212a", icons: "#65676e", input_background: "#ffffff", input_border: "#c9cace",
    input_filled_text: "#000000", input_labels_placeholders: "#65676e", links_focused_components: "#635dff", primary_button: "#635dff",
    primary_button_label: "#ffffff", secondary_button_border: "#c9cace", secondary_button_label: "#1e212a", success: "#13a688",
    widget_background: "#ffffff", widget_border: "#c9cace",
  },
  borders: {
    button_border_radius: 3, button_border_weight: 1, buttons_style: "rounded", input_border_radius: 3, input_border_weight: 1,
    inputs_style: "rounded", show_widget_shadow: true, widget_border_weight: 0, widget_corner_radius: 5,
  },
  fonts: {
    body_text: size(87.5), buttons_text: size(100), font_url: "", input_labels: size(100), links: size(87.5), links_style: "normal",
    reference_text_size: 16, subtitle: size(87.5), title: size(150),
  },
  page_background: { background_color: "#f2f2f4", background_image_url: "", page_layout: "center" },
  widget: { header_text_alignment: "center", logo_height: 52, logo_position: "center", logo_url: "", social_buttons_layout: "bottom" },
});

const colors = (...names) => ({ theme: (theme) => names.forEach((name) => (theme.colors[name] = NEW)) });
const group = (name, values) => ({ theme: (theme) => Object.assign(theme[name], values) });
const on = (path, shot) => ({ path, ...shot });

/** What is set for each picture, and what is shown: the page of the identifier, where nothing else is said. */
const SHOTS = {
  "branding-primary": { branding: { colors: { primary: NEW } } },
  "branding-page-background": { branding: { colors: { page_background: { type: "linear-gradient", start: "#ffd6ff", end: "#bde0fe", angle_deg: 35 } } } },
  "branding-logo": { branding: { logo_url: "https://acme.example/logo.svg" } },
  "branding-font": { branding: { font: { url: "https://acme.example/font.ttf" } } },
  "identifiers-login-display": { branding: { identifiers: { login_display: "separate" } } },
  "identifiers-phone-display": on("phone-identifier-challenge/plain", {
    branding: { identifiers: { phone_display: { masking: "mask_digits", formatting: "international" } } },
  }),
  "colors-primary-button": { theme: (theme) => Object.assign(theme.colors, { primary_button: NEW, primary_button_label: "#ffe14d" }) },
  "colors-secondary-button": { theme: (theme) => Object.assign(theme.colors, { secondary_button_border: NEW, secondary_button_label: "#0a7d33" }) },
  "colors-links": colors("links_focused_components"),
  "colors-focus": { theme: (theme) => Object.assign(theme.colors, { base_focus_color: NEW, base_hover_color: "#0a7d33" }), focus: "input#username" },
  "colors-header": { theme: (theme) => Object.assign(theme.colors, { header: NEW, body_text: "#0a7d33" }) },
  "colors-widget": { theme: (theme) => { Object.assign(theme.colors, { widget_background: "#fff0f8", widget_border: NEW }); theme.borders.widget_border_weight = 3; } },
  "colors-input": on("login-password/plain", {
    theme: (theme) => Object.assign(theme.colors, {
      input_background: "#fff0f8", input_border: NEW, input_filled_text: "#0a7d33", input_labels_placeholders: "#8a4b08", read_only_background: "#ffe14d",
    }),
    fill: "input#password",
  }),
  "colors-icons": on("signup-password/no-password", {
    theme: (theme) => Object.assign(theme.colors, { icons: NEW, error: "#8a4b08", success: "#0a7d33" }), fill: "input#password",
  }),
  "colors-captcha": on("login-id/puzzle", { theme: (theme) => Object.assign(theme.colors, { captcha_widget_theme: "dark" }), tall: true }),
  "fonts-font": group("fonts", { font_url: "https://acme.example/font.ttf" }),
  "fonts-reference-text-size": group("fonts", { reference_text_size: 20 }),
  "fonts-sizes": group("fonts", { title: size(120, true), subtitle: size(110), body_text: size(70), buttons_text: size(120, true), input_labels: size(80, true), links: size(70, true) }),
  "fonts-links-style": group("fonts", { links_style: "underlined" }),
  "borders-button": group("borders", { buttons_style: "pill", button_border_weight: 3 }),
  "borders-input": group("borders", { input_border_radius: 10, input_border_weight: 3 }),
  "borders-widget": group("borders", { widget_border_weight: 4, widget_corner_radius: 40, show_widget_shadow: false }),
  "page-background": group("page_background", { background_color: "#f2f2f4", background_image_url: "https://acme.example/sea.svg", page_layout: "left" }),
  "widget-logo": group("widget", { logo_url: "https://acme.example/logo.svg", logo_position: "left", logo_height: 80 }),
  "widget-header-text-alignment": group("widget", { header_text_alignment: "right" }),
  "widget-social-buttons-layout": group("widget", { social_buttons_layout: "top" }),
  "organization": {
    organization: { name: "north", branding: { logo_url: "https://acme.example/logo.svg", colors: { primary: "#0a7d33", page_background: "#e3f5e1" } } },
  },
};

const logo = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 52 52"><circle cx="26" cy="26" r="26" fill="${NEW}"/><path d="M14 38 26 12l12 26" fill="none" stroke="#fff" stroke-width="5"/></svg>`;
const sea = `<svg xmlns="http://www.w3.org/2000/svg" width="800" height="600"><rect width="800" height="600" fill="#caf0f8"/><path d="M0 300q100-60 200 0t200 0t200 0t200 0v300H0z" fill="#48b2d0"/></svg>`;
const serif = execFileSync("fc-match", ["--format=%{file}", "serif:bold:fontformat=TrueType"], { encoding: "utf8" });

const folder = mkdtempSync(join(tmpdir(), "pictures-"));
const file = (name) => join(folder, `${name}.json`);
const write = (name, value) => writeFileSync(file(name), JSON.stringify(value));
const themed = (shot) => {
  const theme = plain();
  shot.theme(theme);
  return theme;
};

/** The previews with these files, of which each shot has its own. */
async function served(...names) {
  for (const name of names) write(name, {});
  return previews(...names.flatMap((name) => [`--${name}`, file(name)]));
}

const [ours, themes] = [await served("branding", "organization"), await served("branding", "organization", "theme")];
const browser = await chromium.launch({ executablePath, args });
const context = await browser.newContext({ viewport: { width: 520, height: 620 }, colorScheme: "light" });
await context.route("https://acme.example/**", (route) => {
  const name = new URL(route.request().url()).pathname;
  if (name.endsWith(".ttf")) return route.fulfill({ body: readFileSync(serif), contentType: "font/ttf", headers: { "access-control-allow-origin": "*" } });
  return route.fulfill({ body: name === "/sea.svg" ? sea : logo, contentType: "image/svg+xml" });
});
const page = await context.newPage();
const session = await context.newCDPSession(page);
let bytes = 0;
for (const [name, shot] of Object.entries(SHOTS)) {
  write("branding", shot.branding ?? {});
  write("organization", shot.organization ?? {});
  if (shot.theme) write("theme", themed(shot));
  const { origin } = shot.theme ? themes : ours;
  await page.setViewportSize({ width: 520, height: shot.tall ? 760 : 620 });
  await page.goto(`${origin}/u/preview/${shot.path ?? "login-id/plain"}`);
  await page.evaluate(() => document.fonts.ready);
  if (shot.fill) await page.locator(shot.fill).fill("abcdef12");
  if (shot.focus) await page.locator(shot.focus).focus();
  else await page.evaluate(() => document.activeElement.blur());
  const { width, height } = page.viewportSize();
  const clip = { x: 0, y: 0, width, height, scale: 0.7 };
  const { data } = await session.send("Page.captureScreenshot", { format: "webp", quality: 70, clip });
  const picture = Buffer.from(data, "base64");
  bytes += picture.length;
  writeFileSync(join(import.meta.dirname, `../../docs/branding/${name}.webp`), picture);
}
await browser.close();
ours.stop();
themes.stop();
rmSync(folder, { recursive: true });
console.log(`${Object.keys(SHOTS).length} pictures, ${Math.round(bytes / 1024)} KB`);
