"""What users see: branding, themes, the page around the login, messages to phones, prompts, and profiles for them."""

import copy

from conftest import holds, ids, refused, shown, unique

BOLD = {"bold": False, "size": 100}
THEME = {
    "borders": {
        "button_border_radius": 3,
        "button_border_weight": 1,
        "buttons_style": "rounded",
        "input_border_radius": 3,
        "input_border_weight": 1,
        "inputs_style": "rounded",
        "show_widget_shadow": True,
        "widget_border_weight": 0,
        "widget_corner_radius": 5,
    },
    "colors": {
        "body_text": "#1e212a",
        "error": "#d03c38",
        "header": "#1e212a",
        "icons": "#65676e",
        "input_background": "#ffffff",
        "input_border": "#c9cace",
        "input_filled_text": "#000000",
        "input_labels_placeholders": "#65676e",
        "links_focused_components": "#635dff",
        "primary_button": "#635dff",
        "primary_button_label": "#ffffff",
        "secondary_button_border": "#c9cace",
        "secondary_button_label": "#1e212a",
        "success": "#13a688",
        "widget_background": "#ffffff",
        "widget_border": "#c9cace",
    },
    "fonts": {
        "body_text": BOLD,
        "buttons_text": BOLD,
        "font_url": "",
        "input_labels": BOLD,
        "links": {"bold": True, "size": 87.5},
        "links_style": "normal",
        "reference_text_size": 16,
        "subtitle": BOLD,
        "title": BOLD,
    },
    "page_background": {"background_color": "#000000", "background_image_url": "", "page_layout": "center"},
    "widget": {
        "header_text_alignment": "center",
        "logo_height": 52,
        "logo_position": "center",
        "logo_url": "",
        "social_buttons_layout": "bottom",
    },
}
PAGE = "<!DOCTYPE html><html><head>{%- auth0:head -%}</head><body>{%- auth0:widget -%}</body></html>"


def test_the_brand_is_changed(management):
    wanted = {"colors": {"primary": "#0059d6", "page_background": "#ffffff"}, "logo_url": "https://example.com/l.png"}
    assert holds(management.branding.update(**wanted), wanted)
    assert holds(management.branding.get(), wanted)
    with refused(400, "on property colors.primary", "invalid_body"):
        management.branding.update(colors={"primary": "blue as the sea"})


def test_a_theme_is_made_changed_and_deleted(management):
    themes = management.branding.themes
    theme = themes.create(**THEME, display_name="Plain")
    assert holds(theme, THEME) and theme.display_name == "Plain"
    assert shown(themes.get_default()) == shown(themes.get(theme.theme_id)) == shown(theme)
    darker = copy.deepcopy(THEME)
    darker["colors"]["widget_background"] = "#101010"
    assert holds(themes.update(theme.theme_id, **darker), darker)
    darker["colors"]["error"] = "as you like it"
    with refused(400, "on property colors.error", "invalid_body"):
        themes.update(theme.theme_id, **darker)
    themes.delete(theme.theme_id)
    with refused(404, "invalid theme ID"):
        themes.get(theme.theme_id)


def test_the_page_around_the_login_is_the_tenants(management):
    templates = management.branding.templates
    templates.update_universal_login(request=PAGE)
    assert templates.get_universal_login().body == PAGE
    with refused(400, "Payload content missing required Liquid tags"):
        templates.update_universal_login(request="<html><body>no widget</body></html>")
    templates.delete_universal_login()
    with refused(404, "Template does not exist."):
        templates.get_universal_login()


