-- Words in braces differ between the databases; `migrations.rs` fills them in.

-- A tenant's number stands for it in all other tables.
CREATE TABLE tenants (
    number {serial},
    name {text} NOT NULL UNIQUE,
    created {big} NOT NULL
);

-- Data keys, encrypted under the root key. The highest version encrypts; older ones still decrypt.
CREATE TABLE data_keys (
    tenant {int} NOT NULL,
    version {int} NOT NULL,
    wrapped {bytes} NOT NULL,
    created {big} NOT NULL,
    PRIMARY KEY (tenant, version)
){clustered};

-- Words that stand in many rows (kinds, fields, relations, counters), each once.
CREATE TABLE names (
    number {serial},
    name {text} NOT NULL UNIQUE
);

-- `search` repeats the record's rows in `keys` and `terms`, so that they are found without an index of their own.
CREATE TABLE records (
    seq {serial},
    tenant {int} NOT NULL,
    kind {int} NOT NULL,
    id {text} NOT NULL,
    version {big} NOT NULL,
    created {big} NOT NULL,
    updated {big} NOT NULL,
    document TEXT NOT NULL,
    sealed {bytes},
    search TEXT NOT NULL
);
CREATE UNIQUE INDEX records_by_id ON records (tenant, kind, id);
CREATE INDEX records_in_order ON records (tenant, kind{seq});

CREATE TABLE keys (
    tenant {int} NOT NULL,
    kind {int} NOT NULL,
    name {int} NOT NULL,
    value {text} NOT NULL,
    seq {big} NOT NULL,
    PRIMARY KEY (tenant, kind, name, value)
){clustered};

-- `class`: 0 truth value, 1 number, 2 text. `place`: bit 1 for the least value of the record's field, bit 2 for the greatest.
CREATE TABLE terms (
    tenant {int} NOT NULL,
    kind {int} NOT NULL,
    field {int} NOT NULL,
    class {small} NOT NULL,
    number {real} NOT NULL,
    text {text} NOT NULL,
    seq {big} NOT NULL,
    place {small} NOT NULL,
    PRIMARY KEY (tenant, kind, field, class, number, text, seq)
){clustered};

-- How many records a kind has: the sum over the shards. Each writer has a shard of its own and never waits for another.
CREATE TABLE counts (
    tenant {int} NOT NULL,
    kind {int} NOT NULL,
    shard {int} NOT NULL,
    amount {big} NOT NULL,
    PRIMARY KEY (tenant, kind, shard)
){clustered};

CREATE TABLE relations (
    seq {serial},
    tenant {int} NOT NULL,
    relation {int} NOT NULL,
    left_id {text} NOT NULL,
    right_id {text} NOT NULL,
    created {big} NOT NULL,
    document TEXT NOT NULL
);
CREATE UNIQUE INDEX relations_by_ids ON relations (tenant, relation, left_id, right_id);
CREATE INDEX relations_of_left ON relations (tenant, relation, left_id{seq});
CREATE INDEX relations_of_right ON relations (tenant, relation, right_id{seq});

-- `horizon`: the database transaction that wrote the row, where rows can become visible out of order.
CREATE TABLE logs (
    seq {serial},
    tenant {int} NOT NULL,
    log_id {text} NOT NULL,
    horizon {big} NOT NULL,
    date {big} NOT NULL,
    type {text},
    description {text},
    connection {text},
    connection_id {text},
    organization_id {text},
    client_id {text},
    client_name {text},
    ip {text},
    hostname {text},
    user_id {text},
    user_name {text},
    user_agent {text},
    strategy {text},
    strategy_type {text},
    document TEXT NOT NULL
);
CREATE UNIQUE INDEX logs_by_id ON logs (tenant, log_id);
CREATE INDEX logs_by_type ON logs (tenant, type, log_id);
CREATE INDEX logs_by_user ON logs (tenant, user_id, log_id) WHERE user_id IS NOT NULL;

-- A job is free when `leased_until` has passed. `lease` tells the holder's lease from a later one.
CREATE TABLE jobs (
    seq {serial},
    tenant {int} NOT NULL,
    id {text} NOT NULL,
    queue {int} NOT NULL,
    run_at {big} NOT NULL,
    leased_until {big} NOT NULL,
    lease {big} NOT NULL,
    attempts {big} NOT NULL,
    has_failed {small} NOT NULL,
    created {big} NOT NULL,
    payload TEXT NOT NULL,
    sealed {bytes},
    progress TEXT NOT NULL,
    error TEXT
);
CREATE UNIQUE INDEX jobs_by_id ON jobs (tenant, id);
CREATE INDEX jobs_due ON jobs (queue, run_at) WHERE has_failed = 0;

CREATE TABLE counters (
    tenant {int} NOT NULL,
    name {int} NOT NULL,
    value {big} NOT NULL,
    PRIMARY KEY (tenant, name)
){clustered};
