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
    collections::{BTreeMap, BTreeSet},
    io,
    num::NonZeroUsize,
    path::PathBuf,
};

use lru::LruCache;
use musette_crdt::document::Document;
use musette_protocol::{
    crypto::{aead::NONCE_LEN, secret::Secret32, sign::SigningKey},
    epoch::Grant,
    id::{BlobId, DeviceId, DocumentId, EpochId, PersonId, RecordId},
    journal::{JournalError, Location},
    record::Payload,
    replica::{Counted, Effects, Item, Replica, State, Subject, Write, WriteError},
    session::{Event as SessionEvent, Session, SessionError},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

pub(crate) use self::opening::Repair;
use self::{
    files::FileDisk,
    imports::Batches,
    index::{Index, rows::PackedViews},
    keys::Keys,
    vault::Vault,
};
use crate::{
    clock, entropy,
    error::{Error, Result},
    home::{Home, HomeLock, VaultChoice},
};

pub(crate) mod attachments;
pub(crate) mod backups;
pub(crate) mod copying;
mod documents;
pub(crate) mod fetching;
pub(crate) mod files;
mod forgetting;
pub(crate) mod formats;
mod healing;
pub(crate) mod imports;
mod index;
pub(crate) mod items;
pub(crate) mod keyring;
pub(crate) mod keys;
mod note;
mod opening;
mod parting;
mod recovered;
pub(crate) mod relays;
pub(crate) mod replace;
mod replaced;
pub(crate) mod revoking;
pub(crate) mod settings;
pub(crate) mod splitting;
pub(crate) mod status;
mod tidying;
pub(crate) mod vault;
pub(crate) mod words;

#[cfg(test)]
mod tests;

/// Documents kept loaded. One costs about 19 KB; this many serve a person who edits.
const LOADED_DOCUMENTS: NonZeroUsize = NonZeroUsize::new(64).expect("not zero");
/// The index was written before records moved; nobody sees this code.
const INDEX_STALE: &str = "index-stale";
/// Commits and views after which the index is written without waiting for a pause.
const CHECKPOINT_EVERY: usize = 4_096;

/// Bytes of the journal after which it is written: what a start reads again is then read in a
/// moment.
const CHECKPOINT_BYTES: u64 = 64 * 1024 * 1024;

/// Something that others may want to know, told once it is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StoreEvent {
    /// An item is shown otherwise than before.
    Item(DocumentId),
    /// The device log changed, or who is connected.
    Devices,
    /// A device was let in with the recovery words.
    Recovered(DeviceId),
    /// The recovery words were replaced by another device.
    WordsReplaced,
    /// What other devices hold changed, or why they cannot be reached, or what was set about it.
    Sync,
}

/// What a person should know about this home, by code and arguments.
#[derive(Debug, Clone)]
pub(crate) struct Notice {
    pub(crate) code: &'static str,
    pub(crate) args: BTreeMap<&'static str, String>,
}

/// What only this device knows and the journal does not tell: losing it costs a little time.
#[derive(Default, Serialize, Deserialize)]
struct Local {
    peers: Vec<u8>,
    /// When each epoch was first seen here.
    epochs: BTreeMap<EpochId, Timestamp>,
    /// How many of the journal's segments were emptied by then: with another count, the places of
    /// records in the index are out of date.
    emptied: u32,
}

/// What is written to the index at the next checkpoint.
#[derive(Default)]
struct Dirty {
    counted: Vec<Counted>,
    /// Pieces of attachments that came after their commits.
    arrived: Vec<Item>,
    /// Whether records moved, so that everything is written anew.
    moved: bool,
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
    views: PackedViews,
    loaded: LruCache<DocumentId, Document>,
    batches: Batches,
    settings: settings::Settings,
    dirty: Dirty,
    unsynced: bool,
    /// Whether sessions may have more to say than when last asked.
    changed: bool,
    events: Vec<StoreEvent>,
    notices: Vec<Notice>,
    peers: status::Peers,
    /// Attachments of items that were forgotten elsewhere, to be named if the forgetting does not.
    late: BTreeMap<DocumentId, BTreeSet<BlobId>>,
    /// Whether another copy of this home was met since the start.
    copy_met: bool,
    fetching: fetching::Fetching,
    tidying: tidying::Tidying,
    backups: backups::Backups,
    recovered: recovered::Recovered,
    replaced: replaced::Replaced,
    /// New recovery words that are to take the place of the old ones.
    next_words: Option<Secret32>,
    /// Whether the vault may have to follow the log in what it keeps of the words.
    vault_doubted: bool,
    /// Bytes of the journal when the index was last written.
    checkpointed_bytes: u64,
    /// Whether the home was brought to this program's format when it was opened.
    is_upgraded: bool,
    // Dropped last: another process may open the home from then on.
    lock: HomeLock,
}

