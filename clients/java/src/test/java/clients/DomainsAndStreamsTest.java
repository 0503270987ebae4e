package clients;

import static org.junit.jupiter.api.Assertions.*;

import com.auth0.client.mgmt.eventstreams.types.*;
import com.auth0.client.mgmt.types.*;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Domains of the tenant's own, and the ways on which its events and logs leave it. */
class DomainsAndStreamsTest extends Tenant {
    private static final String WEBHOOK = """
            {'name': '%s', 'subscriptions': [{'event_type': 'user.created'}], 'status': 'disabled', 'destination':
             {'type': 'webhook', 'configuration': {'webhook_endpoint': 'https://events.example.com/hook',
              'webhook_authorization': {'method': 'basic', 'username': 'me', 'password': 'hush'}}}}""";
    private static final String BRIDGE = """
            {'name': '%s', 'subscriptions': [{'event_type': 'user.created'}], 'destination':
             {'type': 'eventbridge', 'configuration': {'aws_account_id': '123456789012', 'aws_region': 'us-east-1'}}}""";

    @Test
    void aDomainIsNamedChangedAndGivenUp() {
        var domains = management.customDomains();
        String name = unique("login") + ".example.com";
        var made = domains.create(of(
                CreateCustomDomainRequestContent.class,
                "{'domain': '%s', 'type': 'auth0_managed_certs', 'domain_metadata': {'brand': 'one'}}",
                name));
        String id = text(made, "custom_domain_id");
        holds(made, "{'domain': '%s', 'status': 'pending_verification', 'domain_metadata': {'brand': 'one'}}", name);
        holds(domains.get(id), "{'domain': '%s', 'type': 'auth0_managed_certs'}", name);
        holds(
                domains.update(id, of(UpdateCustomDomainRequestContent.class,
                        "{'tls_policy': 'recommended', 'domain_metadata': {'brand': 'two'}}")),
                "{'domain_metadata': {'brand': 'two'}}");
        assertTrue(domains.list().stream().anyMatch(domain -> text(domain, "domain").equals(name)));
        holds(domains.verify(id), "{'custom_domain_id': '%s'}", id);
        refused(409, "The custom domain is not ready.", () -> domains.test(id));
        domains.delete(id);
        refused(404, "Custom domain not found.", () -> domains.get(id));
    }

    @Test
    void aStreamOfEventsIsMadeChangedAndDeleted() {
        var streams = management.eventStreams();
        var made = streams.create(of(EventStreamsCreateRequest.class, WEBHOOK, unique("stream")));
        assertFalse(shown(made).toString().contains("hush"));
        same(made, streams.get(id(made)));
        String name = unique("stream");
        holds(
                streams.update(id(made), of(UpdateEventStreamRequestContent.class,
                        "{'name': '%s', 'subscriptions': [{'event_type': 'user.deleted'}]}", name)),
                "{'name': '%s', 'subscriptions': [{'event_type': 'user.deleted'}], 'status': 'disabled'}",
                name);
        assertTrue(ids(streams.list(of(ListEventStreamsRequestParameters.class, "{'take': 1}"))).contains(id(made)));
        streams.delete(id(made));
        refused(404, "The event stream does not exist.", () -> streams.get(id(made)));
    }

    /** Lists of deliveries, and those that hold an event, are of another shape than this version of the SDK takes. */
    @Test
    void whatWasNeverDeliveredIsNotSentAgain() {
        var streams = management.eventStreams();
        String stream = id(streams.create(of(EventStreamsCreateRequest.class, BRIDGE, unique("bridge"))));
        String again = "{'statuses': ['failed']}";
        holds(streams.redeliveries().create(stream, of(CreateEventStreamRedeliveryRequestContent.class, again)), again);
        String event = "evt_" + "0".repeat(22);
        refused(404, "The event delivery does not exist.", () -> streams.deliveries().getHistory(stream, event));
        refused(404, "The event delivery does not exist.", () -> streams.redeliveries().createById(stream, event));
        streams.delete(stream);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', value = {
        "http | {'httpEndpoint': 'https://logs.example.com', 'httpContentType': 'application/json', 'httpContentFormat': 'JSONLINES'}",
        "datadog | {'datadogRegion': 'eu', 'datadogApiKey': '0123456789abcdef0123456789abcdef'}",
        "eventbridge | {'awsAccountId': '123456789012', 'awsRegion': 'eu-west-1'}",
        "splunk | {'splunkDomain': 'splunk.example.com', 'splunkToken': 'hush', 'splunkPort': '8088', 'splunkSecure': true}",
        "sumo | {'sumoSourceAddress': 'https://sumo.example.com/receiver'}",
        "segment | {'segmentWriteKey': 'hush'}",
    })
    void logsFlowIntoASink(String kind, String sink) {
        var streams = management.logStreams();
        var made = streams.create(of(
                CreateLogStreamRequestContent.class, "{'name': '%s', 'type': '%s', 'sink': %s}", unique(kind),
                kind,
                sink));
        holds(made, "{'type': '%s', 'status': 'active'}", kind);
        same(made, streams.get(id(made)));
        String change = "{'status': 'paused', 'filters': [{'type': 'category', 'name': 'auth.login.fail'}]}";
        holds(streams.update(id(made), of(UpdateLogStreamRequestContent.class, change)), change);
        assertTrue(ids(streams.list()).contains(id(made)));
        refused(400, "on property status", () ->
                streams.update(id(made), of(UpdateLogStreamRequestContent.class, "{'status': 'drowned'}")));
        streams.delete(id(made));
        refused(404, "The log stream does not exist.", () -> streams.get(id(made)));
    }
}
