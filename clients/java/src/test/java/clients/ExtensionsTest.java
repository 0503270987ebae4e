package clients;

import static org.junit.jupiter.api.Assertions.*;

import com.auth0.client.mgmt.actions.types.*;
import com.auth0.client.mgmt.flows.vault.types.*;
import com.auth0.client.mgmt.types.*;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** What tenants build on: forms, flows and their vault, hooks, rules, modules of Actions, and token exchange. */
class ExtensionsTest extends Tenant {
    private static final String FORM = """
            {'name': '%s', 'languages': {'primary': 'en', 'default': 'en'}, 'nodes':
             [{'id': 'step_1', 'type': 'STEP', 'coordinates': {'x': 1, 'y': 2}, 'alias': 'Name', 'config':
               {'components': [{'id': 'name', 'category': 'FIELD', 'type': 'TEXT', 'config': {}, 'label': 'Name'}],
                'next_node': '$ending'}}],
             'start': {'next_node': 'step_1', 'coordinates': {'x': 0, 'y': 0}},
             'ending': {'coordinates': {'x': 9, 'y': 0}, 'resume_flow': true}}""";
    private static final String FLOW = """
            {'name': '%s', 'actions': [{'id': 'ask', 'type': 'HTTP', 'action': 'SEND_REQUEST',
             'params': {'method': 'GET', 'url': 'https://api.example.com/'}}]}""";

    @Test
    void aFormIsMadeChangedAndDeleted() {
        var forms = management.forms();
        String name = unique("form");
        var made = forms.create(of(CreateFormRequestContent.class, FORM, name));
        holds(made, FORM, name);
        same(made, forms.get(id(made)));
        String other = unique("form");
        holds(forms.update(id(made), of(UpdateFormRequestContent.class, "{'name': '%s'}", other)), FORM, other);
        assertTrue(ids(forms.list(of(ListFormsRequestParameters.class, "{'per_page': 1}"))).contains(id(made)));
        forms.delete(id(made));
        refused(404, "Form not found", () -> forms.get(id(made)));
    }

    @Test
    void aFlowIsMadeChangedAndDeleted() {
        var flows = management.flows();
        String name = unique("flow");
        var made = flows.create(of(CreateFlowRequestContent.class, FLOW, name));
        holds(made, FLOW, name);
        same(made, flows.get(id(made)));
        String other = unique("flow");
        holds(flows.update(id(made), of(UpdateFlowRequestContent.class, "{'name': '%s'}", other)), FLOW, other);
        assertTrue(ids(flows.list(of(ListFlowsRequestParameters.class, "{'per_page': 1}"))).contains(id(made)));
        assertTrue(all(flows.executions().list(id(made))).isEmpty());
        flows.executions().delete(id(made), "no-such-execution");
        refused(404, "Flow execution not found", () -> flows.executions().get(id(made), "no-such-execution"));
        flows.delete(id(made));
        refused(404, "Flow not found", () -> flows.get(id(made)));
    }

    @Test
    void flowsKeepSecretsInAVault() {
        var vault = management.flows().vault().connections();
        var made = vault.create(of(
                CreateFlowsVaultConnectionRequestContent.class,
                "{'name': '%s', 'app_id': 'HTTP', 'setup': {'type': 'BEARER', 'token': 'hush'}}",
                unique("vault")));
        assertFalse(shown(made).toString().contains("hush"));
        holds(vault.get(id(made)), "{'app_id': 'HTTP'}");
        String name = unique("vault");
        holds(
                vault.update(id(made), of(UpdateFlowsVaultConnectionRequestContent.class, "{'name': '%s'}", name)),
                "{'name': '%s'}",
                name);
        assertTrue(ids(vault.list()).contains(id(made)));
        vault.delete(id(made));
        refused(404, "Vault connection not found", () -> vault.get(id(made)));
    }

    @Test
    void aHookKeepsSecrets() {
        var hooks = management.hooks();
        String fields = "'script': 'module.exports = function (user, context, cb) { cb(null, {}); };',"
                + " 'triggerId': 'credentials-exchange', 'enabled': false, 'dependencies': {'ms': '2.1.3'}}";
        var made = hooks.create(of(CreateHookRequestContent.class, "{'name': '%s', " + fields, unique("hook")));
        holds(made, "{" + fields);
        same(made, hooks.get(id(made)));
        String script = "{'script': 'module.exports = function (user, context, cb) { cb(null, { a: 1 }); };'}";
        holds(hooks.update(id(made), of(UpdateHookRequestContent.class, script)), script);
        assertTrue(ids(hooks.list(of(ListHooksRequestParameters.class, "{'per_page': 1}"))).contains(id(made)));

        hooks.secrets().create(id(made), Map.of("KEY", "hush", "OTHER", "hush"));
        assertFalse(hooks.secrets().get(id(made)).containsValue("hush"));
        refused(409, "Secret with the same name already exists.", () ->
                hooks.secrets().create(id(made), Map.of("KEY", "again")));
        hooks.secrets().update(id(made), Map.of("KEY", "hush hush"));
        hooks.secrets().delete(id(made), List.of("OTHER"));
        assertEquals(Set.of("KEY"), hooks.secrets().get(id(made)).keySet());
        hooks.delete(id(made));
        refused(404, "Hook does not exist", () -> hooks.get(id(made)));
    }

