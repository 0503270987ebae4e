// Second factors of the tenant: which there are, who sends their messages, and when they are asked for.

import { test } from "node:test";
import { assert, holds, management, refused } from "./support.js";

const { factors, policies } = management.guardian;

/** A value is set and read back; setting it again gives the same. */
async function kept(set, get, value) {
  holds(await set(value), value);
  holds(await get(), value);
}

test("factors are switched on and off one by one", async () => {
  const enabled = async () => (await factors.list()).filter((factor) => factor.enabled).map((factor) => factor.name);
  const names = (await factors.list()).map((factor) => factor.name);
  assert.ok(["sms", "otp", "email", "push-notification", "duo", "recovery-code"].every((name) => names.includes(name)));
  const before = await enabled();
  assert.deepEqual(await factors.set("otp", { enabled: true }), { enabled: true });
  await factors.set("duo", { enabled: true });
  assert.deepEqual((await enabled()).sort(), [...new Set([...before, "otp", "duo"])].sort());
  await factors.set("otp", { enabled: false });
  await factors.set("duo", { enabled: false });
  assert.deepEqual(await enabled(), before.filter((name) => !["otp", "duo"].includes(name)));
  await refused(factors.set("abacus", { enabled: true }), 400, /abacus/, "invalid_uri");
  await refused(factors.set("otp", {}), 400, /enabled/, "invalid_body");
});

test("a policy says when a second factor is asked for", async () => {
  for (const value of [["all-applications"], ["confidence-score"], []]) {
    assert.deepEqual(await policies.set(value), value);
    assert.deepEqual(await policies.list(), value);
  }
  await refused(policies.set(["full-moon"]), 400, /full-moon/, "invalid_body");
});

test("phone messages have a sender, kinds and words", async () => {
  const { phone, sms } = factors;
  await kept((value) => phone.setMessageTypes(value), () => phone.getMessageTypes(), { message_types: ["sms", "voice"] });
  for (const [manager, sid] of [[phone, "AC1"], [sms, "AC2"]]) {
    const twilio = { sid, auth_token: "twilio-secret", from: "+15555550100" };
    await kept((value) => manager.setTwilioProvider(value), () => manager.getTwilioProvider(), twilio);
    await manager.setTwilioProvider({ messaging_service_sid: "MG1" });
    const replaced = await manager.getTwilioProvider();
    assert.deepEqual([replaced.messaging_service_sid, replaced.sid ?? null], ["MG1", null]);
    await kept((value) => manager.setProvider(value), () => manager.getSelectedProvider(), { provider: "twilio" });
    await kept((value) => manager.setProvider(value), () => manager.getSelectedProvider(), { provider: "auth0" });
    const words = { enrollment_message: "Enrol with {{code}}", verification_message: "Enter {{code}}" };
    await kept((value) => manager.setTemplates(value), () => manager.getTemplates(), words);
    await refused(manager.setTemplates({ ...words, verification_message: "{{code" }), 400, /^Invalid template: /);
    await refused(manager.setProvider({ provider: "pigeon" }), 400, /provider/, "invalid_body");
  }
  await refused(phone.setMessageTypes({ message_types: ["fax"] }), 400, /message_types/, "invalid_body");
});

test("push notifications are sent by whom was chosen; its secrets are not shown", async () => {
  const push = factors.pushNotification;
  holds(await push.setApnsProvider({ sandbox: true, bundle_id: "com.example.app" }), { sandbox: true });
  await push.updateApnsProvider({ sandbox: false });
  holds(await push.getApnsProvider(), { sandbox: false, bundle_id: "com.example.app" });
  assert.deepEqual(await push.setFcmProvider({ server_key: "key" }), {});
  assert.deepEqual(await push.updateFcmProvider({ server_key: "other" }), {});
  assert.deepEqual(await push.setFcmv1Provider({ server_credentials: "{}" }), {});
  assert.deepEqual(await push.updateFcmv1Provider({ server_credentials: "{\"a\":1}" }), {});

  await push.setSnsProvider({
    aws_access_key_id: "id",
    aws_secret_access_key: "sns-secret",
    aws_region: "eu-west-1",
    sns_apns_platform_application_arn: "apns",
    sns_gcm_platform_application_arn: "gcm",
  });
  await push.updateSnsProvider({ aws_region: "us-east-1" });
  const sns = await push.getSnsProvider();
  holds(sns, { aws_access_key_id: "id", aws_region: "us-east-1", sns_apns_platform_application_arn: "apns" });
  assert.equal(JSON.stringify(sns).includes("sns-secret"), false);
  await refused(push.updateSnsProvider({ aws_region: "the-moon-1" }), 400, /aws_region/, "invalid_body");
  for (const provider of ["sns", "direct", "guardian"]) {
    await kept((value) => push.setProvider(value), () => push.getSelectedProvider(), { provider });
  }
});

test("Duo is set, changed in part, and replaced", async () => {
  const { settings } = factors.duo;
  await kept((value) => settings.set(value), () => settings.get(), { ikey: "DI1", skey: "duo-secret", host: "api.duo.example.com" });
  await settings.update({ host: "api2.duo.example.com" });
  holds(await settings.get(), { ikey: "DI1", host: "api2.duo.example.com" });
  await settings.set({ ikey: "DI2" });
  assert.equal((await settings.get()).host ?? null, null);
  await refused(settings.set({ skey: "" }), 400, /skey/, "invalid_body");
});
