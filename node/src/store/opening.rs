//! Opening a home: what the index kept, and what the journal holds beyond it.

use std::collections::BTreeMap;

use lru::LruCache;
use musette_protocol::{
    crypto::kem::KemSecret,
    id::{PersonId, RecordId},
    identity::{log::DeviceLog, person::Inception},
    journal::{Journal, Location, Opening, Position},
    record::{BlobChunk, Payload, open},
    replica::{Effects, Replica, State, rotating::Watch},
    signed::Signed,
};

use super::{
    Dirty, INDEX_STALE, LOADED_DOCUMENTS, Local, Notice, Store, backups,
    fetching::{Fetching, Written},
    files::FileDisk,
    formats, healing,
    imports::Batches,
    index::{
        self, Index,
        rows::{Kept, PackedViews},
    },
    journal_error,
    keys::Keys,
    recovered, replace, replaced, settings, splitting, status, tidying,
    vault::Vault,
    words,
};
use crate::{
    config::Config,
    error::{Error, Result},
    home::{Home, HomeLock},
};

/// What the journal held beyond the index.
#[derive(Default)]
struct Beyond {
    /// Inserted already.
    effects: Effects,
    /// To be inserted after what the index kept: at most what is between two checkpoints.
    waiting: Vec<(RecordId, Location, Payload)>,
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
        let (mut vault, mut keys) = Vault::open(home, passphrase)?;
        splitting::finish(home, &keys)?;
        healing::finish_repair(home)?;
        let upgraded = formats::upgrade(home, &mut vault, &mut keys)?;
        let mut store = Self::open_unlocked(home.clone(), lock, vault, keys, repair)?;
        if upgraded {
            store.is_upgraded = true;
            // An index of another form is no damage that anybody need hear of.
            store.notices.retain(|notice| notice.code != "index-rebuilt");
            Index::remove_aside(&home.index_dir()).map_err(|error| replace::io_error(&error))?;
        }
        // A journal without this device's own enrolment lost its beginning, or is empty: going on
        // would sign a second history.
        if store.state().log().certificate(&store.device).is_some() {
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
        if repair == Repair::Rebuild {
            let known = known_position(&home, &keys);
            notices.extend(healing::copy_around_damage(&home, keys.journal, known)?);
            healing::set_index_aside(&home)?;
        }
        let inception = inception_of(&keys)?;
        let person = inception.person().map_err(|_| Error::new("vault-damaged"))?;
        let empty = || empty_state(&keys, person, inception.body(), healing::recovery_key(&home, &keys));
        let (mut index, mut kept, mut state, mut written) = open_index(&home, &keys, empty, &mut notices)?;
        let (journal, beyond) = loop {
            match open_journal(&home, &keys, &mut state, kept.as_ref(), &mut notices) {
                Ok(opened) => break opened,
                // Records moved since the index was written: a start was cut off at a bad moment.
                Err(error) if error.code() == INDEX_STALE && kept.is_some() => {
                    drop((index.take(), kept.take()));
                    Index::remove(&home.index_dir()).map_err(|error| replace::io_error(&error))?;
                    index = Index::open(&home.index_dir(), &keys.index).ok();
                    (state, written) = (empty(), Written::default());
                }
                Err(error) => return Err(error),
            }
        };
        let fetching = Fetching::open(&home, &keys, written);
        let backups = backups::Backups::open(&home, &keys);
        let recovered = recovered::Recovered::open(&home, &keys);
        let replaced = replaced::Replaced::open(&home, &keys);
        let next_words = words::open_next(&home, &keys);
        let mut store = Self {
            person,
            device: keys.device_id(),
            device_key: keys.device_key(),
            replica: Replica::new(state, journal),
            index,
            views: PackedViews::new(),
            loaded: LruCache::new(LOADED_DOCUMENTS),
            batches: Batches::default(),
            settings: settings::Settings::default(),
            dirty: Dirty::default(),
            unsynced: false,
            changed: false,
            events: Vec::new(),
            notices,
            peers: status::Peers::default(),
            late: BTreeMap::new(),
            copy_met: false,
            fetching,
            tidying: tidying::Tidying::default(),
            backups,
            recovered,
            replaced,
            next_words,
            vault_doubted: false,
            checkpointed_bytes: 0,
            is_upgraded: false,
            home,
            vault,
            keys,
            lock,
        };
        store.take_back(kept, beyond)?;
        store.note_recovered();
        store.note_replaced();
        store.settle_vault();
        store.heal_what_was_damaged()?;
        store.give_up_recovery_key()?;
        store.events.clear();
        Ok(store)
    }

