//! Which tenant answers for which host: one table for the installation, kept in memory on every node until it changes.

use kernel::{Tenant, TenantId, host_name, is_loopback_name};

use crate::{Snapshot, Store, StoreError, StoreResult, Tx, cache::Question, index::indexed, store::Mode};

/// No host name is longer (RFC 1035 §2.3.4).
const LONGEST: usize = 253;

/// How a tenant has a canonical domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// It is the installation's, which the configuration names.
    Installation,
    /// It has the port that the installation has, also when that changes.
    Follower,
    /// It is the tenant's own, port included.
    Own,
}

impl Domain {
    fn role(self) -> i64 {
        match self {
            Self::Installation => 0,
            Self::Follower => 1,
            Self::Own => 2,
        }
    }
}

/// The role of a custom domain.
const CUSTOM: i64 = 3;

impl Store {
    /// The tenant that answers for a host, with or without a port. Custom domains count once they are verified.
    pub async fn tenant_at(&self, host: &str) -> StoreResult<Option<Tenant>> {
        let name = host_name(host);
        if name.is_empty() || name.len() > LONGEST || name.contains('\0') {
            return Ok(None);
        }
        self.answer(Question::Host(name.as_str().into()), move |tx| {
            let sql = "SELECT t.name, c.domain, h.role FROM hosts AS h JOIN tenants AS t ON t.number = h.tenant \
                       JOIN hosts AS c ON c.tenant = h.tenant AND c.role < 3 WHERE h.name = $1";
            let found = tx.connection.first(sql, &[indexed(&name).into()], |row| {
                Ok((Tenant::new(TenantId::new(row.text(0)?), row.text(1)?), row.int(2)?))
            })?;
            Ok(found.map(|(tenant, role)| if role == CUSTOM { tenant.reached_by(&name) } else { tenant }))
        })
        .await
    }

    /// A tenant with its canonical domain, for work that no request asks for.
    pub async fn tenant(&self, id: &TenantId) -> StoreResult<Option<Tenant>> {
        let name = id.clone();
        self.answer(Question::Tenant(id.clone()), move |tx| {
            let sql = "SELECT c.domain FROM tenants AS t JOIN hosts AS c ON c.tenant = t.number AND c.role < 3 \
                       WHERE t.name = $1";
            tx.connection.first(sql, &[name.as_str().into()], |row| Ok(Tenant::new(name.clone(), row.text(0)?)))
        })
        .await
    }

    /// The installation's one tenant; none where it has several.
    pub async fn only_tenant(&self) -> StoreResult<Option<Tenant>> {
        self.answer(Question::Only, |tx| {
            let sql = "SELECT t.name, c.domain FROM tenants AS t JOIN hosts AS c ON c.tenant = t.number \
                       AND c.role < 3 LIMIT 2";
            let mut found =
                tx.connection.query(sql, &[], |row| Ok(Tenant::new(TenantId::new(row.text(0)?), row.text(1)?)))?;
            Ok(if found.len() == 1 { found.pop() } else { None })
        })
        .await
    }

    /// The tenant that lives at the installation's domain, and whether there are others.
    pub async fn installation_tenant(&self) -> StoreResult<(Option<TenantId>, bool)> {
        self.transact(Mode::Read, None, |tx: &mut Tx| {
            let sql = "SELECT t.name FROM tenants AS t JOIN hosts AS h ON h.tenant = t.number AND h.role = 0";
            let one = tx.connection.first(sql, &[], |row| Ok(TenantId::new(row.text(0)?)))?;
            let own = one.as_ref().map_or("", TenantId::as_str);
            let sql = "SELECT 1 FROM tenants WHERE name NOT LIKE 'deleted:%' AND name <> $1 LIMIT 1";
            let has_others = tx.connection.first(sql, &[own.into()], |_| Ok(()))?.is_some();
            Ok((one, has_others))
        })
        .await
    }

    /// All tenants with their canonical domains; none for one whose making was cut short.
    pub async fn domains(&self) -> StoreResult<Vec<(TenantId, Option<String>)>> {
        self.transact(Mode::Read, None, |tx: &mut Tx| {
            let sql = "SELECT t.name, h.domain FROM tenants AS t LEFT JOIN hosts AS h ON h.tenant = t.number AND h.role < 3 \
                       WHERE t.name NOT LIKE 'deleted:%' ORDER BY t.number";
            tx.connection
                .query(sql, &[], |row| Ok((TenantId::new(row.text(0)?), row.optional_text(1)?.map(str::to_owned))))
        })
        .await
    }

