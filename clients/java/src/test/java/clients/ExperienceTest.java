package clients;

import static org.junit.jupiter.api.Assertions.*;

import com.auth0.client.mgmt.branding.phone.types.*;
import com.auth0.client.mgmt.branding.types.*;
import com.auth0.client.mgmt.prompts.types.*;
import com.auth0.client.mgmt.selfserviceprofiles.types.*;
import com.auth0.client.mgmt.types.*;
import com.auth0.client.mgmt.verifiablecredentials.verification.types.*;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What users see: branding, themes, the page around the login, messages to phones, prompts, and profiles for them. */
class ExperienceTest extends Tenant {
    private static final String PAGE =
            "<!DOCTYPE html><html><head>{%- auth0:head -%}</head><body>{%- auth0:widget -%}</body></html>";
    private static final String THEME = """
            {'borders': {'button_border_radius': 3, 'button_border_weight': 1, 'buttons_style': 'rounded',
                         'input_border_radius': 3, 'input_border_weight': 1, 'inputs_style': 'rounded',
                         'show_widget_shadow': true, 'widget_border_weight': 0, 'widget_corner_radius': 5},
             'colors': {'body_text': '#1e212a', 'error': '%s', 'header': '#1e212a', 'icons': '#65676e',
                        'input_background': '#ffffff', 'input_border': '#c9cace', 'input_filled_text': '#000000',
                        'input_labels_placeholders': '#65676e', 'links_focused_components': '#635dff',
                        'primary_button': '#635dff', 'primary_button_label': '#ffffff', 'success': '#13a688',
                        'secondary_button_border': '#c9cace', 'secondary_button_label': '#1e212a',
                        'widget_background': '#ffffff', 'widget_border': '#c9cace'},
             'fonts': {'body_text': {'bold': false, 'size': 87.5}, 'buttons_text': {'bold': false, 'size': 100},
                       'font_url': '', 'input_labels': {'bold': false, 'size': 100}, 'links_style': 'normal',
                       'links': {'bold': true, 'size': 87.5}, 'reference_text_size': 16,
                       'subtitle': {'bold': false, 'size': 87.5}, 'title': {'bold': false, 'size': 150}},
             'page_background': {'background_color': '#000000', 'background_image_url': '', 'page_layout': 'center'},
             'widget': {'header_text_alignment': 'center', 'logo_height': 52, 'logo_position': 'center',
                        'logo_url': '', 'social_buttons_layout': 'bottom'}}""";
    private static final String TWILIO = """
            {'name': 'twilio', 'credentials': {'auth_token': 'hush'}, 'configuration':
             {'sid': 'AC1', 'default_from': '+15555550100', 'delivery_methods': ['text', 'voice']}}""";

    @Test
    void theBrandIsChanged() {
        String brand = "{'colors': {'primary': '#0059d6', 'page_background': '#ffffff'}, 'logo_url': 'https://example.com/l.png'}";
        holds(management.branding().update(of(UpdateBrandingRequestContent.class, brand)), brand);
        holds(management.branding().get(), brand);
        refused(400, "on property colors.primary", () -> management.branding()
                .update(of(UpdateBrandingRequestContent.class, "{'colors': {'primary': 'blue as the sea'}}")));
    }

    @Test
    void aThemeIsMadeChangedAndDeleted() {
        var themes = management.branding().themes();
        var made = themes.create(of(CreateBrandingThemeRequestContent.class, THEME, "#d03c38"));
        String id = text(made, "themeId");
        holds(made, THEME, "#d03c38");
        same(made, themes.get(id));
        same(made, themes.getDefault());
        holds(themes.update(id, of(UpdateBrandingThemeRequestContent.class, THEME, "#ff0000")), THEME, "#ff0000");
        refused(400, "on property colors.error", () ->
                themes.update(id, of(UpdateBrandingThemeRequestContent.class, THEME, "as you like it")));
        themes.delete(id);
        refused(404, "invalid theme ID", () -> themes.get(id));
    }

    @Test
    void thePageAroundTheLoginIsTheTenants() {
        var templates = management.branding().templates();
        templates.updateUniversalLogin(UpdateUniversalLoginTemplateRequestContent.of(PAGE));
        assertEquals(PAGE, text(templates.getUniversalLogin(), "body"));
        var partials = management.prompts().partials();
        Map<String, Object> part = Map.of("login", Map.of("form-content-start", "<div>Hello</div>"));
        partials.set(PartialGroupsEnum.LOGIN, part);
        assertEquals(part, partials.get(PartialGroupsEnum.LOGIN));
        partials.set(PartialGroupsEnum.LOGIN, Map.of());
        assertEquals(Map.of(), partials.get(PartialGroupsEnum.LOGIN));
        templates.deleteUniversalLogin();
        refused(404, "Template does not exist.", templates::getUniversalLogin);
    }

