//! Taking over what a Python FlowMastery has: people first, so that they can sign in, then every client's history before its n8n key, so
//! that it is whole when its first collection begins.
//!
//! Every record is taken over once and whole, so that an import that was killed is completed by the next, and one that has come to its end
//! is repeated without effect. A rehearsal reads and judges the same and stores nothing.

mod history;
mod people;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use secrecy::{ExposeSecret, SecretString};
use tokio::task;

use crate::{
    access::scope::TenantScope,
    clock::{Clock, Timestamp},
    entropy::Entropy,
    error::{Error, FieldError, Kind, Result},
    id::{ClientId, UserId},
    model::{
        audit::AuditAction,
        client::{ClientName, Instance, NewClient, SealedInstance},
        email::Email,
        import::{ImportKind, ImportReport, sentence, source::SourceClient},
        instance::InstanceUrl,
        outbound::OutboundPolicy,
    },
    page::PageRequest,
    secret::{Place, Vault, python},
    store::{ImportSource, ImportStanding, Imported, NewAuditEntry, Store, StoreError},
};

/// How to take over.
#[derive(Clone, Debug)]
pub struct ImportRequest {
    /// Whether to store it; else it is a rehearsal.
    pub apply: bool,
    /// The SECRET_KEY of the Python FlowMastery, which opens its n8n keys.
    pub secret_key: Option<SecretString>,
    /// How many executions are stored at once; tests make it small.
    pub batch_rows: u32,
}

impl ImportRequest {
    /// A rehearsal without a key, in batches that are right for every database.
    pub fn rehearsal() -> Self {
        Self { apply: false, secret_key: None, batch_rows: 5000 }
    }
}

/// Takes over what a Python FlowMastery has.
#[derive(Clone, Debug)]
pub struct Imports {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) vault: Vault,
    pub(crate) outbound: OutboundPolicy,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
}

impl Imports {
    /// Takes over everything that is not here yet, or says what would be: for the host's own command.
    ///
    /// # Errors
    /// [`Kind::Unavailable`] when either database is away, [`Kind::Conflict`] when others change the same records; what was stored until then
    /// stays, and the next import goes on.
    pub async fn from_python(
        &self,
        source: &dyn ImportSource,
        request: ImportRequest,
    ) -> Result<ImportReport> {
        let now = self.clock.now();
        if request.apply {
            // Before the first record, so that none is without it.
            self.store.note(NewAuditEntry::new(AuditAction::ImportBegun, now)).await?;
        }
        let known = async |what| self.store.imported(TenantScope::ALL, what).await;
        let run = Run {
            service: self,
            source,
            request,
            now,
            users: ids(known(Imported::User).await?, UserId),
            clients: ids(known(Imported::Client).await?, ClientId),
            strangers: HashSet::new(),
            invitations: known(Imported::Invitation).await?,
            histories: known(Imported::History).await?,
            addresses: HashMap::new(),
            invited: HashSet::new(),
            report: ImportReport::default(),
        };
        run.run().await
    }
}

/// Ids here by ids there; `None` in a rehearsal for what would be made.
type Ids<T> = HashMap<String, Option<T>>;

fn ids<T>(known: HashMap<String, i64>, id: impl Fn(i64) -> T) -> Ids<T> {
    known.into_iter().map(|(source, here)| (source, Some(id(here)))).collect()
}

/// One import.
struct Run<'a> {
    service: &'a Imports,
    source: &'a dyn ImportSource,
    request: ImportRequest,
    now: Timestamp,
    users: Ids<UserId>,
    clients: Ids<ClientId>,
    /// The names of clients here that were not taken over.
    strangers: HashSet<ClientName>,
    invitations: HashMap<String, i64>,
    histories: HashMap<String, i64>,
    /// The users there that were taken over, by their addresses.
    addresses: HashMap<Email, String>,
    /// Whose invitations were taken over now.
    invited: HashSet<Email>,
    report: ImportReport,
}

