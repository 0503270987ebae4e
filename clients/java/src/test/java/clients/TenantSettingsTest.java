package clients;

import static org.junit.jupiter.api.Assertions.*;

import com.auth0.client.mgmt.tenants.types.UpdateTenantSettingsRequestContent;
import com.auth0.client.mgmt.types.*;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The tenant's settings and its log. */
class TenantSettingsTest extends Tenant {
    @Test
    void settingsAreChangedAndKept() {
        GetTenantSettingsResponseContent before = management.tenants().settings().get();
        String name = unique("Friends");
        management
                .tenants()
                .settings()
                .update(UpdateTenantSettingsRequestContent.builder().friendlyName(name).build());
        GetTenantSettingsResponseContent after = management.tenants().settings().get();
        assertEquals(name, after.getFriendlyName().orElseThrow());
        assertEquals(before.getSessionLifetime(), after.getSessionLifetime());
    }

    @Test
    void changesStandInTheLog() {
        role();
        List<Log> entries = management
                .logs()
                .list(ListLogsRequestParameters.builder().sort("date:-1").perPage(20).page(0).build())
                .getItems();
        Log entry = entries.stream()
                .filter(log -> log.getType().orElse("").equals("sapi"))
                .findFirst()
                .orElseThrow();
        String id = entry.getLogId().orElseThrow();
        assertEquals(entry.getDescription(), management.logs().get(id).getDescription());
        refused(404, "Log not found.", () -> management
                .logs()
                .get("90020200101000000000000000000000000001223372036854775807"));
    }
}
