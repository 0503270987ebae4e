"""Connections: databases and federated ones, and the clients that use them."""

from conftest import ONCE, refused, shown, unique


def database(management, **fields):
    return management.connections.create(name=unique("db"), strategy="auth0", **fields)


def test_a_database_is_made_changed_and_deleted(management):
    connection = database(management, options={"passwordPolicy": "fair"}, metadata={"region": "north"})
    assert connection.id.startswith("con_") and connection.strategy == "auth0"
    assert connection.realms == [connection.name]
    assert connection.metadata == {"region": "north"}
    changed = management.connections.update(connection.id, display_name="Staff")
    assert changed.display_name == "Staff" and changed.name == connection.name
    assert shown(management.connections.get(connection.id)) == shown(changed)
    management.connections.delete(connection.id)
    with refused(404, "The connection does not exist", "inexistent_connection"):
        management.connections.get("con_0000000000000000")


def test_a_name_is_taken_once(management):
    connection = database(management)
    with refused(409, "A connection with the same name already exists"):
        management.connections.create(name=connection.name, strategy="github", request_options=ONCE)


def test_connections_are_found_by_strategy_and_name(management):
    made = {database(management).id for _ in range(3)}
    found = [connection.id for connection in management.connections.list(strategy=["auth0"], take=2)]
    assert made <= set(found) and len(found) == len(set(found))
    github = management.connections.create(name=unique("github"), strategy="github")
    assert [item.id for item in management.connections.list(name=github.name)] == [github.id]


def test_clients_are_enabled_and_disabled(tenant, management):
    connection, one, two = database(management), tenant.machine(), tenant.machine()
    switch = management.connections.clients.update
    switch(connection.id, request=[{"client_id": client.client_id, "status": True} for client in (one, two)])
    enabled = {item.client_id for item in management.connections.clients.get(connection.id)}
    assert {one.client_id, two.client_id} <= enabled
    switch(connection.id, request=[{"client_id": one.client_id, "status": False}])
    assert one.client_id not in {item.client_id for item in management.connections.clients.get(connection.id)}
    assert connection.id in {item.id for item in management.clients.connections.get(two.client_id)}


def test_a_database_is_online(management):
    management.connections.check_status(database(management).id)


def test_options_that_exclude_each_other_are_refused(management):
    with refused(400, "Cannot set both options.attributes and options.requires_username", "invalid_body"):
        database(
            management,
            options={"requires_username": True, "attributes": {"username": {"identifier": {"active": True}}}},
        )