    @Test
    void messagesToPhonesHaveAProviderAndTemplates() {
        var providers = management.branding().phone().providers();
        var provider = providers.create(of(CreateBrandingPhoneProviderRequestContent.class, TWILIO));
        assertFalse(shown(provider).toString().contains("hush"));
        same(provider, providers.get(id(provider)));
        assertTrue(shown(providers.list()).toString().contains(id(provider)));
        String own = "{'name': 'custom', 'credentials': {}, 'configuration': {'delivery_methods': ['text', 'voice']}}";
        providers.update(id(provider), of(UpdateBrandingPhoneProviderRequestContent.class, own));
        holds(providers.get(id(provider)), "{'name': 'custom', 'configuration': {'delivery_methods': ['text', 'voice']}}");
        providers.test(id(provider), of(CreatePhoneProviderSendTestRequestContent.class, "{'to': '+15555550101'}"));

        var templates = management.branding().phone().templates();
        String content = "{'content': {'from': '+15555550100', 'body': {'text': '{{code}} for you'}}";
        var template = templates.create(of(
                CreatePhoneTemplateRequestContent.class, content + ", 'type': 'otp_enroll', 'disabled': false}"));
        holds(template, content + "}");
        same(template, templates.get(id(template)));
        assertTrue(shown(templates.list()).toString().contains(id(template)));
        holds(templates.update(id(template), of(UpdatePhoneTemplateRequestContent.class, content + "}")),
                content + "}");
        templates.test(id(template), of(CreatePhoneTemplateTestNotificationRequestContent.class,
                "{'to': '+15555550101'}"));
        assertNotEquals("{{code}} for you", text(templates.reset(id(template), Map.of()), "/content/body/text"));
        templates.delete(id(template));
        refused(404, "Notification Resource not found", () -> templates.get(id(template)));
        providers.delete(id(provider));
        refused(404, "Notification Resource not found", () -> providers.get(id(provider)));
    }

    @Test
    void promptsSayWhatTheTenantLikes() {
        var before = management.prompts().getSettings();
        holds(
                management.prompts().updateSettings(
                        of(UpdateSettingsRequestContent.class, "{'identifier_first': true}")),
                "{'identifier_first': true}");
        management.prompts().updateSettings(of(UpdateSettingsRequestContent.class, shown(before).toString()));
        same(before, management.prompts().getSettings());

        var texts = management.prompts().customText();
        Map<String, Object> words = Map.of("signup", Map.of("title", "Come in"));
        texts.set(PromptGroupNameEnum.SIGNUP, PromptLanguageEnum.EN, words);
        assertEquals(words, texts.get(PromptGroupNameEnum.SIGNUP, PromptLanguageEnum.EN));
        assertEquals(Map.of(), texts.get(PromptGroupNameEnum.SIGNUP, PromptLanguageEnum.FR));
        refused(400, "Invalid screen \"no-such-screen\".", () -> texts.set(
                PromptGroupNameEnum.SIGNUP, PromptLanguageEnum.EN, Map.of("no-such-screen", Map.of("title", "?"))));
        texts.set(PromptGroupNameEnum.SIGNUP, PromptLanguageEnum.EN, Map.of());
    }

    @Test
    void screensAreRenderedByTheTenant() {
        var rendering = management.prompts().rendering();
        String wanted = """
                {'rendering_mode': 'advanced', 'context_configuration': ['branding.settings', 'tenant.name'],
                 'default_head_tags_disabled': true, 'head_tags':
                 [{'tag': 'script', 'attributes': {'src': 'https://example.com/login.js', 'async': true}}]}""";
        holds(
                rendering.update(
                        PromptGroupNameEnum.SIGNUP_ID,
                        ScreenGroupNameEnum.SIGNUP_ID,
                        of(UpdateAculRequestContent.class, wanted)),
                wanted);
        holds(rendering.get(PromptGroupNameEnum.SIGNUP_ID, ScreenGroupNameEnum.SIGNUP_ID), wanted);
        var advanced = of(ListAculsRequestParameters.class, "{'rendering_mode': 'advanced', 'per_page': 1}");
        assertEquals(1, all(rendering.list(advanced)).size());
        rendering.bulkUpdate(of(BulkUpdateAculRequestContent.class,
                "{'configs': [{'prompt': 'signup-id', 'screen': 'signup-id', 'rendering_mode': 'standard'}]}"));
        assertTrue(all(rendering.list(advanced)).isEmpty());
    }