def test_messages_to_phones_have_a_provider(management):
    providers = management.branding.phone.providers
    configuration = {"sid": "AC1", "default_from": "+15555550100", "delivery_methods": ["text"]}
    provider = providers.create(name="twilio", configuration=configuration, credentials={"auth_token": "secret"})
    assert holds(provider, {"name": "twilio", "configuration": configuration})
    assert "secret" not in provider.model_dump_json()
    assert holds(providers.get(provider.id), {"configuration": configuration})
    assert provider.id in [item.id for item in providers.list().providers]
    assert providers.update(provider.id, disabled=True).disabled
    with refused(400, "Bad Operation on Notification Resource"):
        providers.test(provider.id, to="+15555550101", delivery_method="text")
    own = providers.update(provider.id, name="custom", credentials={}, configuration={"delivery_methods": ["text"]})
    assert own.name == "custom" and not providers.update(provider.id, disabled=False).disabled
    assert "successfully" in providers.test(provider.id, to="+15555550101", delivery_method="text").message
    with refused(400, "on property delivery_method", "invalid_body"):
        providers.test(provider.id, to="+15555550101", delivery_method="pigeon")
    providers.delete(provider.id)
    with refused(404, "Notification Resource not found"):
        providers.get(provider.id)


def test_messages_to_phones_have_templates(management):
    provider = management.branding.phone.providers.create(
        name="custom", configuration={"delivery_methods": ["text", "voice"]}, credentials={}
    )
    templates = management.branding.phone.templates
    content = {"from": "+15555550100", "body": {"text": "{{code}} for you", "voice": "{{code}}"}}
    template = templates.create(type="otp_enroll", disabled=False, content=content)
    assert holds(template, {"type": "otp_enroll", "content": content})
    assert template.id in [item.id for item in templates.list().templates]
    content["body"]["text"] = "Your code is {{code}}"
    assert holds(templates.update(template.id, content=content), {"content": content})
    assert holds(templates.get(template.id), {"content": content})
    assert templates.test(template.id, to="+15555550101", delivery_method="text") is not None
    assert templates.reset(template.id, request={}).content.body.text != content["body"]["text"]
    templates.delete(template.id)
    with refused(404, "Notification Resource not found"):
        templates.get(template.id)
    management.branding.phone.providers.delete(provider.id)


def test_prompts_have_settings(management):
    before = shown(management.prompts.get_settings())
    changed = management.prompts.update_settings(identifier_first=True, webauthn_platform_first_factor=False)
    assert changed.identifier_first and set(before) <= set(shown(changed))
    assert shown(management.prompts.get_settings()) == shown(changed)
    with refused(400, "on property universal_login_experience", "invalid_body"):
        management.prompts.update_settings(universal_login_experience="antique")
    management.prompts.update_settings(**before)


def test_prompts_say_what_the_tenant_likes(management):
    texts = management.prompts.custom_text
    texts.set("signup", "en", request={"signup": {"title": "Come in"}})
    assert texts.get("signup", "en") == {"signup": {"title": "Come in"}}
    assert texts.get("signup", "fr") == {}
    with refused(400, 'Invalid screen "no-such-screen".', "invalid_body"):
        texts.set("signup", "en", request={"no-such-screen": {"title": "?"}})
    texts.set("signup", "en", request={})
    assert texts.get("signup", "en") == {}


def test_prompts_have_parts_of_the_tenants(management):
    management.branding.templates.update_universal_login(request=PAGE)
    partials = management.prompts.partials
    partials.set("login", request={"login": {"form-content-start": "<div>Hello</div>"}})
    assert partials.get("login") == {"login": {"form-content-start": "<div>Hello</div>"}}
    with refused(400, "on property prompt"):
        partials.get("logout")
    partials.set("login", request={})
    assert partials.get("login") == {}