    /// Takes what the index kept, then what the journal held beyond it.
    fn take_back(&mut self, kept: Option<index::Loaded>, beyond: Beyond) -> Result<()> {
        let Some(mut kept) = kept else {
            self.replica.draw_quarantine();
            self.apply(beyond.effects, Vec::new())?;
            self.replica.state().counted().for_each(|counted| self.fetching.written.note_all(&counted));
            self.rebuild_views();
            self.dirty.moved = true;
            self.dirty.any = true;
            return Ok(());
        };
        let local = local_of(&kept);
        self.views = kept.views;
        self.peers.take_back(&local.peers);
        self.tidying.watch = Watch::new(local.epochs);
        self.checkpointed_bytes = self.replica.journal().bytes();
        self.read_internal_documents();
        let mut effects = Effects::default();
        kept.uncounted.sort_unstable_by_key(|(_, location)| *location);
        for (record, location) in kept.uncounted {
            let opened = self.replica.read_payload(location).map_err(journal_error)?;
            match opened {
                Ok(payload) => effects.extend(self.replica.reinsert(record, location, payload)),
                Err(error) => tracing::warn!(%error, record = record.short(), "a record no longer opens"),
            }
        }
        for (record, location, payload) in beyond.waiting {
            effects.extend(self.replica.reinsert(record, location, payload));
        }
        effects.extend(beyond.effects);
        effects.extend(self.replica.draw_quarantine());
        self.apply(effects, Vec::new())
    }
}

pub(super) fn inception_of(keys: &Keys) -> Result<Signed<Inception>> {
    Signed::from_bytes(&keys.inception).map_err(|_| Error::new("vault-damaged"))
}

/// How far the journal once reached, if the index still tells.
fn known_position(home: &Home, keys: &Keys) -> Option<Position> {
    let dir = home.index_dir();
    if !dir.exists() {
        return None;
    }
    Index::open(&dir, &keys.index).and_then(|mut index| index.position()).ok()?
}

/// Opens the index, and gives what it kept and the state that counts by it; one that cannot be used
/// is set aside, and the person is told.
fn open_index(
    home: &Home,
    keys: &Keys,
    empty: impl Fn() -> State,
    notices: &mut Vec<Notice>,
) -> Result<(Option<Index>, Option<index::Loaded>, State, Written)> {
    let (dir, mut state, mut written) = (home.index_dir(), empty(), Written::default());
    let mut take_back = |kept: Kept| match kept {
        Kept::Counted(counted) => {
            written.note_all(&counted);
            state.restore(&counted);
        }
        Kept::Arrived(item) => {
            if let Some((device, number)) = state.restore_arrived(&item) {
                written.note(&item, device, number);
            }
        }
    };
    let opened =
        Index::open(&dir, &keys.index).and_then(|mut index| Ok((index.load(&mut take_back)?, index)));
    match opened {
        Ok((kept, index)) => Ok((Some(index), kept, state, written)),
        Err(error) => {
            tracing::warn!(%error, "the index is rebuilt");
            Index::set_aside(&dir).map_err(|error| replace::io_error(&error))?;
            notices.push(Notice { code: "index-rebuilt", args: BTreeMap::new() });
            let index = Index::open(&dir, &keys.index).ok();
            Ok((index, None, empty(), Written::default()))
        }
    }
}

/// `recovery` opens every epoch, while this device waits for another one with it.
pub(super) fn empty_state(
    keys: &Keys,
    person: PersonId,
    inception: &Inception,
    recovery: Option<KemSecret>,
) -> State {
    let (keyring, _) = keys.epochs.duplicate().into_parts();
    let log = DeviceLog::new(person, inception);
    let kem = KemSecret::from_secret(&keys.kem);
    let kems = [kem].into_iter().chain(recovery);
    let mut state = State::new(keys.space, log, inception.clone(), keyring, kems);
    state.exempt(keys.device_id());
    state
}

/// What the index kept for this device alone.
fn local_of(kept: &index::Loaded) -> Local {
    postcard::from_bytes(&kept.peers).unwrap_or_default()
}

fn open_journal(
    home: &Home,
    keys: &Keys,
    state: &mut State,
    kept: Option<&index::Loaded>,
    notices: &mut Vec<Notice>,
) -> Result<(Journal<FileDisk>, Beyond)> {
    let disk = FileDisk::open(&home.journal_dir()).map_err(|error| journal_error(error.into()))?;
    let position = kept.map(|kept| kept.position);
    let emptied = kept.map_or(0, |kept| local_of(kept).emptied);
    let opening = Opening { from: position, emptied, known_durable: position, ..Opening::new(keys.journal) };
    let mut beyond = Beyond::default();
    // Records that the index keeps uncounted came before: in another order, another of two
    // histories could count.
    let waits = kept.is_some_and(|kept| !kept.uncounted.is_empty());
    let rebuilds = kept.is_none();
    let space = *state.space();
    let (journal, recovery) = Journal::open(disk, &opening, &mut |record, location, bytes| match open(
        bytes,
        &space,
        state.keyring(),
    ) {
        Ok(payload) if waits => {
            state.read_ahead(&payload);
            beyond.waiting.push((record, location, without_bytes(payload)));
        }
        Ok(payload) => {
            let effects = state.replay(record, location, payload);
            beyond.effects.extend(if rebuilds { without_records(effects) } else { effects });
        }
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
    Ok((journal, beyond))
}

/// What waits is as much as is read again at a start. Of a piece only the place is needed.
fn without_bytes(payload: Payload) -> Payload {
    match payload {
        Payload::BlobChunk(chunk) => Payload::BlobChunk(BlobChunk { bytes: Vec::new(), ..chunk }),
        other => other,
    }
}

/// What is left to do when all documents are read anew after the whole journal: kept until then,
/// their changes would be in memory all at once, and those that are dropped later, too.
fn without_records(effects: Effects) -> Effects {
    let Effects { membership_changed, refused, .. } = effects;
    Effects { membership_changed, refused, ..Effects::default() }
}