    /// Whether a host leads to a tenant that is no name of this machine: neither `localhost`, nor beneath it, nor a loopback
    /// address.
    pub async fn is_reached_from_outside(&self) -> StoreResult<bool> {
        /// More names of this machine that are not beneath `localhost` nobody has: it counts as reached.
        const MOST: u16 = 1_000;
        self.transact(Mode::Read, None, |tx: &mut Tx| {
            let sql = "SELECT name FROM hosts WHERE name NOT LIKE '%.localhost' LIMIT $1";
            let names = tx.connection.query(sql, &[i64::from(MOST).into()], |row| Ok(row.text(0)?.to_owned()))?;
            Ok(names.len() == usize::from(MOST) || !names.iter().all(|name| is_loopback_name(name)))
        })
        .await
    }

    /// Gives all tenants whose domain follows the installation's the port that it has now.
    pub async fn move_followers(&self, port: &str) -> StoreResult {
        let port = port.to_owned();
        self.transact(Mode::Write, None, move |tx: &mut Tx| {
            let sql = "UPDATE hosts SET domain = name || $1 WHERE role = 1 AND domain <> name || $2";
            if tx.connection.execute(sql, &[(&port).into(), (&port).into()])? > 0 {
                tx.changes.has_hosts = true;
            }
            Ok(())
        })
        .await
    }

    async fn answer(
        &self,
        question: Question,
        read: impl Fn(&Snapshot) -> StoreResult<Option<Tenant>> + Send + 'static,
    ) -> StoreResult<Option<Tenant>> {
        let hosts = &self.shared().hosts;
        if let Some(known) = hosts.get(&question) {
            return Ok(known);
        }
        let stamp = hosts.stamp();
        let answer = self.transact(Mode::Read, None, move |tx: &mut Tx| read(tx)).await?;
        hosts.keep(stamp, &question, answer.clone());
        Ok(answer)
    }
}

impl Tx {
    /// Makes this the tenant's canonical domain, in place of an earlier one. `Taken` when another tenant has the name,
    /// whatever the port.
    pub fn set_domain(&mut self, domain: &str, of: Domain) -> StoreResult {
        let sql = "SELECT domain, role FROM hosts WHERE tenant = $1 AND role < 3";
        let known = self.connection.first(sql, &[self.number()], |row| Ok((row.text(0)?.to_owned(), row.int(1)?)))?;
        if known.is_some_and(|(known, role)| known == domain && role == of.role()) {
            return Ok(());
        }
        self.connection.execute("DELETE FROM hosts WHERE tenant = $1 AND role < 3", &[self.number()])?;
        self.insert_host(&host_name(domain), domain, of.role())
    }

    /// Makes a verified custom domain lead to the tenant. `Taken` when it leads to another one.
    pub fn claim_host(&mut self, name: &str) -> StoreResult {
        let name = host_name(name);
        let sql = "SELECT role FROM hosts WHERE tenant = $1 AND name = $2";
        if self.connection.first(sql, &[self.number(), indexed(&name).into()], |row| row.int(0))?.is_some() {
            return Ok(());
        }
        self.insert_host(&name, &name, CUSTOM)
    }

    /// Makes a custom domain lead nowhere.
    pub fn release_host(&mut self, name: &str) -> StoreResult {
        let name = host_name(name);
        let sql = "DELETE FROM hosts WHERE tenant = $1 AND name = $2 AND role = 3";
        if self.connection.execute(sql, &[self.number(), indexed(&name).into()])? > 0 {
            self.changes.has_hosts = true;
        }
        Ok(())
    }

    fn insert_host(&mut self, name: &str, domain: &str, role: i64) -> StoreResult {
        let sql =
            "INSERT INTO hosts (name, tenant, domain, role) VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO NOTHING";
        let params = [indexed(name).into(), self.number(), indexed(domain).into(), role.into()];
        if self.connection.execute(sql, &params)? == 0 {
            return Err(StoreError::Taken { key: "domain".to_owned() });
        }
        self.changes.has_hosts = true;
        Ok(())
    }
}
