"""Messages to users, tickets for them, and jobs that take their time."""

import gzip
import json
from urllib.parse import urlsplit

import httpx
import pytest

from conftest import ONCE, holds, refused, settled, shown, unique


@pytest.fixture(scope="module")
def database(tenant):
    return tenant.management.connections.create(
        name=unique("db"), strategy="auth0", enabled_clients=[tenant.client_id]
    )


def finished(management, job):
    return settled(lambda: management.jobs.get(job.id), "pending", "processing")


def imported(management, database, users, **fields):
    file = ("users.json", json.dumps(users).encode(), "application/json")
    job = management.jobs.users_imports.create(users=file, connection_id=database.id, **fields)
    return finished(management, job)


def test_mail_has_a_provider(management):
    provider = management.emails.provider
    credentials = {"smtp_host": "smtp.example.com", "smtp_port": 587, "smtp_user": "me", "smtp_pass": "hush"}
    made = provider.create(name="smtp", default_from_address="me@example.com", credentials=credentials)
    assert made.name == "smtp" and made.enabled and "hush" not in made.model_dump_json()
    with refused(409, "Email provider is already configured."):
        provider.create(name="smtp", credentials=credentials, request_options=ONCE)
    assert not provider.update(enabled=False).enabled
    kept = provider.get(fields="name,enabled,default_from_address,credentials", include_fields=True)
    assert holds(kept, {"enabled": False, "default_from_address": "me@example.com"})
    assert holds(kept, {"credentials": {"smtp_host": "smtp.example.com", "smtp_port": 587}})
    with refused(400, "No enum match for: smoke", "invalid_body"):
        provider.update(name="smoke", credentials={"fire": True})
    provider.delete()
    with refused(404, "There is not a configured email provider", "inexistent_email_provider"):
        provider.get()


def test_mail_has_templates(management):
    templates = management.email_templates
    fields = {
        "body": "<html>{{ url }}</html>",
        "from_": "me@example.com",
        "subject": "Welcome",
        "syntax": "liquid",
        "enabled": True,
        "url_lifetime_in_seconds": 600,
    }
    with refused(404, "The template does not exist."):
        templates.get("blocked_account")
    made = templates.create(template="welcome_email", **fields)
    assert made.from_ == "me@example.com" and shown(templates.get("welcome_email")) == shown(made)
    with refused(409, "Template welcome_email already exists."):
        templates.create(template="welcome_email", **fields, request_options=ONCE)
    changed = templates.update("welcome_email", subject="Hello")
    assert changed.subject == "Hello" and changed.body == fields["body"]
    assert not templates.set("welcome_email", template="welcome_email", **{**fields, "enabled": False}).enabled
    with refused(400, "on property urlLifetimeInSeconds", "invalid_body"):
        templates.update("welcome_email", url_lifetime_in_seconds=-1)


def test_tickets_open_a_page_of_the_tenant(tenant, management):
    user = tenant.person()
    for ticket in (
        management.tickets.verify_email(user_id=user.user_id, ttl_sec=60),
        management.tickets.change_password(user_id=user.user_id, mark_email_as_verified=True),
    ):
        address = urlsplit(ticket.ticket)
        assert address.netloc == tenant.domain and "ticket=" in ticket.ticket
    with refused(404, "User not found.", "inexistent_user"):
        management.tickets.verify_email(user_id=f"auth0|{unique('nobody')}")
    with refused(400, "on property ttl_sec", "invalid_body"):
        management.tickets.change_password(user_id=user.user_id, ttl_sec=-1)


def test_users_are_imported(management, database):
    one, two = f"{unique('one')}@example.com", f"{unique('two')}@example.com"
    job = imported(management, database, [{"email": one, "email_verified": True}, {"email": two, "name": "Two"}])
    assert (job.status, job.type, job.summary.inserted, job.summary.failed) == ("completed", "users_import", 2, 0)
    assert [user.email_verified for user in management.users.list_users_by_email(email=one)] == [True]
    assert management.jobs.errors.get(job.id) in (None, [])

    again = imported(management, database, [{"email": two, "name": "Zwei"}], upsert=True, external_id="again")
    assert (again.summary.updated, again.external_id) == (1, "again")
    assert [user.name for user in management.users.list_users_by_email(email=two)] == ["Zwei"]


def test_what_cannot_be_imported_is_told(management, database):
    job = imported(management, database, [{"email": f"{unique('good')}@example.com"}, {"email": "bad"}])
    assert (job.status, job.summary.inserted, job.summary.failed) == ("completed", 1, 1)
    (failed,) = management.jobs.errors.get(job.id)
    assert failed.user["email"] == "bad" and failed.errors[0].code
    with refused(400, "The connection does not exist."):
        management.jobs.users_imports.create(users=b"[]", connection_id="con_0000000000000000")


@pytest.mark.parametrize("format", ["json", "csv"])
def test_users_are_exported(tenant, management, database, format):
    email = f"{unique('export')}@example.com"
    tenant.person(connection=database.name, email=email)
    job = management.jobs.users_exports.create(
        connection_id=database.id, format=format, fields=[{"name": "user_id"}, {"name": "email"}]
    )
    assert job.type == "users_export" and job.connection_id == database.id
    job = finished(management, job)
    assert job.status == "completed"
    text = gzip.decompress(httpx.get(job.location).content).decode()
    if format == "json":
        assert email in [json.loads(line)["email"] for line in text.splitlines()]
    else:
        heading, *lines = text.splitlines()
        assert heading.replace('"', "") == "user_id,email" and any(email in line for line in lines)


def test_a_user_is_asked_to_verify(tenant, management):
    user = tenant.person()
    job = management.jobs.verification_email.create(user_id=user.user_id)
    assert job.status == "pending"
    assert holds(finished(management, job), {"id": job.id, "type": "verification_email"})
    with refused(404, "The user does not exist."):
        management.jobs.verification_email.create(user_id=f"auth0|{unique('nobody')}")


def test_a_job_that_never_was_is_not_found(management):
    with refused(404, "Job not found."):
        management.jobs.get("job_0000000000000000")
    with refused(404, "The job does not exist"):
        management.jobs.errors.get("job_0000000000000000")