impl Store {
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

    /// The key that states epochs and drops, if this device was given it.
    fn keeper(&self) -> Option<SigningKey> {
        self.keys.epochs.duplicate().into_parts().1.map(|seed| SigningKey::from_secret(&seed))
    }

    /// Changes the secrets and writes the vault.
    ///
    /// # Errors
    /// When the vault cannot be written; nothing is changed then, here either: the next start would not
    /// know of it.
    pub(crate) fn change_keys(&mut self, change: impl FnOnce(&mut Keys)) -> Result<()> {
        let kept = self.keys.duplicate();
        change(&mut self.keys);
        let saved = self.vault.save(&self.keys);
        if saved.is_err() {
            self.keys = kept;
        }
        saved
    }

    /// Whether this passphrase opens the vault; any does where there is none.
    ///
    /// # Errors
    /// `passphrase-needed`, `wrong-passphrase`.
    pub(crate) fn check_passphrase(&self, passphrase: Option<&str>) -> Result<()> {
        Vault::open::<Keys>(&self.home, passphrase).map(drop)
    }

    /// Locks the vault in another way, for whoever knows the present one.
    ///
    /// # Errors
    /// `passphrase-needed`, `wrong-passphrase`, `already-key-file`, `already-keyring`, or when the disk or a
    /// keyring refuses; `keyring-entry-left` once it is done.
    pub(crate) fn change_lock(&mut self, current: Option<&str>, new: &VaultChoice) -> Result<()> {
        // A keyring asks nothing of who is here; and where it lost its entry, this is the way out.
        if !self.vault.is_in_keyring() {
            self.check_passphrase(current)?;
        }
        vault::check_choice(new)?;
        // Else the passphrase that is not to open it any more would open the copy.
        formats::let_go(&self.home)?;
        self.vault.relock(new, &self.keys)
    }

    /// Where the home is as it was, if it was brought to this program's format when it was opened.
    pub(crate) fn upgraded_from(&self) -> Option<PathBuf> {
        self.is_upgraded.then(|| self.home.kept_path())
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
        self.check_whole()?;
        self.check_entitled()?;
        if !self.may_write() {
            self.rotate_epoch(clock::now())?;
        }
        let effects = self
            .replica
            .write(writes, &self.device_key, &mut entropy::bytes::<NONCE_LEN>)
            .map_err(write_error)?;
        self.unsynced = true;
        self.apply(effects, at_hand)
    }

    /// Appends a statement that carries its own signature. Durable after [`Store::commit`].
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn write_statement(&mut self, payload: Payload) -> Result<()> {
        let effects =
            self.replica.write_statement(payload, &mut entropy::bytes::<NONCE_LEN>).map_err(write_error)?;
        self.unsynced = true;
        self.apply(effects, Vec::new())
    }

    /// Makes everything written so far durable.
    ///
    /// # Errors
    /// When the disk fails: the node must stop, nobody knows what was kept.
    pub(crate) fn commit(&mut self) -> Result<()> {
        // Also where nothing waits: a segment may have been closed, or rewritten.
        if self.replica.journal().has_failed() {
            return Err(Error::new("disk-failed"));
        }
        if self.unsynced {
            self.replica.sync().map_err(journal_error)?;
            self.unsynced = false;
            self.changed = true;
            if let Err(error) = self.keep_epochs() {
                tracing::warn!(%error, "the vault does not hold a new epoch yet");
            }
            if std::mem::take(&mut self.vault_doubted) {
                self.settle_vault();
            }
        }
        Ok(())
    }

