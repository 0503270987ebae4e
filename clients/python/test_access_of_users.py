"""What stands for a user's presence: sessions, tokens, grants, devices, groups, and the log of what was done."""

from datetime import datetime, timezone

import pytest

from conftest import refused, unique


@pytest.fixture
def user(tenant):
    return tenant.person()


def test_who_never_logged_in_has_no_sessions(management, user):
    assert list(management.users.sessions.list(user.user_id, take=1)) == []
    management.users.sessions.delete(user.user_id)
    with refused(404, "The session does not exist."):
        management.sessions.get("no-such-session")
    with refused(404, "The session does not exist."):
        management.sessions.update("no-such-session", session_metadata={"device": "kiosk"})
    with refused(404, "The session does not exist."):
        management.sessions.revoke("no-such-session")
    management.sessions.delete("no-such-session")


def test_who_never_logged_in_has_no_refresh_tokens(tenant, management, user):
    assert list(management.users.refresh_token.list(user.user_id, take=1)) == []
    assert list(management.refresh_tokens.list(user_id=user.user_id, take=1)) == []
    management.users.refresh_token.delete(user.user_id)
    management.refresh_tokens.revoke(user_id=user.user_id, client_id=tenant.client_id)
    management.users.revoke_access(user.user_id, preserve_refresh_tokens=True)
    with refused(404, "The refresh token does not exist."):
        management.refresh_tokens.get("no-such-token")
    with refused(404, "The refresh token does not exist."):
        management.refresh_tokens.update("no-such-token", refresh_token_metadata={"device": "kiosk"})
    management.refresh_tokens.delete("no-such-token")
    with refused(400, "Invalid combination of parameters."):
        management.refresh_tokens.revoke()


def test_who_never_consented_has_granted_nothing(management, user):
    assert list(management.user_grants.list(user_id=user.user_id, per_page=1)) == []
    management.user_grants.delete("abcdef0123456789abcdef01")
    assert list(management.users.connected_accounts.list(user.user_id, take=1)) == []


def test_devices_are_for_their_users_to_register(tenant, management, user):
    devices = management.device_credentials
    assert list(devices.list(user_id=user.user_id, client_id=tenant.client_id, type="public_key", per_page=1)) == []
    with refused(403, "Insufficient scope, expected any of: create:current_user_device_credentials"):
        devices.create_public_key(device_name="phone", type="public_key", value="key", device_id="one")
    devices.delete("dcr_0000000000000000")


def test_groups_come_from_directories(management, user):
    assert list(management.users.groups.get(user.user_id, take=1)) == []
    assert list(management.groups.list(search=unique("group"), take=1)) == []
    for ask in (management.groups.get, management.groups.members.get, management.groups.delete):
        with refused(404, "The group does not exist."):
            ask("grp_2eLaYLDhMwEHRcTWRzJo6X")


def test_what_was_done_to_a_user_stands_in_the_log(management, user):
    management.users.update(user.user_id, nickname="Countess")
    entries = list(management.users.logs.list(user.user_id, per_page=1))
    assert all(entry.user_id == user.user_id for entry in entries)
    found = list(management.logs.list(search="type:sapi", sort="date:-1", per_page=50, page=0).items)
    assert any("Update a User" == entry.description for entry in found)


def test_a_blocked_user_is_unblocked_by_any_of_its_names(management, user):
    assert management.user_blocks.list(user.user_id).blocked_for == []
    with refused(404, "User not found.", "inexistent_user"):
        management.user_blocks.list(f"auth0|{unique('nobody')}")
    management.user_blocks.delete_by_identifier(identifier=user.email)


def test_days_are_counted(management):
    today = datetime.now(timezone.utc).strftime("%Y%m%d")
    assert management.stats.get_active_users_count() >= 0
    days = management.stats.get_daily(from_=today, to=today)
    assert all(day.logins >= 0 for day in days)
    with refused(400, "on property from"):
        management.stats.get_daily(from_="yesterday")
