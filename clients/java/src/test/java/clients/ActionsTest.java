package clients;

import static org.junit.jupiter.api.Assertions.*;

import com.auth0.client.mgmt.actions.triggers.types.UpdateActionBindingsRequestContent;
import com.auth0.client.mgmt.core.OptionalNullable;
import com.auth0.client.mgmt.types.*;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Actions: code at the points of a flow; how it is tried, deployed, bound and rolled back. */
class ActionsTest extends Tenant {
    private static final String TRIGGER = "post-change-password";

    private static String code(String text) {
        return "exports.onExecutePostChangePassword = async () => { console.log('" + text + "'); };";
    }

    private static String made() {
        return management
                .actions()
                .create(CreateActionRequestContent.builder()
                        .name(unique("action"))
                        .supportedTriggers(List.of(
                                ActionTrigger.builder().id(TRIGGER).version("v2").build()))
                        .code(code("one"))
                        .build())
                .getId()
                .orElseThrow();
    }

    private static void change(String id, String code) {
        management
                .actions()
                .update(id, UpdateActionRequestContent.builder().code(code).build());
    }

    private static List<ActionBinding> bind(List<String> actions) {
        List<ActionBindingWithRef> bindings = actions.stream()
                .map(id -> ActionBindingWithRef.builder()
                        .ref(ActionBindingRef.builder()
                                .type(ActionBindingRefTypeEnum.ACTION_ID)
                                .value(id)
                                .build())
                        .build())
                .collect(Collectors.toList());
        return management
                .actions()
                .triggers()
                .bindings()
                .updateMany(
                        TRIGGER,
                        UpdateActionBindingsRequestContent.builder().bindings(bindings).build())
                .getBindings()
                .orElseThrow();
    }

    @Test
    void anActionIsMadeChangedAndDeleted() {
        String id = made();
        GetActionResponseContent action = management.actions().get(id);
        assertEquals(ActionBuildStatusEnum.BUILT, action.getStatus().orElseThrow());
        change(id, "// nothing");
        assertEquals("// nothing", management.actions().get(id).getCode().orElseThrow());
        management.actions().delete(id);
        refused(404, "That action does not exist.", () -> management.actions().get(id));
    }

    @Test
    void aDraftIsTriedWithoutBeingDeployed() {
        Map<String, Object> payload = management
                .actions()
                .test(made(), TestActionRequestContent.builder().payload("event", Map.of()).build())
                .getPayload()
                .orElseThrow();
        assertEquals("one", payload.get("logs"));
        assertNull(payload.get("error"));
    }

    @Test
    void versionsAreDeployedBoundAndBroughtBack() {
        String id = made();
        refused(400, "The action is not deployed yet.", () -> bind(List.of(id)));
        String first = management.actions().deploy(id).getId().orElseThrow();
        assertEquals(1, bind(List.of(id)).size());
        change(id, code("two"));
        management.actions().deploy(id);
        List<Double> numbers = all(management.actions().versions().list(id)).stream()
                .map(version -> version.getNumber().orElseThrow())
                .collect(Collectors.toList());
        assertEquals(List.of(2.0, 1.0), numbers);
        holds(management.actions().versions().get(id, first), "{'id': '%s', 'number': 1}", first);
        assertEquals(id, text(all(management.actions().triggers().bindings().list(TRIGGER)).get(0), "/action/id"));
        assertTrue(ids(management.actions().list()).contains(id));
        DeployActionVersionRequestContent request =
                DeployActionVersionRequestContent.builder().updateDraft(true).build();
        management.actions().versions().deploy(id, first, OptionalNullable.of(request));
        assertEquals(code("one"), management.actions().get(id).getCode().orElseThrow());
        refused(409, "Unable to delete an action bound to a trigger.", () -> management.actions().delete(id));
        assertTrue(bind(List.of()).isEmpty());
        management.actions().delete(id);
    }
}