    @Test
    void aCompanyServesItself() {
        var profiles = management.selfServiceProfiles();
        String fields = "'description': '%s', 'branding': {'colors': {'primary': '#112233'}}, 'allowed_strategies':"
                + " ['oidc', 'samlp'], 'user_attributes': [{'name': 'email', 'description': 'Mail', 'is_optional': false}]}";
        var made = profiles.create(of(
                CreateSelfServiceProfileRequestContent.class, "{'name': '%s', " + fields, unique("profile"),
                "Partners"));
        holds(made, "{" + fields, "Partners");
        same(made, profiles.get(id(made)));
        holds(
                profiles.update(id(made), of(UpdateSelfServiceProfileRequestContent.class,
                        "{'description': 'Friends'}")),
                "{" + fields,
                "Friends");
        assertTrue(ids(profiles.list(
                of(ListSelfServiceProfilesRequestParameters.class, "{'per_page': 1}"))).contains(id(made)));

        Map<String, String> words = Map.of("introduction", "Hello");
        var english = SelfServiceProfileCustomTextLanguageEnum.EN;
        var start = SelfServiceProfileCustomTextPageEnum.GET_STARTED;
        assertEquals(words, profiles.customText().set(id(made), english, start, words));
        assertEquals(words, profiles.customText().list(id(made), english, start));
        var ticket = profiles.ssoTicket().create(id(made), of(
                CreateSelfServiceProfileSsoTicketRequestContent.class,
                "{'connection_config': {'name': '%s'}, 'ttl_sec': 3600}",
                unique("partner")));
        profiles.ssoTicket().revoke(id(made), text(ticket, "ticket").split("ticket=")[1]);
        profiles.delete(id(made));
        refused(404, "Profile with ID: " + id(made) + " not found", () -> profiles.get(id(made)));
    }

    @Test
    void attributesOfUsersHaveAProfile() {
        var profiles = management.userAttributeProfiles();
        String attributes = "'user_attributes': {'email': {'description': 'Where to write to', 'label': 'E-mail',"
                + " 'profile_required': true, 'auth0_mapping': 'email'}}}";
        var made = profiles.create(of(
                CreateUserAttributeProfileRequestContent.class, "{'name': '%s', " + attributes, unique("attributes")));
        holds(made, "{" + attributes);
        same(made, profiles.get(id(made)));
        String name = unique("attributes");
        holds(
                profiles.update(id(made), of(UpdateUserAttributeProfileRequestContent.class, "{'name': '%s'}", name)),
                "{'name': '%s', " + attributes,
                name);
        assertTrue(ids(profiles.list(
                of(ListUserAttributeProfileRequestParameters.class, "{'take': 1}"))).contains(id(made)));
        profiles.delete(id(made));
        refused(404, "User attribute profile not found.", () -> profiles.get(id(made)));
        String template = text(profiles.listTemplates(), "/user_attribute_profile_templates/0/id");
        assertEquals(template, id(profiles.getTemplate(template)));
    }

    @Test
    void credentialsOfWalletsHaveATemplate() {
        var templates = management.verifiableCredentials().verification().templates();
        String fields = "'type': 'mdl', 'dialect': 'simplified/1.0', 'well_known_trusted_issuers': 'aamva',"
                + " 'presentation': {'org.iso.18013.5.1.mDL': {'org.iso.18013.5.1': {'family_name': true}}}}";
        var made = templates.create(of(
                CreateVerifiableCredentialTemplateRequestContent.class, "{'name': '%s', " + fields, unique("licence")));
        holds(made, "{" + fields);
        String name = unique("licence");
        holds(
                templates.update(
                        id(made), of(UpdateVerifiableCredentialTemplateRequestContent.class, "{'name': '%s'}", name)),
                "{'name': '%s', " + fields,
                name);
        holds(templates.get(id(made)), "{'name': '%s'}", name);
        templates.delete(id(made));
        refused(404, "The verifiable credential template does not exist.", () -> templates.get(id(made)));
    }
}
