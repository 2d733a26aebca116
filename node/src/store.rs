//! All that one device holds of a Musette, behind one door.
//!
//! 1. [`Store::open`] unlocks the vault, takes what the index kept, and reads the rest of the
//!    journal. What the index lacks, or all of it, is worked out again.
//! 2. Work on items changes a document, appends its change and a commit to the journal, and updates
//!    the views in memory.
//! 3. [`Store::commit`] makes it durable. Only then may an answer, an event or a frame leave: the
//!    driver sees to that for answers and events, [`Store::poll_session`] for frames.
//!
//! The store is synchronous and has one owner; nothing here knows the network or a request.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io,
    num::NonZeroUsize,
};

use lru::LruCache;
use musette_crdt::document::Document;
use musette_protocol::{
    crypto::{aead::NONCE_LEN, sign::SigningKey},
    id::{BlobId, DeviceId, DocumentId, PersonId, RecordId},
    identity::{log::DeviceLog, person::Inception},
    journal::{Journal, JournalError, Location, Opening, Position},
    record::{Payload, open},
    replica::{Counted, Effects, Replica, State, Subject, Write, WriteError},
    session::{Event as SessionEvent, Session, SessionError},
    signed::Signed,
};

use self::{files::FileDisk, imports::Batches, index::Index, keys::Keys, vault::Vault};
use crate::{
    config::Config,
    entropy,
    error::{Error, Result},
    home::{Home, HomeLock},
};

pub(crate) mod attachments;
mod documents;
pub(crate) mod files;
mod healing;
pub(crate) mod imports;
mod index;
pub(crate) mod items;
pub(crate) mod keys;
pub(crate) mod replace;
pub(crate) mod settings;
pub(crate) mod status;
pub(crate) mod vault;

/// Documents kept loaded. One costs about 19 KB; this many serve a person who edits.
const LOADED_DOCUMENTS: NonZeroUsize = NonZeroUsize::new(64).expect("not zero");
/// Commits and views after which the index is written without waiting for a pause.
const CHECKPOINT_EVERY: usize = 4_096;

/// Something that others may want to know, told once it is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StoreEvent {
    /// An item is shown otherwise than before.
    Item(DocumentId),
    /// The device log or its state changed.
    Devices,
}

/// What a person should know about this home, by code and arguments.
#[derive(Debug, Clone)]
pub(crate) struct Notice {
    pub(crate) code: &'static str,
    pub(crate) args: BTreeMap<&'static str, String>,
}

/// What is written to the index at the next checkpoint.
#[derive(Default)]
struct Dirty {
    counted: Vec<Counted>,
    views: BTreeSet<DocumentId>,
    any: bool,
}

/// The data of one Musette on this device.
pub(crate) struct Store {
    home: Home,
    vault: Vault,
    keys: Keys,
    person: PersonId,
    device: DeviceId,
    device_key: SigningKey,
    replica: Replica<FileDisk>,
    index: Option<Index>,
    /// Encoded [`ItemView`]s: a tenth of the memory of decoded ones.
    views: BTreeMap<DocumentId, Box<[u8]>>,
    records: HashMap<DocumentId, Vec<Location>>,
    blobs: HashMap<BlobId, BTreeMap<u32, Location>>,
    loaded: LruCache<DocumentId, Document>,
    batches: Batches,
    settings: settings::Settings,
    dirty: Dirty,
    unsynced: bool,
    /// Whether something was made durable since last asked.
    changed: bool,
    events: Vec<StoreEvent>,
    notices: Vec<Notice>,
    peers: status::Peers,
    // Dropped last: another process may open the home from then on.
    _lock: HomeLock,
}

/// How a home is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repair {
    /// As it is; damage is an error.
    No,
    /// Without the index, and around what is damaged in the journal.
    Rebuild,
}

impl Store {
    /// Unlocks and opens a home.
    ///
    /// # Errors
    /// When it is locked, in use, damaged or newer; nothing is changed then.
    pub(crate) fn open(home: &Home, passphrase: Option<&str>, repair: Repair) -> Result<Self> {
        let lock = home.lock()?;
        Config::load(home)?;
        let (vault, keys) = Vault::open(home, passphrase)?;
        healing::finish_repair(home)?;
        let store = Self::open_unlocked(home.clone(), lock, vault, keys, repair)?;
        // A journal without this device's own enrolment lost its beginning, or is empty: going on
        // would sign a second history.
        if store.state().log().devices().contains_key(&store.device) {
            Ok(store)
        } else {
            Err(Error::new("journal-missing").with("home", home.path().display()))
        }
    }

