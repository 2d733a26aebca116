//! One device: its replicas of the spaces that it was told of, each on a disk of its own.

use std::collections::{BTreeMap, BTreeSet};

use musette_protocol::{
    crypto::{secret::Secret32, sign::SigningKey},
    epoch::Keyring,
    id::{DeviceId, DocumentId, PersonId, RecordId, SpaceId},
    identity::{
        log::{DeviceLog, Operation},
        person::Inception,
    },
    journal::{Journal, JournalId, Location, Opening, memory::MemoryDiskError},
    membership::MembershipAction,
    record::{self, Change, Payload},
    replica::{Fold, Ingested, Replica, State, Write, WriteError},
    signed::Signed,
};

use super::cast::{Party, kem_of};
use crate::{
    check::{Check, Violation, ensure},
    dice::Dice,
    person::device_id,
    storage::{SharedDisk, SimReplica, Trouble},
};

/// Documents of a space.
const DOCUMENTS: u64 = 3;
/// Documents renewed in one go.
const RENEWED_AT_ONCE: usize = 2;

/// What a space shows: words, by document.
pub(super) type Words = BTreeMap<DocumentId, BTreeSet<String>>;

pub(super) struct Member {
    pub(super) party: usize,
    pub(super) id: DeviceId,
    pub(super) dirty: bool,
    seed: Secret32,
    key: SigningKey,
    journal: JournalId,
    disks: BTreeMap<SpaceId, SharedDisk>,
    replicas: BTreeMap<SpaceId, SimReplica>,
    is_on: bool,
    waiting: Vec<(SpaceId, String)>,
    acknowledged: Vec<(SpaceId, String)>,
}

impl Member {
    pub(super) fn new(party: usize, seed: &Secret32, dice: &mut Dice) -> Self {
        let key = SigningKey::from_secret(seed);
        Self {
            party,
            id: device_id(&key),
            dirty: false,
            seed: seed.duplicate(),
            key,
            journal: JournalId::from_bytes(dice.bytes()),
            disks: BTreeMap::new(),
            replicas: BTreeMap::new(),
            is_on: true,
            waiting: Vec::new(),
            acknowledged: Vec::new(),
        }
    }

    pub(super) fn key(&self) -> SigningKey {
        SigningKey::from_secret(&self.seed)
    }

    pub(super) const fn is_on(&self) -> bool {
        self.is_on
    }

    pub(super) const fn replicas(&mut self) -> &mut BTreeMap<SpaceId, SimReplica> {
        &mut self.replicas
    }

    pub(super) fn replica(&mut self, space: &SpaceId) -> Option<&mut SimReplica> {
        self.replicas.get_mut(space)
    }

    pub(super) fn state(&self, space: &SpaceId) -> Option<&State> {
        self.replicas.get(space).map(Replica::state)
    }

    pub(super) fn states(&self) -> impl Iterator<Item = &State> {
        self.replicas.values().map(Replica::state)
    }

    /// What its person was told is safe.
    pub(super) fn acknowledged(&self) -> &[(SpaceId, String)] {
        &self.acknowledged
    }

    /// Opens a space from its disk, which is empty the first time. Epochs come first: nothing else
    /// can be read before.
    pub(super) fn open(&mut self, space: SpaceId, owner: &Party, own: &Party) -> Result<(), Trouble> {
        let disk = self.disks.entry(space).or_default().clone();
        let inception: &Inception = owner.inception.body();
        let log = DeviceLog::new(owner.id, inception);
        let state = State::new(space, log, inception.clone(), Keyring::default(), Some(kem_of(&self.key)));
        let mut stored: Vec<(RecordId, Location, Vec<u8>)> = Vec::new();
        let (journal, _) = Journal::open(disk, &Opening::new(self.journal), &mut |id, location, bytes| {
            stored.push((id, location, bytes.to_vec()));
        })?;
        let mut replica = Replica::new(state, journal);
        own.person_keys().try_for_each(|key| replica.learn_key(key))?;
        let (epochs, others): (Vec<_>, Vec<_>) = stored.into_iter().partition(|(.., bytes)| {
            matches!(record::open(bytes, &space, &Keyring::default()), Ok(Payload::Epoch(_)))
        });
        for (id, location, bytes) in epochs.into_iter().chain(others) {
            match record::open(&bytes, &space, replica.state().keyring()) {
                Ok(payload) => drop(replica.reinsert(id, location, payload)),
                Err(error) => {
                    return Err(Violation::new(Check::Durability, format!("a stored record: {error}")).into());
                }
            }
        }
        self.replicas.insert(space, replica);
        Ok(())
    }

    pub(super) fn start(&mut self, owner: &Party, own: &Party) -> Result<(), Trouble> {
        self.is_on = true;
        let spaces: Vec<SpaceId> = self.disks.keys().copied().collect();
        spaces.into_iter().try_for_each(|space| self.open(space, owner, own))
    }

    pub(super) fn cut_power(&mut self, dice: &mut Dice) {
        self.is_on = false;
        self.dirty = false;
        self.replicas.clear();
        self.waiting.clear();
        self.disks.values().for_each(|disk| disk.power_cut(dice));
    }

    pub(super) fn sync(&mut self) -> Result<(), Trouble> {
        for replica in self.replicas.values_mut() {
            replica.sync()?;
        }
        self.dirty = false;
        self.acknowledged.append(&mut self.waiting);
        Ok(())
    }

    pub(super) fn write_statements(
        &mut self,
        space: &SpaceId,
        payloads: Vec<Payload>,
        dice: &mut Dice,
    ) -> Result<(), Trouble> {
        let Some(replica) = self.replicas.get_mut(space) else { return Ok(()) };
        for payload in payloads {
            let is_known = matches!(&payload, Payload::Epoch(statement)
                if replica.state().holds_statement(&statement.body().epoch.into()));
            if !is_known {
                replica.write_statement(payload, &mut || dice.bytes()).map_err(write_trouble)?;
                self.dirty = true;
            }
        }
        Ok(())
    }