    /// Lets the vault follow what was decided of devices and words. What counts does so whatever the disk says
    /// of the vault, and a full one keeps no home from opening: it is tried again at the next start.
    fn settle_vault(&mut self) {
        if let Err(error) = self.forget_ended().and_then(|()| self.settle_words()) {
            tracing::warn!(%error, "the vault does not hold what was decided of devices and words yet");
        }
    }

    /// Whether sessions may have more to say than when last asked: something was made durable, or an
    /// attachment is to come from another device.
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
        let event = match session.handle_frame(frame, &self.replica, &self.device_key) {
            Ok(event) => event,
            Err(error) => return Ok(Err(error)),
        };
        if let (Some(peer), Some(SessionEvent::Part { part, .. })) = (session.peer(), &event) {
            self.replica.keep_part(&peer, part);
        }
        if let Some(SessionEvent::Records { space, records }) = &event {
            let Some(peer) = session.peer() else { return Ok(Err(SessionError::Malformed)) };
            let ingested = self.replica.ingest(&peer, records).map_err(write_error)?;
            self.unsynced |= ingested.new_records > 0;
            let kept_to_protocol = session.ingested(space, &ingested);
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
            self.apply(ingested.effects, Vec::new())?;
            // Durable with what it follows from, or not at all.
            self.forget_late()?;
            if let Err(error) = kept_to_protocol {
                return Ok(Err(error));
            }
        }
        if let (Some(peer), Some(SessionEvent::Lacking { blob, withheld, .. })) = (session.peer(), &event) {
            self.note_lacking(peer, *blob, *withheld);
        }
        if let (Some(peer), Some(frontier)) = (session.peer(), session.acknowledged(self.state().space())) {
            if let Some(SessionEvent::Acknowledged { check, .. }) = event {
                let before = self.peers.frontier_of(peer).filter(|_| !check);
                self.fetching.note_frontier(peer, before, frontier, self.replica.state());
            }
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
        self.plan_fetches(session);
        session.poll_frame(&mut self.replica).map_err(journal_error)
    }

    /// Updates documents and views after records were inserted. `at_hand` are documents that hold
    /// the changes already, because they were made here.
    ///
    /// # Errors
    /// When the vault cannot be written.
    fn apply(&mut self, mut effects: Effects, at_hand: Vec<(DocumentId, Document)>) -> Result<()> {
        for refusal in &effects.refused {
            tracing::warn!(%refusal, "a record was refused");
        }
        if effects.membership_changed {
            self.events.push(StoreEvent::Devices);
            self.dirty.any = true;
            self.note_recovered();
            self.note_replaced();
            self.vault_doubted = true;
        }
        self.dirty.any |= !effects.arrived.is_empty();
        for arrived in &effects.arrived {
            self.dirty.arrived.push(arrived.item);
            self.fetching.written.note(&arrived.item, arrived.device, arrived.number);
        }
        self.note_pieces(&blobs_of(&effects));
        self.dirty.any |= !effects.dropped.is_empty();
        if effects.counted.is_empty() {
            self.redraw(&effects.redrawn);
            return Ok(());
        }
        let mut changes: BTreeMap<DocumentId, Vec<Vec<u8>>> = BTreeMap::new();
        for mut newly in effects.counted {
            for item in &newly.counted.items {
                if let Subject::Forgotten(document) = item.subject {
                    effects.redrawn.insert(document);
                    // What a person wants gone does not wait for the day's erasing.
                    self.tidying.erased = None;
                } else if let Subject::Document(document) = item.subject
                    && !self.state().is_forgotten(&document)
                {
                    let bytes = newly.changes.remove(&item.record).map(|change| change.bytes);
                    let bytes = bytes.or_else(|| self.read_change(item.location));
                    changes.entry(document).or_default().extend(bytes);
                }
            }
            self.fetching.written.note_all(&newly.counted);
            self.dirty.counted.push(newly.counted);
        }
        self.dirty.any = true;
        self.update_documents(changes, at_hand);
        self.redraw(&effects.redrawn);
        Ok(())
    }

