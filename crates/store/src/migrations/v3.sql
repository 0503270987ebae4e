-- Which tenant answers for a host, by its name without a port; `domain` holds the port too. `role`: 0 the canonical
-- domain of the tenant that lives at the installation's, 1 a canonical domain whose port is always the installation's,
-- 2 a canonical domain of its own, 3 a verified custom domain.
CREATE TABLE hosts (
    name {text} PRIMARY KEY,
    tenant {int} NOT NULL,
    domain {text} NOT NULL,
    role {small} NOT NULL
);
CREATE INDEX hosts_of_tenant ON hosts (tenant, role);

-- Custom domains that were verified before this table was.
INSERT INTO hosts (name, tenant, domain, role)
SELECT lower(document{json} ->> 'domain'), tenant, lower(document{json} ->> 'domain'), 3 FROM records
WHERE kind = (SELECT number FROM names WHERE name = 'custom_domain') AND document{json} ->> 'status' = 'ready'
ON CONFLICT (name) DO NOTHING;
