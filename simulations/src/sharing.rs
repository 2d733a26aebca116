//! Spaces that others read: an owner with two or three devices, two persons who are let in and put
//! out, several spaces in one session.
//!
//! 1. In the first phase, chance decides at each step who does what: the owner writes, lets somebody in
//!    or puts somebody out, on whatever device; a member whose role allows it writes too, or gets
//!    another person key; devices tidy, connect, say a frame, lose a connection, lose their power.
//! 2. In the second phase nobody changes anything. All devices connect until nothing is left to say.
//!
//! Throughout, nobody may hold the secret of an epoch that was not made for them, or show a word that
//! was written by somebody who knew that they are out (`ledger`). In the end all who are in hold and
//! show the same, and everything that was acknowledged.
//!
//! Documents are sets of words here: what is tried is who reads, and not how Automerge merges, which
//! the other world does. There is no latency: a frame waits until chance picks its connection.

use std::collections::BTreeSet;

use musette_protocol::{
    crypto::sign::SigningKey,
    epoch::{epoch_id, rotation::elected, space_id},
    id::{EpochId, PersonId, SpaceId},
    journal::memory::MemoryDiskError,
    membership::{MembershipAction, Role},
    record::Payload,
    replica::{
        rotating::{EpochStartError, NewEpoch},
        sharing::{Change, ChangeError},
    },
    session::Role as Side,
};

use crate::{
    check::{Check, Violation, calmly, ensure},
    dice::Dice,
    options::Breakage,
    storage::Trouble,
    tally::{Fault, Tally},
};

mod cast;
mod connection;
pub mod crowd;
mod healing;
mod ledger;
mod member;

use cast::Party;
use connection::Connection;
use ledger::Ledger;
use member::Member;

/// What happens in the first phase.
const STEPS: u64 = 240;
/// Spaces of the owner.
const SPACES: usize = 2;
/// Connections at a time, at most.
const MAX_CONNECTIONS: usize = 4;

/// A space, and the key that states its epochs.
struct Shared {
    id: SpaceId,
    keeper: SigningKey,
}

/// One run.
pub struct World<'a> {
    dice: Dice,
    /// The owner first.
    parties: Vec<Party>,
    spaces: Vec<Shared>,
    members: Vec<Member>,
    connections: Vec<Connection>,
    ledger: Ledger,
    words: u64,
    breakage: Option<Breakage>,
    tally: &'a mut Tally,
    story: Option<Vec<String>>,
}

/// Runs the story of a seed; gives what happened, if it is to be told.
///
/// # Errors
/// What did not hold.
pub fn simulate(
    seed: u64,
    breakage: Option<Breakage>,
    tally: &mut Tally,
    tell: bool,
) -> (Result<(), Violation>, Vec<String>) {
    let mut world = World::new(Dice::new(!seed), breakage, tally, tell);
    let ended = calmly(|| world.run());
    (ended, world.story.unwrap_or_default())
}

impl<'a> World<'a> {
    fn new(mut dice: Dice, breakage: Option<Breakage>, tally: &'a mut Tally, tell: bool) -> Self {
        let sizes = [2 + dice.index(2), 1 + dice.index(2), 1];
        let parties: Vec<Party> = sizes.into_iter().map(|devices| Party::new(devices, &mut dice)).collect();
        let spaces = (0..SPACES).map(|_| {
            let keeper = SigningKey::from_secret(&dice.secret());
            Shared { id: space_id(&keeper.verifying_key(), &parties[0].recovery_keeper()), keeper }
        });
        let spaces = spaces.collect();
        let mut members = Vec::new();
        for (number, party) in parties.iter().enumerate() {
            members.extend(party.devices.iter().map(|seed| Member::new(number, seed, &mut dice)));
        }
        Self {
            dice,
            parties,
            spaces,
            members,
            connections: Vec::new(),
            ledger: Ledger::default(),
            words: 0,
            breakage,
            tally,
            story: tell.then(Vec::new),
        }
    }

    fn run(&mut self) -> Result<(), Violation> {
        for space in 0..SPACES {
            self.begin(space).map_err(broken)?;
        }
        for _ in 0..STEPS {
            self.step().map_err(broken)?;
        }
        self.heal()
    }