    pub(super) fn write(&mut self, space: &SpaceId, word: &str, dice: &mut Dice) -> Result<(), Trouble> {
        let document = DocumentId::from_bytes([u8::try_from(dice.below(DOCUMENTS)).unwrap_or(0); 16]);
        let change = Change { document, bytes: word.into() };
        let Some(replica) = self.replicas.get_mut(space) else { return Ok(()) };
        let effects = replica.write(vec![Write::Change(change)], &self.key, &mut || dice.bytes());
        let effects = effects.map_err(write_trouble)?;
        ensure(effects.refused.is_empty() && effects.counted.len() == 1, Check::Courtesy, || {
            format!("an own change: {:?}", effects.refused)
        })?;
        self.dirty = true;
        self.waiting.push((*space, word.to_owned()));
        Ok(())
    }

    /// What [`crate::Breakage::KeepEpochOnRemoval`] does.
    pub(super) fn put_out_without_an_epoch(
        &mut self,
        space: &SpaceId,
        person: PersonId,
        dice: &mut Dice,
    ) -> Result<(), Trouble> {
        let Some(state) = self.state(space) else { return Ok(()) };
        let (roster, action) = (state.roster(), MembershipAction::Remove { person });
        let operation = roster.membership().sign(roster.owner().heads(), self.id, action, &self.key);
        self.write_statements(space, vec![Payload::Membership(operation)], dice)
    }

    /// Learns the person's newest key, from the person's own space.
    pub(super) fn learn_key(&mut self, own: &Party) -> Result<(), Trouble> {
        for replica in self.replicas.values_mut() {
            own.person_keys().try_for_each(|key| replica.learn_key(key))?;
        }
        Ok(())
    }

    /// Puts an operation of the person's device log into every space that can be written in.
    pub(super) fn announce(&mut self, operation: Signed<Operation>, dice: &mut Dice) -> Result<(), Trouble> {
        let spaces: Vec<SpaceId> = self.replicas.keys().copied().collect();
        for space in spaces {
            if self.state(&space).is_some_and(|state| !state.keyring().written_under().is_empty()) {
                self.write_statements(&space, vec![Payload::Operation(operation.clone())], dice)?;
            }
        }
        Ok(())
    }

    /// Folds documents of which something lies under older epochs; gives how many.
    pub(super) fn renew(
        &mut self,
        space: &SpaceId,
        keeper: &SigningKey,
        dice: &mut Dice,
    ) -> Result<usize, Trouble> {
        let Some(replica) = self.replicas.get_mut(space) else { return Ok(0) };
        let stale = replica.documents_to_renew(RENEWED_AT_ONCE)?;
        let mut folds = Vec::new();
        for document in stale {
            let replaces = replica.state().document(&document).map(|(record, _)| record).collect();
            let words = words_of(replica, &document)?.into_iter().collect::<Vec<_>>().join("\n");
            folds.push(Fold { document, snapshot: words.into(), replaces });
        }
        let renewed = folds.len();
        let effects = replica.fold(folds, &self.key, keeper, &mut || dice.bytes()).map_err(write_trouble)?;
        ensure(effects.refused.is_empty(), Check::Courtesy, || format!("a fold: {:?}", effects.refused))?;
        self.dirty |= renewed > 0;
        Ok(renewed)
    }

    pub(super) fn ingest(
        &mut self,
        space: &SpaceId,
        peer: &DeviceId,
        records: &[Vec<u8>],
    ) -> Result<Option<Ingested>, Trouble> {
        let Some(replica) = self.replicas.get_mut(space) else { return Ok(None) };
        let ingested = replica.ingest(peer, records).map_err(write_trouble)?;
        self.dirty |= ingested.new_records > 0;
        // Whoever is out, or not in yet, is sent what they cannot read.
        let unopened = ingested.unopened.iter().find(|error| **error != record::OpenError::UnknownEpoch);
        ensure(unopened.is_none(), Check::Courtesy, || format!("a record: {unopened:?}"))?;
        let refused = ingested.effects.refused.first();
        ensure(refused.is_none(), Check::Courtesy, || format!("a record is refused: {refused:?}"))?;
        Ok(Some(ingested))
    }

    /// What it shows of a space.
    pub(super) fn words(&mut self, space: &SpaceId) -> Result<Words, Trouble> {
        let Some(replica) = self.replicas.get_mut(space) else { return Ok(Words::new()) };
        let mut shown = Words::new();
        let documents: Vec<DocumentId> = replica.state().documents().copied().collect();
        for document in documents {
            shown.insert(document, words_of(replica, &document)?);
        }
        Ok(shown)
    }
}

fn words_of(replica: &mut SimReplica, document: &DocumentId) -> Result<BTreeSet<String>, Trouble> {
    let mut words = BTreeSet::new();
    let locations: Vec<Location> = replica.state().document(document).map(|(_, location)| location).collect();
    for location in locations {
        match replica.read_payload(location)? {
            Ok(Payload::Change(change)) => {
                words.extend(String::from_utf8_lossy(&change.bytes).lines().map(str::to_owned));
            }
            other => {
                return Err(Violation::new(Check::Durability, format!("a change reads as {other:?}")).into());
            }
        }
    }
    Ok(words)
}

pub(super) fn write_trouble(error: WriteError<MemoryDiskError>) -> Trouble {
    match error {
        WriteError::Journal(error) => error.into(),
        error => Violation::new(Check::Courtesy, error.to_string()).into(),
    }
}
