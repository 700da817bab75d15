//! What the tests of this part share: a store in a temporary folder, a clock moved by hand, a record of acts.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use crate::base::clock::{ManualClock, UnixTime};
use crate::base::random::SeededRandom;
use crate::factor;
use crate::factor::provision::Provisioner;
use crate::gateway::ports::{Audit, AuditRecord, Store, Vault};
use crate::login::identity::Account;
use crate::login::policy::Validity;
use crate::login::verdict::{Fault, FaultKind};
use crate::store::seal::KeyRing;
use crate::store::sqlite::Sqlite;
use crate::subjects::enrol::{Enrolling, Tools};
use crate::subjects::pseudonym::Names;
use crate::subjects::rekey::Rekeying;

pub(super) struct Lab {
    folder: TempDir,
    pub(super) store: Arc<Sqlite>,
    pub(super) random: Arc<SeededRandom>,
    pub(super) ring: KeyRing,
    pub(super) clock: Arc<ManualClock>,
    pub(super) acts: Arc<Acts>,
}

#[derive(Default)]
pub(super) struct Acts {
    records: Mutex<Vec<AuditRecord>>,
    pub(super) broken: AtomicBool,
}

impl Audit for Acts {
    fn record(&self, record: &AuditRecord) -> Result<(), Fault> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(Fault::new(FaultKind::AuditUnavailable, "no room for a record"));
        }
        self.records.lock().unwrap().push(record.clone());
        Ok(())
    }
}

impl Lab {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Sqlite::open(&folder.path().join("store.db")).unwrap());
        let random = Arc::new(SeededRandom::new(4));
        Self {
            folder,
            store,
            ring: KeyRing::generate(random.clone()).unwrap(),
            random,
            clock: Arc::new(ManualClock::at(UnixTime::from_seconds(1_800_000_000))),
            acts: Arc::default(),
        }
    }

    /// Its subjects are no longer where they were.
    pub(super) fn break_store(&self) {
        let store = rusqlite::Connection::open(self.folder.path().join("store.db")).unwrap();
        store.execute_batch("ALTER TABLE subject RENAME TO subject_elsewhere").unwrap();
    }

    pub(super) fn vault(&self) -> Arc<dyn Vault> {
        Arc::new(self.ring.clone())
    }

    pub(super) fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    pub(super) fn names(&self, numbered: &[&str]) -> Names {
        let numbered: BTreeSet<Arc<str>> = numbered.iter().map(|name| Arc::from(*name)).collect();
        Names::new(self.store(), self.vault(), self.random.clone(), self.clock.clone(), numbered)
    }

    pub(super) fn enrolling(&self) -> Enrolling {
        Enrolling::new(Tools {
            store: self.store(),
            vault: self.vault(),
            random: self.random.clone(),
            clock: self.clock.clone(),
            factors: factor::all(&self.vault()),
            provision: Arc::new(Provisioner::new(self.random.clone())),
            audit: self.acts.clone(),
        })
    }

    pub(super) fn rekeying(&self) -> Rekeying {
        Rekeying::new(self.store(), self.store.clone(), self.vault(), self.clock.clone(), self.acts.clone())
    }

    /// Every record as `event stage outcome reason factor`.
    pub(super) fn recorded(&self) -> Vec<String> {
        let records = self.acts.records.lock().unwrap();
        let line = |r: &AuditRecord| {
            let factor = r.factor.map_or("-", |kind| kind.word());
            format!("{} {} {} {} {factor}", r.event, r.stage, r.outcome, r.reason)
        };
        records.iter().map(line).collect()
    }

    /// The dates of every record.
    pub(super) fn dates(&self) -> Vec<Option<Validity>> {
        self.acts.records.lock().unwrap().iter().map(|record| record.valid).collect()
    }

    /// All that lies in the store's files.
    pub(super) fn dump(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }
}

pub(super) fn account(directory: &str, id: &[u8], display: &str) -> Account {
    Account { display: display.into(), ..Account::new(directory, id, "cn=x") }
}

pub(super) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}
