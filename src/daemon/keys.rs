//! The sealing keys, exchanged by a reload so that a rotation needs no restart (F-018).

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use zeroize::Zeroizing;

use crate::base::cidr::Prefix;
use crate::base::random::Random;
use crate::base::secret::Secret;
use crate::config::settings::KeyFile;
use crate::gateway::ports::{Digests, Place, Vault};
use crate::login::factor::Sealed;
use crate::login::identity::Pseudonym;
use crate::login::verdict::{Fault, FaultKind};
use crate::store::seal::KeyRing;

/// A vault whose keys can be exchanged.
pub struct Keys(ArcSwap<KeyRing>);

impl Keys {
    /// With these keys.
    #[must_use]
    pub fn new(ring: KeyRing) -> Self {
        Self(ArcSwap::from_pointee(ring))
    }

    /// Other keys from now on.
    pub fn exchange(&self, ring: KeyRing) {
        self.0.store(Arc::new(ring));
    }

    /// The keys as they are now.
    #[must_use]
    pub fn ring(&self) -> Arc<KeyRing> {
        self.0.load_full()
    }
}

impl Vault for Keys {
    fn seal(&self, place: Place<'_>, plain: &Secret) -> Result<Sealed, Fault> {
        self.0.load().seal(place, plain)
    }

    fn open(&self, place: Place<'_>, sealed: &Sealed) -> Result<Secret, Fault> {
        self.0.load().open(place, sealed)
    }

    fn digests(&self, directory: &str, id: &[u8]) -> Digests {
        self.0.load().digests(directory, id)
    }

    fn network_digests(&self, who: &Pseudonym, network: Prefix) -> Digests {
        self.0.load().network_digests(who, network)
    }

    fn newest_key(&self) -> u32 {
        self.0.load().newest_key()
    }
}

/// Reads the key file.
///
/// # Errors
///
/// A fault that says what is wrong with it and which command makes one.
pub fn read(file: &KeyFile, random: Arc<dyn Random>) -> Result<KeyRing, Fault> {
    let (path, shown) = (&file.path, file.path.display());
    let fault = |what: String| Fault::new(FaultKind::KeyMissing, what);
    let text = fs::read(path).map(Zeroizing::new).map_err(|error| {
        let advice =
            if error.kind() == ErrorKind::NotFound { "; \"doorward key generate\" makes it" } else { "" };
        fault(format!("key file {shown} cannot be read: {error}{advice}"))
    })?;
    let mode = fs::metadata(path).map(|meta| meta.permissions().mode() & 0o077);
    if file.must_be_private() && mode.is_ok_and(|others| others != 0) {
        return Err(fault(format!("key file {shown} can be read by others; run: chmod 600 {shown}")));
    }
    KeyRing::parse(&Secret::copied(&text), random)
        .map_err(|error| fault(format!("key file {shown} is damaged: {error}; restore it from a backup")))
}

/// Writes the key file, readable by its owner alone: whole or not at all, and durable when this returns. Its
/// owner stays the same.
/// `fresh` refuses to replace one.
///
/// # Errors
///
/// What the system says, with [`ErrorKind::AlreadyExists`] when `fresh` finds a file.
pub fn write(path: &Path, ring: &KeyRing, fresh: bool) -> std::io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let beside = path.with_extension("new");
    // Left over from a crash in between; it was never in use.
    let _gone = fs::remove_file(&beside);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(ring.text().expose())?;
    // Whoever read the keys so far still can when root has changed them; not every root may give files away.
    if let Ok(before) = fs::metadata(path)
        && !fresh
    {
        let _given = fchown(&file, Some(before.uid()), Some(before.gid()));
    }
    file.sync_all()?;
    if fresh {
        // A link fails where a rename would replace.
        let linked = fs::hard_link(&beside, path);
        fs::remove_file(&beside)?;
        linked?;
    } else {
        fs::rename(&beside, path)?;
    }
    fs::File::open(folder)?.sync_all()
}
