-- Root keys of the tenants' own, encrypted under the installation's. One that was destroyed has no bytes any more.
CREATE TABLE root_keys (
    tenant {int} NOT NULL,
    number {int} NOT NULL,
    wrapped {bytes},
    created {big} NOT NULL,
    PRIMARY KEY (tenant, number)
){clustered};

-- Which of the tenant's root keys wraps a data key; 0: the installation's.
ALTER TABLE data_keys ADD COLUMN root {int} NOT NULL DEFAULT 0;

-- What happened to users and organizations. `horizon` as in `logs`; readers go by it first, so that none is passed over.
CREATE TABLE events (
    seq {serial},
    tenant {int} NOT NULL,
    horizon {big} NOT NULL,
    time {big} NOT NULL,
    type {text} NOT NULL,
    document TEXT NOT NULL
);
CREATE INDEX events_in_order ON events (tenant, horizon{seq});
