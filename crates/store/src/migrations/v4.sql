-- A tenant's key for hashes of what bearers present, encrypted under its root key `root` (0: the installation's). Renewed
-- data keys leave it alone: a hash cannot be made anew without what was presented.
CREATE TABLE hash_keys (
    tenant {int} NOT NULL,
    wrapped {bytes} NOT NULL,
    created {big} NOT NULL,
    root {int} NOT NULL,
    PRIMARY KEY (tenant)
){clustered};

-- Sessions of browsers. `secret`: keyed hash of what the browser presents. `sweep`: the hour, since 1970, in which the row
-- is of no use any more at the latest.
CREATE TABLE sessions (
    seq {serial},
    tenant {int} NOT NULL,
    id {text} NOT NULL,
    secret {bytes} NOT NULL,
    user_id {text} NOT NULL,
    created {big} NOT NULL,
    updated {big} NOT NULL,
    authenticated {big} NOT NULL,
    interacted {big} NOT NULL,
    idle_expires {big} NOT NULL,
    expires {big} NOT NULL,
    sweep {int} NOT NULL,
    is_persistent {small} NOT NULL,
    details TEXT NOT NULL
);
CREATE UNIQUE INDEX sessions_by_id ON sessions (tenant, id);
CREATE UNIQUE INDEX sessions_by_secret ON sessions (tenant, secret);
CREATE INDEX sessions_of_user ON sessions (tenant, user_id{seq});
CREATE INDEX sessions_to_sweep ON sessions (tenant, sweep);

-- Refresh tokens, one row for a whole family. What a client presents is a handle, which stays, and a secret, which is
-- replaced when the token rotates: `previous` was the secret until `rotated`. A time that never comes is the greatest number.
CREATE TABLE refresh_tokens (
    seq {serial},
    tenant {int} NOT NULL,
    id {text} NOT NULL,
    handle {bytes} NOT NULL,
    secret {bytes} NOT NULL,
    previous {bytes},
    rotated {big},
    user_id {text} NOT NULL,
    client_id {text} NOT NULL,
    session_id {text},
    created {big} NOT NULL,
    exchanged {big},
    idle_expires {big} NOT NULL,
    expires {big} NOT NULL,
    sweep {int} NOT NULL,
    is_rotating {small} NOT NULL,
    is_online {small} NOT NULL,
    details TEXT NOT NULL
);
CREATE UNIQUE INDEX refresh_tokens_by_id ON refresh_tokens (tenant, id);
CREATE UNIQUE INDEX refresh_tokens_by_handle ON refresh_tokens (tenant, handle);
CREATE INDEX refresh_tokens_of_user ON refresh_tokens (tenant, user_id, client_id{seq});
CREATE INDEX refresh_tokens_of_client ON refresh_tokens (tenant, client_id{seq});
CREATE INDEX refresh_tokens_of_session ON refresh_tokens (tenant, session_id) WHERE session_id IS NOT NULL;
CREATE INDEX refresh_tokens_to_sweep ON refresh_tokens (sweep);

-- What can be presented once: codes, transactions, tickets, challenges. `id`: keyed hash of what is presented.
CREATE TABLE single_use (
    seq {serial},
    tenant {int} NOT NULL,
    kind {int} NOT NULL,
    id {text} NOT NULL,
    user_id {text},
    created {big} NOT NULL,
    expires {big} NOT NULL,
    sweep {int} NOT NULL,
    sealed {bytes} NOT NULL
);
CREATE UNIQUE INDEX single_use_by_id ON single_use (tenant, kind, id);
CREATE INDEX single_use_of_user ON single_use (tenant, user_id, kind) WHERE user_id IS NOT NULL;
CREATE INDEX single_use_to_sweep ON single_use (sweep);

-- What is counted for a while: failed attempts, uses of a limit. Unlike `counters`, which number things and only grow.
CREATE TABLE tallies (
    seq {serial},
    tenant {int} NOT NULL,
    name {int} NOT NULL,
    key {text} NOT NULL,
    value {big} NOT NULL,
    since {big} NOT NULL,
    expires {big} NOT NULL,
    sweep {int} NOT NULL
);
CREATE UNIQUE INDEX tallies_by_key ON tallies (tenant, name, key);
CREATE INDEX tallies_to_sweep ON tallies (sweep);

-- Parts that stand in many log events, each once. `used`: the last day, since 1970, on which an event named it.
CREATE TABLE log_parts (
    seq {serial},
    tenant {int} NOT NULL,
    digest {bytes} NOT NULL,
    used {int} NOT NULL,
    text TEXT NOT NULL
);
CREATE UNIQUE INDEX log_parts_by_digest ON log_parts (tenant, digest);
ALTER TABLE logs ADD COLUMN part {big};