    /// Opens a home whose vault is open already.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub(crate) fn open_unlocked(
        home: Home,
        lock: HomeLock,
        vault: Vault,
        keys: Keys,
        repair: Repair,
    ) -> Result<Self> {
        let mut notices = Vec::new();
        let mut damaged = false;
        if repair == Repair::Rebuild {
            let known = known_position(&home, &keys);
            if home.index_dir().exists() {
                Index::set_aside(&home.index_dir()).map_err(|error| replace::io_error(&error))?;
            }
            if let Some(notice) = healing::copy_around_damage(&home, keys.journal, known)? {
                notices.push(notice);
                damaged = true;
            }
        }
        let (index, kept) = open_index(&home, &keys, &mut notices)?;
        let inception = inception_of(&keys)?;
        let person = inception.person().map_err(|_| Error::new("vault-damaged"))?;
        let (keyring, _) = keys.epochs.duplicate().into_parts();
        let log = DeviceLog::new(person, inception.body());
        let mut state = State::new(keys.space, log, inception.body().clone(), keyring);
        if let Some(kept) = &kept {
            kept.counted.iter().for_each(|counted| state.restore(counted));
        }
        let position = kept.as_ref().map(|kept| kept.position);
        let (journal, effects) = open_journal(&home, &keys, &mut state, position, &mut notices)?;
        let mut store = Self {
            person,
            device: keys.device_id(),
            device_key: keys.device_key(),
            replica: Replica::new(state, journal),
            index,
            views: BTreeMap::new(),
            records: HashMap::new(),
            blobs: HashMap::new(),
            loaded: LruCache::new(LOADED_DOCUMENTS),
            batches: Batches::default(),
            settings: settings::Settings::default(),
            dirty: Dirty::default(),
            unsynced: false,
            changed: false,
            events: Vec::new(),
            notices,
            peers: status::Peers::default(),
            home,
            vault,
            keys,
            _lock: lock,
        };
        store.take_back(kept, effects)?;
        if damaged {
            store.begin_healing()?;
        }
        store.events.clear();
        Ok(store)
    }

    /// Takes what the index kept, then what the journal held beyond it.
    fn take_back(&mut self, kept: Option<index::Loaded>, beyond: Effects) -> Result<()> {
        let Some(kept) = kept else {
            self.apply(beyond, Vec::new());
            return Ok(());
        };
        kept.counted.iter().for_each(|counted| self.note_locations(counted));
        self.views = kept.views.into_iter().map(|(id, bytes)| (id, bytes.into_boxed_slice())).collect();
        self.peers.take_back(&kept.peers);
        self.read_internal_documents();
        let mut effects = Effects::default();
        for (record, location) in kept.uncounted {
            let opened = self.replica.read_payload(location).map_err(journal_error)?;
            match opened {
                Ok(payload) => effects.extend(self.replica.reinsert(record, location, payload)),
                Err(error) => tracing::warn!(%error, record = record.short(), "a record no longer opens"),
            }
        }
        effects.extend(beyond);
        self.apply(effects, Vec::new());
        Ok(())
    }

    /// Whose Musette this is.
    pub(crate) const fn person(&self) -> PersonId {
        self.person
    }

    /// This device.
    pub(crate) const fn device(&self) -> DeviceId {
        self.device
    }

    /// The key this device signs with.
    pub(crate) const fn device_key(&self) -> &SigningKey {
        &self.device_key
    }

    /// The home.
    pub(crate) const fn home(&self) -> &Home {
        &self.home
    }

    /// What counts here.
    pub(crate) const fn state(&self) -> &State {
        self.replica.state()
    }

    /// The secrets, to be read.
    pub(crate) const fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Changes the secrets and writes the vault.
    ///
    /// # Errors
    /// When the vault cannot be written; the change is then not undone in memory.
    pub(crate) fn change_keys(&mut self, change: impl FnOnce(&mut Keys)) -> Result<()> {
        change(&mut self.keys);
        self.vault.save(&self.keys)
    }

    /// Whether this passphrase opens the vault; any does where there is none.
    ///
    /// # Errors
    /// `passphrase-needed`, `wrong-passphrase`.
    pub(crate) fn check_passphrase(&self, passphrase: Option<&str>) -> Result<()> {
        Vault::open::<Keys>(&self.home, passphrase).map(drop)
    }

    /// Writes the vault as it is: what makes a new home one.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn save_vault(&self) -> Result<()> {
        self.vault.save(&self.keys)
    }

    /// The vault.
    pub(crate) const fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Appends writes and lets them count. Durable after [`Store::commit`].
    fn write(&mut self, writes: Vec<Write>, at_hand: Vec<(DocumentId, Document)>) -> Result<()> {
        if !self.keys.healing.is_empty() {
            return Err(Error::new("healing"));
        }
        let effects = self
            .replica
            .write(writes, &self.device_key, &mut entropy::bytes::<NONCE_LEN>)
            .map_err(write_error)?;
        self.unsynced = true;
        self.apply(effects, at_hand);
        Ok(())
    }

    /// Appends a statement that carries its own signature. Durable after [`Store::commit`].
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn write_statement(&mut self, payload: Payload) -> Result<()> {
        let effects =
            self.replica.write_statement(payload, &mut entropy::bytes::<NONCE_LEN>).map_err(write_error)?;
        self.unsynced = true;
        self.apply(effects, Vec::new());
        Ok(())
    }

    /// Makes everything written so far durable.
    ///
    /// # Errors
    /// When the disk fails: the node must stop, nobody knows what was kept.
    pub(crate) fn commit(&mut self) -> Result<()> {
        if self.unsynced {
            self.replica.sync().map_err(journal_error)?;
            self.unsynced = false;
            self.changed = true;
        }
        Ok(())
    }

    /// Whether anything was made durable since last asked.
    pub(crate) const fn take_changed(&mut self) -> bool {
        std::mem::replace(&mut self.changed, false)
    }

    /// What happened since last asked; call after [`Store::commit`].
    pub(crate) fn take_events(&mut self) -> Vec<StoreEvent> {
        debug_assert!(!self.unsynced, "events leave after the fsync");
        std::mem::take(&mut self.events)
    }

    /// Gives a session a frame of its peer, and ingests what it brings.
    ///
    /// # Errors
    /// The outer one is ours (the disk), the inner one the peer's.
    pub(crate) fn handle_frame(
        &mut self,
        session: &mut Session,
        frame: &[u8],
    ) -> Result<Result<Option<SessionEvent>, SessionError>> {
        let event = match session.handle_frame(frame, self.replica.state(), &self.device_key) {
            Ok(event) => event,
            Err(error) => return Ok(Err(error)),
        };
        if let Some(SessionEvent::Records(records)) = &event {
            let Some(peer) = session.peer() else { return Ok(Err(SessionError::Malformed)) };
            let ingested = self.replica.ingest(&peer, records).map_err(write_error)?;
            self.unsynced |= ingested.new_records > 0;
            let kept_to_protocol = session.ingested(&ingested);
            if ingested.from_stranger > 0 {
                tracing::warn!(
                    records = ingested.from_stranger,
                    "a device that is not enrolled sent records"
                );
            }
            for error in &ingested.unopened {
                tracing::warn!(%error, "a record of a peer was refused");
            }
            // What counted, counted: also when the rest ends the session.
            self.apply(ingested.effects, Vec::new());
            if let Err(error) = kept_to_protocol {
                return Ok(Err(error));
            }
        }
        if let (Some(peer), Some(frontier)) = (session.peer(), session.acknowledged()) {
            self.note_frontier(peer, frontier.clone())?;
        }
        Ok(Ok(event))
    }

    /// The next frame for a session's peer. Syncs first: nothing leaves that is not durable.
    ///
    /// # Errors
    /// When the disk fails.
    pub(crate) fn poll_session(&mut self, session: &mut Session) -> Result<Option<Vec<u8>>> {
        self.commit()?;
        session.poll_frame(&mut self.replica).map_err(journal_error)
    }

    /// Updates documents and views after records were inserted. `at_hand` are documents that hold
    /// the changes already, because they were made here.
    fn apply(&mut self, effects: Effects, at_hand: Vec<(DocumentId, Document)>) {
        for refusal in &effects.refused {
            tracing::warn!(%refusal, "a record was refused");
        }
        if effects.membership_changed {
            self.events.push(StoreEvent::Devices);
            self.dirty.any = true;
        }
        if effects.counted.is_empty() {
            return;
        }
        let mut changes: BTreeMap<DocumentId, Vec<Vec<u8>>> = BTreeMap::new();
        for mut newly in effects.counted {
            for item in &newly.counted.items {
                if let Subject::Document(document) = item.subject {
                    let bytes = newly.changes.remove(&item.record).map(|change| change.bytes);
                    let bytes = bytes.or_else(|| self.read_change(item.location));
                    changes.entry(document).or_default().extend(bytes);
                }
            }
            self.note_locations(&newly.counted);
            self.dirty.counted.push(newly.counted);
        }
        self.dirty.any = true;
        self.update_documents(changes, at_hand);
    }

    fn note_locations(&mut self, counted: &Counted) {
        for item in &counted.items {
            match item.subject {
                Subject::Document(document) => {
                    self.records.entry(document).or_default().push(item.location);
                    self.peers.note_commit(document, counted.device, counted.number);
                }
                Subject::Blob(blob, index) => {
                    self.blobs.entry(blob).or_default().insert(index, item.location);
                }
            }
        }
    }

    /// Writes the index when enough has changed, or when asked to.
    pub(crate) fn checkpoint(&mut self, at_once: bool) {
        let enough = self.dirty.counted.len() + self.dirty.views.len() >= CHECKPOINT_EVERY;
        if self.unsynced || !self.dirty.any || !(enough || at_once) {
            return;
        }
        let Some(index) = &self.index else { return };
        let dirty = std::mem::take(&mut self.dirty);
        let uncounted: Vec<(RecordId, Location)> =
            self.replica.state().uncounted().map(|(record, location)| (*record, *location)).collect();
        let changed = index::Changed {
            counted: &dirty.counted,
            uncounted: &uncounted,
            views: dirty.views.iter().filter_map(|id| Some((*id, self.views.get(id)?.as_ref()))).collect(),
            peers: &self.peers.to_bytes(),
        };
        if let Err(error) = index.save(self.replica.journal().position(), &changed) {
            // The journal has it all. Without an index the next start takes longer.
            tracing::warn!(%error, "the index is given up until the next start");
            self.index = None;
        }
    }

    /// Makes everything durable and closes.
    ///
    /// # Errors
    /// When the disk fails.
    pub(crate) fn close(mut self) -> Result<()> {
        self.commit()?;
        self.checkpoint(true);
        if let Some(index) = &self.index {
            index.flush();
        }
        Ok(())
    }
}