    @Test
    void rulesRunInOrderAndHaveAConfiguration() {
        var rules = management.rules();
        String fields = "'script': 'function (user, context, callback) { callback(null, user, context); }',"
                + " 'order': 99, 'enabled': false}";
        var made = rules.create(of(CreateRuleRequestContent.class, "{'name': '%s', " + fields, unique("rule")));
        holds(made, "{" + fields);
        same(made, rules.get(id(made)));
        String name = unique("rule");
        holds(
                rules.update(id(made), of(UpdateRuleRequestContent.class, "{'name': '%s'}", name)),
                "{'name': '%s', " + fields,
                name);
        assertTrue(ids(rules.list(of(ListRulesRequestParameters.class, "{'per_page': 1}"))).contains(id(made)));
        refused(409, "A rule with the same order already exists", () ->
                rules.create(of(CreateRuleRequestContent.class, "{'name': '%s', " + fields, unique("rule"))));
        rules.delete(id(made));
        refused(404, "Rule not found.", () -> rules.get(id(made)));

        var configs = management.rulesConfigs();
        String key = unique("KEY").replace("-", "_");
        configs.set(key, of(SetRulesConfigRequestContent.class, "{'value': 'hush'}"));
        assertTrue(configs.list().stream().anyMatch(config -> text(config, "key").equals(key)));
        assertFalse(shown(configs.list()).toString().contains("hush"));
        configs.delete(key);
        assertFalse(configs.list().stream().anyMatch(config -> text(config, "key").equals(key)));
    }

    @Test
    void modulesAreSharedPublishedAndRolledBack() {
        var modules = management.actions().modules();
        var made = modules.create(of(
                CreateActionModuleRequestContent.class,
                "{'name': '%s', 'code': 'module.exports = { one: 1 };', 'publish': true}",
                unique("module")));
        String first = text(made, "/latest_version/id");
        assertEquals(List.of(first), ids(modules.versions().list(id(made))));
        holds(modules.versions().get(id(made), first), "{'code': 'module.exports = { one: 1 };'}");
        String change = "{'code': 'module.exports = { one: 2 };'}";
        holds(modules.update(id(made), of(UpdateActionModuleRequestContent.class, change)), change);
        holds(modules.versions().create(id(made)), "{'version_number': 2}");
        holds(modules.get(id(made)), change);
        assertTrue(ids(modules.list()).contains(id(made)));
        assertTrue(all(modules.listActions(id(made))).isEmpty());
        holds(
                modules.rollback(
                        id(made),
                        of(RollbackActionModuleRequestParameters.class, "{'module_version_id': '%s'}", first)),
                "{'code': 'module.exports = { one: 1 };'}");
        modules.delete(id(made));
        refused(404, "The action module does not exist.", () -> modules.get(id(made)));
        var executions = management.actions().executions();
        refused(404, "The execution does not exist.", () -> executions.get("6f1c9d0e-0f7e-4b57-9b4e-0d5d3a3a8a11"));
        assertTrue(shown(management.actions().triggers().list()).toString().contains("post-login"));
    }

    @Test
    void foreignTokensAreExchangedByAnAction() throws Exception {
        var profiles = management.tokenExchangeProfiles();
        String action = id(management.actions().create(of(CreateActionRequestContent.class, """
                {'name': '%s', 'code': 'exports.onExecuteCustomTokenExchange = async () => {};',
                 'supported_triggers': [{'id': 'custom-token-exchange', 'version': 'v1'}]}""", unique("action"))));
        settled(() -> management.actions().get(action), "pending", "building");
        management.actions().deploy(action);
        String request = "{'name': '%s', 'subject_token_type': 'urn:%s:legacy', 'action_id': '%s',"
                + " 'type': 'custom_authentication'}";
        String kind = unique("acme");
        var made = profiles.create(
                of(CreateTokenExchangeProfileRequestContent.class, request, unique("exchange"), kind, action));
        same(made, profiles.get(id(made)));
        String name = unique("exchange");
        profiles.update(id(made), of(UpdateTokenExchangeProfileRequestContent.class, "{'name': '%s'}", name));
        holds(profiles.get(id(made)), request, name, kind, action);
        assertTrue(ids(profiles.list()).contains(id(made)));
        refused(400, "Action not found", () -> profiles.create(
                of(CreateTokenExchangeProfileRequestContent.class, request, name, unique("acme"), "none")));
        profiles.delete(id(made));
        refused(404, "Token exchange profile not found.", () -> profiles.get(id(made)));
    }
}
