"""Domains of the tenant's own, and the ways on which its events and logs leave it."""

from datetime import datetime, timezone

import pytest

from conftest import ONCE, holds, ids, refused, settled, shown, unique

WEBHOOK = {
    "type": "webhook",
    "configuration": {
        "webhook_endpoint": "https://events.example.com/hook",
        "webhook_authorization": {"method": "basic", "username": "me", "password": "hush"},
    },
}
BRIDGE = {"type": "eventbridge", "configuration": {"aws_account_id": "123456789012", "aws_region": "us-east-1"}}
SINKS = {
    "http": {
        "httpEndpoint": "https://logs.example.com",
        "httpContentType": "application/json",
        "httpContentFormat": "JSONLINES",
        "httpAuthorization": "Bearer hush",
    },
    "datadog": {"datadogRegion": "eu", "datadogApiKey": "0123456789abcdef0123456789abcdef"},
    "eventbridge": {"awsAccountId": "123456789012", "awsRegion": "eu-west-1"},
    "splunk": {"splunkDomain": "splunk.example.com", "splunkToken": "hush", "splunkPort": "8088", "splunkSecure": True},
    "sumo": {"sumoSourceAddress": "https://sumo.example.com/receiver"},
    "segment": {"segmentWriteKey": "hush"},
}


def test_a_domain_is_named_changed_and_given_up(tenant, management):
    domains = management.custom_domains
    name = f"{unique('login')}.example.com"
    made = domains.create(domain=name, type="auth0_managed_certs", domain_metadata={"brand": "one"})
    assert made.custom_domain_id.startswith("cd_") and made.status == "pending_verification"
    assert made.verification.methods[0].name == "CNAME"
    assert holds(domains.get(made.custom_domain_id), {"domain": name, "domain_metadata": {"brand": "one"}})
    changed = domains.update(made.custom_domain_id, tls_policy="recommended", domain_metadata={"brand": "two"})
    assert changed.domain_metadata == {"brand": "two"}
    assert made.custom_domain_id in [item.custom_domain_id for item in domains.list()]
    assert domains.verify(made.custom_domain_id).custom_domain_id == made.custom_domain_id
    with refused(409, "The custom domain is not ready."):
        domains.test(made.custom_domain_id, request_options=ONCE)
    with refused(400, "on property type", "invalid_body"):
        domains.create(domain=name, type="borrowed")
    domains.delete(made.custom_domain_id)
    with refused(404, "Custom domain not found."):
        domains.get(made.custom_domain_id)


def test_one_domain_is_the_default(tenant, management):
    domain = management.custom_domains.get_default().domain
    assert management.custom_domains.set_default(domain=domain).domain == domain


@pytest.fixture
def stream(management):
    request = {
        "name": unique("stream"),
        "subscriptions": [{"event_type": "user.created"}],
        "destination": WEBHOOK,
        "status": "disabled",
    }
    return management.event_streams.create(request=request)


def test_a_stream_of_events_is_made_changed_and_deleted(management, stream):
    streams = management.event_streams
    assert stream.id.startswith("est_") and "hush" not in stream.model_dump_json()
    assert shown(streams.get(stream.id)) == shown(stream)
    name = unique("stream")
    changed = streams.update(
        stream.id, name=name, subscriptions=[{"event_type": "user.created"}, {"event_type": "user.deleted"}]
    )
    assert changed.name == name and len(changed.subscriptions) == 2
    assert stream.id in ids(streams.list(take=1))
    with refused(400, "on property status", "invalid_body"):
        streams.update(stream.id, status="dry")
    streams.delete(stream.id)
    with refused(404, "The event stream does not exist."):
        streams.get(stream.id)


def test_what_could_not_be_delivered_is_told_and_sent_again(management):
    streams = management.event_streams
    stream = streams.create(
        request={"name": unique("bridge"), "subscriptions": [{"event_type": "user.created"}], "destination": BRIDGE}
    )
    event = streams.test(stream.id, event_type="user.created")
    assert event.event_type == "user.created"
    failed = settled(lambda: streams.deliveries.get_history(stream.id, event.id), "pending", "processing")
    assert failed.status == "failed" and failed.attempts
    assert event.id in ids(streams.deliveries.list(stream.id, take=1))
    streams.redeliveries.create_by_id(stream.id, event.id)
    assert streams.redeliveries.create(stream.id, statuses=["failed"]) is not None
    with refused(404, "The event delivery does not exist."):
        streams.deliveries.get_history(stream.id, "evt_" + 22 * "0")
    streams.delete(stream.id)


def test_events_are_followed_as_they_happen(tenant, management):
    before = datetime.now(timezone.utc).replace(microsecond=0)
    user = tenant.person()
    events = management.events.subscribe(from_timestamp=before, event_type="user.created")
    for message in events:
        if message.event.type == "user.created" and user.user_id in message.model_dump_json():
            break
    assert message.event.data.object.email == user.email
    events.close()


@pytest.mark.parametrize("kind", SINKS)
def test_logs_flow_into_a_sink(management, kind):
    streams = management.log_streams
    name = unique(kind)
    stream = streams.create(request={"name": name, "type": kind, "sink": SINKS[kind]})
    assert stream.id.startswith("lst_") and stream.status == "active"
    read = streams.get(stream.id)
    assert (read.type, read.name) == (kind, name)
    changed = streams.update(
        stream.id, status="paused", filters=[{"type": "category", "name": "auth.login.fail"}]
    )
    assert holds(changed, {"status": "paused", "filters": [{"type": "category", "name": "auth.login.fail"}]})
    assert stream.id in ids(streams.list())
    with refused(400, "on property status", "invalid_body"):
        streams.update(stream.id, status="drowned")
    streams.delete(stream.id)
    with refused(404, "The log stream does not exist."):
        streams.get(stream.id)