def test_screens_are_rendered_by_the_tenant(management):
    rendering = management.prompts.rendering
    wanted = {
        "rendering_mode": "advanced",
        "context_configuration": ["branding.settings", "tenant.name"],
        "default_head_tags_disabled": True,
        "head_tags": [{"tag": "script", "attributes": {"src": "https://example.com/login.js", "async": True}}],
    }
    assert holds(rendering.update("signup-id", "signup-id", **wanted), wanted)
    assert holds(rendering.get("signup-id", "signup-id"), {**wanted, "prompt": "signup-id", "screen": "signup-id"})
    assert [item.screen for item in rendering.list(rendering_mode="advanced", per_page=1)] == ["signup-id"]
    configs = [{"prompt": "signup-id", "screen": "signup-id", "rendering_mode": "standard"}]
    assert holds(rendering.bulk_update(configs=configs).configs[0], configs[0])
    assert list(rendering.list(rendering_mode="advanced")) == []
    with refused(400, "on property rendering_mode", "invalid_body"):
        rendering.update("signup-id", "signup-id", rendering_mode="sloppy")


def test_a_company_serves_itself(management):
    profiles = management.self_service_profiles
    attributes = [{"name": "email", "description": "Where to write to", "is_optional": False}]
    wanted = {"branding": {"colors": {"primary": "#112233"}}, "allowed_strategies": ["oidc", "samlp"]}
    name = unique("profile")
    profile = profiles.create(name=name, description="Partners", user_attributes=attributes, **wanted)
    assert profile.id.startswith("ssp_") and holds(profile, {**wanted, "user_attributes": attributes})
    assert shown(profiles.get(profile.id)) == shown(profile)
    assert profiles.update(profile.id, description="Friends").description == "Friends"
    assert profile.id in ids(profiles.list(per_page=1))

    profiles.custom_text.set(profile.id, "en", "get-started", request={"introduction": "Hello"})
    assert profiles.custom_text.list(profile.id, "en", "get-started") == {"introduction": "Hello"}
    ticket = profiles.sso_ticket.create(
        profile.id,
        connection_config={"name": unique("partner-sso"), "display_name": "Partner"},
        ttl_sec=3600,
    )
    code = ticket.ticket.split("ticket=")[1]
    profiles.sso_ticket.revoke(profile.id, code)
    with refused(400, "on property connection_config.name"):
        profiles.sso_ticket.create(profile.id, connection_config={"name": "no spaces please"})
    profiles.delete(profile.id)
    with refused(404, f"Profile with ID: {profile.id} not found"):
        profiles.get(profile.id)


def test_attributes_of_users_have_a_profile(management):
    profiles = management.user_attribute_profiles
    mail = {"description": "Where to write to", "label": "E-mail", "profile_required": True, "auth0_mapping": "email"}
    name = unique("attributes")
    profile = profiles.create(name=name, user_attributes={"email": mail}, user_id={"oidc_mapping": "sub"})
    assert holds(profile, {"name": name, "user_attributes": {"email": mail}})
    assert shown(profiles.get(profile.id)) == shown(profile)
    changed = profiles.update(profile.id, user_attributes={"email": {**mail, "label": "Mail"}})
    assert changed.user_attributes["email"].label == "Mail"
    assert profile.id in ids(profiles.list(take=1))
    with refused(400, "on property user_attributes", "invalid_body"):
        profiles.update(profile.id, user_attributes={"email": {**mail, "profile_required": "maybe"}})
    profiles.delete(profile.id)
    with refused(404, "User attribute profile not found."):
        profiles.get(profile.id)
    templates = profiles.list_templates().user_attribute_profile_templates
    assert profiles.get_template(templates[0].id).id == templates[0].id


def test_credentials_of_wallets_have_a_template(management):
    templates = management.verifiable_credentials.verification.templates
    wanted = {
        "name": unique("licence"),
        "type": "mdl",
        "dialect": "simplified/1.0",
        "presentation": {"org.iso.18013.5.1.mDL": {"org.iso.18013.5.1": {"family_name": True}}},
        "well_known_trusted_issuers": "aamva",
    }
    template = templates.create(**wanted)
    assert holds(template, wanted) and holds(templates.get(template.id), wanted)
    name = unique("licence")
    assert templates.update(template.id, name=name).name == name
    assert template.id in ids(templates.list(take=1))
    templates.delete(template.id)
    with refused(404, "The verifiable credential template does not exist."):
        templates.get(template.id)
