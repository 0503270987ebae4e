// A browser without script: cookies, redirects and forms of the login pages.

import assert from "node:assert/strict";
import { domain } from "./support.js";

const origin = `https://${domain}`;

/** The text of an attribute as HTML writes it. */
const plain = (text) =>
  text.replace(/&#(?:x([0-9a-f]+)|(\d+));/gi, (_, hex, decimal) => String.fromCodePoint(hex ? parseInt(hex, 16) : Number(decimal))).replace(/&quot;/g, '"').replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&");

export class Browser {
  cookies = new Map();

  /** Visits an address, fills in what the pages ask for from `fields`, and returns the address at which an application is told. */
  async visit(address, fields = {}) {
    let [url, form] = [String(address), undefined];
    for (let step = 0; step < 20; step += 1) {
      const response = await this.#fetch(url, form);
      if (response.status === 302) {
        [url, form] = [new URL(response.headers.get("location"), url).href, undefined];
        if (!url.startsWith(origin)) return new URL(url);
        continue;
      }
      const html = await response.text();
      assert.equal(response.status, 200, `${url}: ${html}`);
      form = this.#fill(html, fields);
    }
    assert.fail(`the login does not end: ${url}`);
  }

  async #fetch(url, form) {
    const response = await fetch(url, {
      method: form ? "POST" : "GET",
      body: form,
      redirect: "manual",
      headers: { cookie: [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ") },
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
      if (/;\s*(max-age=0|expires=thu, 01 jan 1970)/i.test(cookie) || value === "") this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    return response;
  }

  /** The first form of a page: its hidden fields, and those that are known. */
  #fill(html, fields) {
    const form = /<form[^>]*>([^]*?)<\/form>/.exec(html)?.[1];
    assert.ok(form, html);
    const sent = new URLSearchParams();
    for (const [input] of form.matchAll(/<input[^>]*>/g)) {
      const attribute = (name) => plain(new RegExp(` ${name}="([^"]*)"`).exec(input)?.[1] ?? "");
      const name = attribute("name");
      if (name) sent.set(name, fields[name] ?? attribute("value"));
    }
    sent.set("action", form.includes('value="accept"') ? "accept" : "default");
    return sent;
  }
}