/// Why a record is left out.
enum LeftOut {
    /// It is not as it should be.
    Fault(String),
    /// It need not be taken over.
    Notice(&'static str),
    /// The import ends here.
    Failed(Error),
}

impl From<FieldError> for LeftOut {
    fn from(fault: FieldError) -> Self {
        Self::Fault(sentence(&fault))
    }
}

impl<E: Into<Error>> From<E> for LeftOut {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// A client that what follows belongs to.
struct Owner<'c> {
    /// Its id there.
    source: &'c str,
    /// Its id here; `None` in a rehearsal that would make it.
    here: Option<ClientId>,
    /// What it has here.
    standing: ImportStanding,
}

impl Run<'_> {
    async fn run(mut self) -> Result<ImportReport> {
        for kind in ImportKind::ALL {
            self.report.count(kind);
        }
        let users = self.source.users().await.map_err(unreadable)?;
        let clients = self.source.clients().await.map_err(unreadable)?;
        let (admins, others): (Vec<_>, Vec<_>) = users.into_iter().partition(|user| user.role == "admin");
        for user in admins {
            self.user(user).await?;
        }
        self.meet_strangers().await?;
        for client in &clients {
            self.client(client).await?;
        }
        for user in others {
            self.user(user).await?;
        }
        for invitation in self.source.pending_invitations().await.map_err(unreadable)? {
            self.invitation(invitation).await?;
        }
        for client in &clients {
            self.numbers(client).await?;
        }
        Ok(self.report)
    }

    async fn meet_strangers(&mut self) -> Result<()> {
        let known: HashSet<ClientId> = self.clients.values().copied().flatten().collect();
        let mut page = PageRequest::default();
        loop {
            let clients = self.service.store.list_clients(TenantScope::ALL, page).await?;
            let strangers = clients.items.into_iter().filter(|client| !known.contains(&client.id));
            self.strangers.extend(strangers.map(|client| client.name));
            let Some(cursor) = clients.next else { return Ok(()) };
            page = page.after(cursor);
        }
    }

    async fn client(&mut self, client: &SourceClient) -> Result<()> {
        self.report.count(ImportKind::Client).found += 1;
        if self.clients.contains_key(&client.id) {
            self.report.count(ImportKind::Client).present += 1;
            return Ok(());
        }
        let name = self.name(client)?;
        if self.strangers.contains(&name) {
            // Where the notes of an import were lost it would be here twice.
            let text = "a client of this name is here that is not known to come from there; it is left out with all that belongs to it, \
                        until the one here is renamed or deleted";
            return self.leave_out(ImportKind::Client, &client.id, LeftOut::Fault(text.to_owned()));
        }
        let mut here = None;
        if self.request.apply {
            let new = NewClient {
                name,
                created_by_admin_id: self.user_id(client.created_by.as_deref()),
                created_at: client.created_at.unwrap_or(self.now),
            };
            let made = self.service.store.import_client(&client.id, new).await?;
            here = Some(made.ok_or_else(changed_meanwhile)?);
        }
        self.clients.insert(client.id.clone(), here);
        self.report.count(ImportKind::Client).imported += 1;
        Ok(())
    }

    fn name(&mut self, client: &SourceClient) -> Result<ClientName> {
        let fault = match ClientName::parse(&client.name) {
            Ok(name) => return Ok(name),
            Err(fault) => fault,
        };
        let name = format!("Client {}", client.id);
        self.report.fault(
            ImportKind::Client,
            &client.id,
            format!("{}; it is named {name:?} here", sentence(&fault)),
        );
        ClientName::parse(&name).map_err(|fault| Error::invalid(vec![fault]))
    }