fn inception_of(keys: &Keys) -> Result<Signed<Inception>> {
    Signed::from_bytes(&keys.inception).map_err(|_| Error::new("vault-damaged"))
}

/// How far the journal once reached, if the index still tells.
fn known_position(home: &Home, keys: &Keys) -> Option<Position> {
    let dir = home.index_dir();
    if !dir.exists() {
        return None;
    }
    let kept = Index::open(&dir, &keys.index).and_then(|index| index.load()).ok()?;
    kept.map(|kept| kept.position)
}

/// Opens the index; one that cannot be used is set aside, and the person is told.
fn open_index(
    home: &Home,
    keys: &Keys,
    notices: &mut Vec<Notice>,
) -> Result<(Option<Index>, Option<index::Loaded>)> {
    let dir = home.index_dir();
    let opened = Index::open(&dir, &keys.index).and_then(|index| Ok((index.load()?, index)));
    match opened {
        Ok((kept, index)) => Ok((Some(index), kept)),
        Err(error) => {
            tracing::warn!(%error, "the index is rebuilt");
            Index::set_aside(&dir).map_err(|error| replace::io_error(&error))?;
            notices.push(Notice { code: "index-rebuilt", args: BTreeMap::new() });
            let index = Index::open(&dir, &keys.index).ok();
            Ok((index, None))
        }
    }
}