    /// The secrets of all epochs, and the keeper's seed if this device was given it.
    pub(crate) fn grant(&self) -> Grant {
        let (_, keeper) = self.keys.epochs.duplicate().into_parts();
        let grant = self.state().keyring().to_grant();
        keeper.map_or(grant.duplicate(), |keeper| grant.with_keeper(keeper))
    }

    /// Puts secrets of new epochs into the vault, once their statements are durable: a secret that is left
    /// of an epoch that a power cut took says not whom the epoch was for. Until then the journal tells them
    /// at each start, as long as nothing of it moves and no index takes the place of reading it.
    fn keep_epochs(&mut self) -> Result<()> {
        if self.state().keyring().count() == self.keys.epochs.count() {
            return Ok(());
        }
        let grant = self.grant();
        self.change_keys(|keys| keys.epochs = grant)
    }

    /// Writes the index when enough has changed, or when asked to.
    pub(crate) fn checkpoint(&mut self, at_once: bool) {
        let grown = self.replica.journal().bytes().saturating_sub(self.checkpointed_bytes);
        let changed = self.dirty.counted.len() + self.dirty.arrived.len() + self.dirty.views.len();
        let enough = changed >= CHECKPOINT_EVERY || grown >= CHECKPOINT_BYTES;
        if self.unsynced || !self.dirty.any || !(enough || at_once) {
            return;
        }
        // What lies behind an index is not read at a start before what lies beyond it.
        if self.keep_epochs().is_err() {
            return;
        }
        let Some(index) = &mut self.index else { return };
        let Dirty { counted, mut arrived, moved, views, .. } = std::mem::take(&mut self.dirty);
        let state = self.replica.state();
        let uncounted: Vec<(RecordId, Location)> = state.uncounted().collect();
        let counted: &mut dyn Iterator<Item = Counted> = if moved {
            arrived.clear();
            &mut state.counted()
        } else {
            &mut counted.into_iter()
        };
        let local = Local {
            peers: self.peers.to_bytes(),
            epochs: self.tidying.watch.first_seen().clone(),
            emptied: self.replica.journal().emptied(),
        };
        let local = postcard::to_allocvec(&local).expect("postcard writes every type of this file");
        let changed = index::Changed {
            counted,
            is_all_counted: moved,
            arrived: &arrived,
            uncounted: &uncounted,
            views: views.iter().map(|id| (*id, self.views.get(id).map_or(&[][..], AsRef::as_ref))).collect(),
            documents: self.views.len(),
            peers: &local,
        };
        self.checkpointed_bytes = self.replica.journal().bytes();
        if let Err(error) = index.save(self.replica.journal().position(), changed) {
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
        self.write_index()
    }

    /// Requires that the home is still there.
    ///
    /// # Errors
    /// `home-moved`.
    pub(crate) fn check_in_place(&self) -> Result<()> {
        self.lock.check()
    }

    /// Makes everything durable and writes the index.
    ///
    /// # Errors
    /// When the disk fails.
    pub(crate) fn write_index(&mut self) -> Result<()> {
        self.commit()?;
        self.checkpoint(true);
        if let Some(index) = &self.index {
            index.flush();
        }
        Ok(())
    }
}

/// Attachments of which more is held than before.
fn blobs_of(effects: &Effects) -> BTreeSet<BlobId> {
    let counted = effects.counted.iter().flat_map(|newly| &newly.counted.items);
    let items = effects.arrived.iter().map(|arrived| &arrived.item).chain(counted);
    let blob = |item: &Item| match item.subject {
        Subject::Blob(blob, _) => Some(blob),
        Subject::Document(_) | Subject::Forgotten(_) => None,
    };
    items.filter_map(blob).collect()
}

/// An error of the journal in a person's terms.
pub(crate) fn journal_error(error: JournalError<io::Error>) -> Error {
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
        JournalError::Moved { .. } => Error::new(INDEX_STALE),
        JournalError::Failed | JournalError::NotClosed { .. } | JournalError::NotCopied { .. } => {
            Error::new("disk-failed")
        }
    }
}

fn write_error(error: WriteError<io::Error>) -> Error {
    match error {
        WriteError::TooLarge { len } => Error::new("too-large").with("size", len),
        WriteError::NoEpoch => Error::new("no-safe-epoch"),
        WriteError::Journal(error) => journal_error(error),
    }
}