    /// Workflows, executions and n8n of a client, in this order.
    async fn numbers(&mut self, client: &SourceClient) -> Result<()> {
        let Some(&here) = self.clients.get(&client.id) else { return Ok(()) };
        let standing = match here {
            Some(id) => self.service.store.import_standing(TenantScope::client(id), id).await?,
            None => Some(ImportStanding { is_untouched: true, ..ImportStanding::default() }),
        };
        let Some(standing) = standing else {
            self.report.notice(ImportKind::Client, &client.id, "it was deleted here since, and is left so");
            return Ok(());
        };
        let mut owner = Owner { source: &client.id, here, standing };
        self.workflows(&owner).await?;
        self.history(&mut owner).await?;
        self.key(client, &owner).await
    }

    async fn key(&mut self, client: &SourceClient, owner: &Owner<'_>) -> Result<()> {
        if client.n8n_api_url.is_none() && client.n8n_api_key.is_none() {
            return Ok(());
        }
        self.report.count(ImportKind::Key).found += 1;
        if !owner.standing.is_untouched {
            self.report.count(ImportKind::Key).present += 1;
            return Ok(());
        }
        let instance = match self.instance(client).await {
            Ok(instance) => instance,
            Err(LeftOut::Fault(reason)) => {
                let left_out = LeftOut::Fault(format!("{reason}; enter address and key here"));
                return self.leave_out(ImportKind::Key, &client.id, left_out);
            }
            Err(left_out) => return self.leave_out(ImportKind::Key, &client.id, left_out),
        };
        if let (true, Some(id)) = (self.request.apply, owner.here) {
            let key = self.service.vault.seal(Place::n8n_key(id), &instance.key)?;
            let sealed = SealedInstance { url: instance.url, key };
            let scope = TenantScope::client(id);
            if !self.service.store.import_instance(scope, id, &sealed, self.now).await? {
                self.report.count(ImportKind::Key).present += 1;
                return Ok(());
            }
        }
        self.report.count(ImportKind::Key).imported += 1;
        Ok(())
    }

    /// The n8n of a client.
    async fn instance(&self, client: &SourceClient) -> Result<Instance, LeftOut> {
        let fault = |text: &str| LeftOut::Fault(text.to_owned());
        let url = client.n8n_api_url.as_ref().ok_or_else(|| fault("it has a key without an address"))?;
        let sealed = client.n8n_api_key.clone().ok_or_else(|| fault("it has an address without a key"))?;
        let url = InstanceUrl::parse(url.trim())?;
        self.service.outbound.check(&url)?;
        let secret_key = self.request.secret_key.clone();
        let secret_key = secret_key
            .ok_or_else(|| fault("there is no SECRET_KEY of the Python FlowMastery to open it with"))?;
        let opened = task::spawn_blocking(move || python::open_n8n_key(&secret_key, sealed.expose_secret()));
        let opened = opened.await.map_err(Error::internal)?;
        let key = opened.ok_or_else(|| fault("the SECRET_KEY that was given does not open it"))?;
        Instance::check_key(&key)?;
        Ok(Instance { url, key })
    }

    /// Counts a record that is left out, and says why.
    fn leave_out(&mut self, kind: ImportKind, source_id: &str, left_out: LeftOut) -> Result<()> {
        match left_out {
            LeftOut::Fault(text) => self.report.fault(kind, source_id, text),
            LeftOut::Notice(text) => self.report.notice(kind, source_id, text),
            LeftOut::Failed(error) => return Err(error),
        }
        self.report.count(kind).skipped += 1;
        Ok(())
    }

    /// The id of a user that was taken over.
    fn user_id(&self, source: Option<&str>) -> Option<UserId> {
        source.and_then(|source| self.users.get(source).copied().flatten())
    }
}

fn unreadable(error: StoreError) -> Error {
    Error::new(Kind::Unavailable, "The database of the Python FlowMastery cannot be read.").with_source(error)
}

/// What was judged a moment ago is not so any more: another import runs, or people work here.
fn changed_meanwhile() -> Error {
    Error::new(Kind::Conflict, "The database was changed by others during the import; run it again to go on.")
}