fn open_journal(
    home: &Home,
    keys: &Keys,
    state: &mut State,
    position: Option<Position>,
    notices: &mut Vec<Notice>,
) -> Result<(Journal<FileDisk>, Effects)> {
    let disk = FileDisk::open(&home.journal_dir()).map_err(|error| journal_error(error.into()))?;
    let opening = Opening { from: position, known_durable: position, ..Opening::new(keys.journal) };
    let mut effects = Effects::default();
    let (space, keyring) = (*state.space(), keys.epochs.duplicate().into_parts().0);
    let (journal, recovery) =
        Journal::open(disk, &opening, &mut |record, location, bytes| match open(bytes, &space, &keyring) {
            Ok(payload) => effects.extend(state.insert(record, location, payload)),
            Err(error) => tracing::warn!(%error, record = record.short(), "a record no longer opens"),
        })
        .map_err(journal_error)?;
    if recovery.torn_bytes > 0 {
        let args = BTreeMap::from([("bytes", recovery.torn_bytes.to_string())]);
        notices.push(Notice { code: "torn-tail", args });
        tracing::info!(
            bytes = recovery.torn_bytes,
            records = recovery.torn_records,
            "a torn tail was repaired"
        );
    }
    Ok((journal, effects))
}

/// An error of the journal in a person's terms.
fn journal_error(error: JournalError<io::Error>) -> Error {
    match error {
        JournalError::Disk(error) => replace::io_error(&error),
        JournalError::Damaged { segment, offset } => {
            Error::new("journal-damaged").with("segment", segment).with("offset", offset)
        }
        JournalError::Foreign { segment } => {
            Error::new("journal-damaged").with("segment", segment).with("offset", 0)
        }
        JournalError::Newer { found, known, .. } => {
            Error::new("home-newer").with("found", found).with("known", known)
        }
        JournalError::BadLength { len } => Error::new("too-large").with("size", len),
        JournalError::Failed => Error::new("disk-failed"),
    }
}

fn write_error(error: WriteError<io::Error>) -> Error {
    match error {
        WriteError::TooLarge { len } => Error::new("too-large").with("size", len),
        WriteError::Journal(error) => journal_error(error),
    }
}