    fn tell(&mut self, line: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            story.push(line());
        }
    }

    /// All devices of the owner hold a space from the beginning, as if they had paired before.
    fn begin(&mut self, space: usize) -> Result<(), Trouble> {
        let Shared { id, keeper } = &self.spaces[space];
        let statements = self.parties[0].begin_space(id, keeper, &mut self.dice);
        self.ledger.note_epoch(statements.epoch, BTreeSet::from([self.parties[0].id]));
        for number in self.owners() {
            let owner = &self.parties[0];
            self.members[number].open(*id, owner, &self.parties[0])?;
            self.members[number].write_statements(id, statements.payloads.clone(), &mut self.dice)?;
            self.members[number].sync()?;
        }
        Ok(())
    }

    fn owners(&self) -> Vec<usize> {
        (0..self.members.len()).filter(|number| self.members[*number].party == 0).collect()
    }

    fn is_broken(&self, breakage: Breakage) -> bool {
        self.breakage == Some(breakage)
    }

    fn step(&mut self) -> Result<(), Trouble> {
        let number = self.dice.index(self.members.len());
        if !self.members[number].is_on() {
            return if self.dice.one_in(3) { self.start(number) } else { Ok(()) };
        }
        let space = self.dice.index(SPACES);
        match self.dice.below(40) {
            0..=6 => self.write(number, space),
            7 => self.change_members(number, space),
            8 => self.replace_person_key(number),
            9..=11 => self.tidy(number, space, false),
            12..=15 => self.connect(number),
            16..=31 => self.converse(),
            32 => self.lose_connection(),
            33 => self.cut_power(number),
            _ => self.sync(number),
        }
    }

    fn write(&mut self, number: usize, space: usize) -> Result<(), Trouble> {
        let id = self.spaces[space].id;
        let member = &self.members[number];
        if !member.state(&id).is_some_and(|state| state.roster().may_write(&member.id)) {
            return Ok(());
        }
        if !self.is_written_for_members(number, space)? {
            return Ok(());
        }
        let Some(state) = self.members[number].state(&id) else { return Ok(()) };
        self.words += 1;
        let word = format!("w{}", self.words);
        self.ledger.check_sealed(self.parties[0].id, state)?;
        self.ledger.note_word(&word, state);
        self.tally.acts += 1;
        self.tell(|| format!("device {number} writes {word} in space {space}"));
        self.members[number].write(&id, &word, &mut self.dice)
    }

    /// Whether what is written now is for just those who are in, as the writer knows them: the owner's
    /// devices start an epoch where it is not, the others wait for one.
    fn is_written_for_members(&mut self, number: usize, space: usize) -> Result<bool, Trouble> {
        if self.is_broken(Breakage::KeepEpochOnRemoval) {
            return Ok(true);
        }
        let id = self.spaces[space].id;
        let Some(replica) = self.members[number].replica(&id) else { return Ok(false) };
        if !replica.is_epoch_due(None)? {
            return Ok(true);
        }
        if self.members[number].party != 0 {
            self.tally.fault(Fault::WriterWaits);
            return Ok(false);
        }
        self.begin_epoch(number, space)?;
        Ok(true)
    }

    /// On a device of the owner: lets somebody in or puts somebody out.
    fn change_members(&mut self, number: usize, space: usize) -> Result<(), Trouble> {
        if self.members[number].party != 0 {
            return Ok(());
        }
        let Shared { id, keeper } = &self.spaces[space];
        let about = 1 + self.dice.index(self.parties.len() - 1);
        let party = &self.parties[about];
        let Some(state) = self.members[number].state(id) else { return Ok(()) };
        let is_in = state.roster().members().contains_key(&party.id);
        let action = if is_in && !self.dice.one_in(4) {
            MembershipAction::Remove { person: party.id }
        } else {
            let role = if self.dice.one_in(2) { Role::Reader } else { Role::Writer };
            MembershipAction::Add { inception: party.inception.clone(), role }
        };
        let lets_in = matches!(action, MembershipAction::Add { .. });
        let (secret, entropy) = (self.dice.secret(), self.dice.secret());
        let epoch = epoch_id(&secret);
        // A recovery key has every recipient given the earlier secrets.
        let recovery = self.is_broken(Breakage::GiveOlderSecrets).then(|| self.parties[0].recovery_kem());
        let (log, key) = (party.log.in_order().into_iter().cloned().collect(), self.members[number].key());
        let new = NewEpoch { keeper, device: &key, recovery, secret, entropy };
        let person = party.id;
        if !lets_in && self.is_broken(Breakage::KeepEpochOnRemoval) {
            return self.members[number].put_out_without_an_epoch(id, person, &mut self.dice);
        }
        let change = Change { action, log, device: &key, epoch: new };
        let nonce = &mut || self.dice.bytes();
        let Some(replica) = self.members[number].replica(id) else { return Ok(()) };
        match replica.change_members(change, nonce) {
            Ok(effects) => ensure(effects.refused.is_empty(), Check::Courtesy, || format!("{effects:?}"))?,
            Err(ChangeError::Epoch(error)) => return Err(epoch_trouble(error)),
            Err(error) => return Err(Violation::new(Check::Courtesy, error.to_string()).into()),
        }
        self.members[number].dirty = true;
        let id = *id;
        self.note_epoch(number, &id, epoch);
        if let Some(state) = self.members[number].state(&id).filter(|_| lets_in) {
            self.ledger.note_admission(person, state);
        }
        self.tally.fault(if lets_in { Fault::LetIn } else { Fault::PutOut });
        self.tell(|| {
            format!(
                "device {number} {} party {about}, space {space}",
                if lets_in { "lets in" } else { "puts out" }
            )
        });
        if lets_in { self.invite_all(number, about, &id) } else { Ok(()) }
    }

    /// For whom an epoch is: for those who are in, as the device sees it that started it.
    fn note_epoch(&mut self, number: usize, space: &SpaceId, epoch: EpochId) {
        let owner = self.parties[0].id;
        if let Some(state) = self.members[number].state(space) {
            let persons: BTreeSet<PersonId> =
                state.roster().members().keys().copied().chain([owner]).collect();
            self.ledger.note_epoch(epoch, persons);
            self.tally.fault(Fault::NewEpoch);
        }
    }

    /// Tells all devices of a person of a space, by a way of their own.
    fn invite_all(&mut self, number: usize, about: usize, space: &SpaceId) -> Result<(), Trouble> {
        self.sync(number)?;
        for other in 0..self.members.len() {
            if self.members[other].party == about && self.members[other].is_on() {
                self.invite(number, other, space)?;
            }
        }
        Ok(())
    }

    fn invite(&mut self, number: usize, other: usize, space: &SpaceId) -> Result<(), Trouble> {
        let Some(replica) = self.members[number].replica(space) else { return Ok(()) };
        let epochs = replica.invitation()?;
        if self.members[other].state(space).is_none() {
            let (owner, own) = (&self.parties[0], &self.parties[self.members[other].party]);
            self.members[other].open(*space, owner, own)?;
            // What a session serves is settled when it begins.
            self.connections.retain(|connection| !connection.ends.contains(&other));
        }
        let payloads = epochs.into_iter().map(Payload::Epoch).collect();
        self.members[other].write_statements(space, payloads, &mut self.dice)?;
        self.members[other].sync()
    }

    /// A person's own space came to another epoch: others seal to another key from then on.
    fn replace_person_key(&mut self, number: usize) -> Result<(), Trouble> {
        let party = self.members[number].party;
        if party == 0 {
            return Ok(());
        }
        let operation = self.parties[party].replace_person_key(&mut self.dice);
        self.tally.fault(Fault::NewPersonKey);
        self.tell(|| format!("party {party} has another person key"));
        for member in self.members.iter_mut().filter(|member| member.party == party && member.is_on()) {
            member.learn_key(&self.parties[party])?;
        }
        self.members[number].announce(operation, &mut self.dice)
    }

    /// What an owner's device does by itself.
    fn tidy(&mut self, number: usize, space: usize, elected_only: bool) -> Result<(), Trouble> {
        let Shared { id, keeper } = &self.spaces[space];
        let own = self.members[number].id;
        let Some(state) = self.members[number].state(id) else { return Ok(()) };
        let is_elected = elected(state.log().devices(), |_| false) == Some(own);
        if self.members[number].party != 0 || !is_elected && (elected_only || !self.dice.one_in(4)) {
            return Ok(());
        }
        let Some(replica) = self.members[number].replica(id) else { return Ok(()) };
        if replica.is_epoch_due(None)? {
            return self.begin_epoch(number, space);
        }
        if self.is_broken(Breakage::SkipRenewal) {
            return Ok(());
        }
        let renewed = self.members[number].renew(id, keeper, &mut self.dice)?;
        if renewed > 0 {
            self.tally.fault(Fault::Renewed);
            self.tell(|| format!("device {number} renews {renewed} documents of space {space}"));
        }
        Ok(())
    }

    fn begin_epoch(&mut self, number: usize, space: usize) -> Result<(), Trouble> {
        let Shared { id, keeper } = &self.spaces[space];
        let (secret, entropy) = (self.dice.secret(), self.dice.secret());
        let epoch = epoch_id(&secret);
        let key = self.members[number].key();
        let new = NewEpoch { keeper, device: &key, recovery: None, secret, entropy };
        let nonce = &mut || self.dice.bytes();
        let Some(replica) = self.members[number].replica(id) else { return Ok(()) };
        replica.begin_epoch(&new, nonce).map_err(epoch_trouble)?;
        self.members[number].dirty = true;
        let id = *id;
        self.tell(|| format!("device {number} starts an epoch of space {space}"));
        self.note_epoch(number, &id, epoch);
        Ok(())
    }

    fn connect(&mut self, number: usize) -> Result<(), Trouble> {
        let other = self.dice.index(self.members.len());
        if self.connections.len() < MAX_CONNECTIONS {
            self.connect_to(number, other);
        }
        Ok(())
    }

    fn connect_to(&mut self, number: usize, other: usize) {
        let taken = self.connections.iter().any(|connection| connection.joins(number, other));
        if number != other && !taken && self.members[number].is_on() && self.members[other].is_on() {
            self.connections.push(Connection::new([number, other], &mut self.dice));
        }
    }

    /// A frame or two in some connection.
    fn converse(&mut self) -> Result<(), Trouble> {
        if self.connections.is_empty() {
            return Ok(());
        }
        let place = self.dice.index(self.connections.len());
        for _ in 0..self.dice.between(1, 6) {
            let side = self.dice.index(2);
            if place >= self.connections.len() || !self.exchange(place, side)? {
                break;
            }
        }
        Ok(())
    }

    /// One side says something, and hears something; false when the connection is over.
    fn exchange(&mut self, place: usize, side: usize) -> Result<bool, Trouble> {
        let ends = self.connections[place].ends;
        if !self.members[ends[side]].dirty {
            self.connections[place].say(side, &mut self.members[ends[side]])?;
        }
        let heard = self.connections[place].hear(side, &mut self.members[ends[side]])?;
        self.check_reader(ends[side])?;
        if heard.is_err() {
            self.connections.remove(place);
        } else {
            self.tally.check(Check::Courtesy);
        }
        Ok(heard.is_ok())
    }

    /// Whoever is not the owner holds no secret that was not for them.
    fn check_reader(&mut self, number: usize) -> Result<(), Violation> {
        let member = &self.members[number];
        if member.party != 0 {
            self.ledger.check_secrets(self.parties[member.party].id, member.states())?;
            self.tally.check(Check::Secrecy);
        }
        Ok(())
    }

    fn lose_connection(&mut self) -> Result<(), Trouble> {
        if !self.connections.is_empty() {
            let place = self.dice.index(self.connections.len());
            self.connections.remove(place);
        }
        Ok(())
    }

    fn cut_power(&mut self, number: usize) -> Result<(), Trouble> {
        self.tell(|| format!("device {number} loses its power"));
        self.tally.fault(Fault::PowerCut);
        self.connections.retain(|connection| !connection.ends.contains(&number));
        self.members[number].cut_power(&mut self.dice);
        Ok(())
    }

    fn start(&mut self, number: usize) -> Result<(), Trouble> {
        self.tell(|| format!("device {number} starts"));
        let party = self.members[number].party;
        self.members[number].start(&self.parties[0], &self.parties[party])?;
        self.check_reader(number)?;
        Ok(())
    }

    fn sync(&mut self, number: usize) -> Result<(), Trouble> {
        self.members[number].sync()
    }
}

fn epoch_trouble(error: EpochStartError<MemoryDiskError>) -> Trouble {
    match error {
        EpochStartError::Write(error) => member::write_trouble(error),
        error => Violation::new(Check::Courtesy, error.to_string()).into(),
    }
}

/// Disks do not fill up or fail here, they only lose their power.
fn broken(trouble: Trouble) -> Violation {
    match trouble {
        Trouble::Broken(violation) => violation,
        other => Violation::new(Check::Durability, format!("a healthy disk refuses: {other:?}")),
    }
}

/// Which side of a session an end is.
const fn side(place: usize) -> Side {
    if place == 0 { Side::Dialer } else { Side::Listener }
}
