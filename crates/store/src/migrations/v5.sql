-- Questions for all tenants at once: who has records of a kind, and which hosts are the installation's or follow it.
CREATE INDEX counts_by_kind ON counts (kind, tenant);
CREATE INDEX hosts_by_role ON hosts (role);
