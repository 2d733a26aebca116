//! The second phase: nobody changes anything any more.

use musette_protocol::{id::SpaceId, membership::Role, session::Frontier};

use super::{SPACES, World, broken, member::Words};
use crate::{
    check::{Check, Violation, ensure},
    storage::Trouble,
};

/// Rounds within which all must have been said: epochs that are joined, documents that are renewed a few
/// at a time, and each passed on by way of the others.
const MAX_ROUNDS: usize = 24;
/// Frames of one connection, at most.
const MAX_FRAMES: usize = 2_000;

impl World<'_> {
    pub(super) fn heal(&mut self) -> Result<(), Violation> {
        self.connections.clear();
        for number in 0..self.members.len() {
            if !self.members[number].is_on() {
                self.start(number).map_err(broken)?;
            }
        }
        let mut before = Vec::new();
        for _ in 0..MAX_ROUNDS {
            self.round().map_err(broken)?;
            let now = self.frontiers();
            if now == before {
                self.tally.check(Check::Quiet);
                return self.check_end().map_err(broken);
            }
            before = now;
        }
        Err(Violation::new(Check::Quiet, format!("after {MAX_ROUNDS} rounds something still changes")))
    }

    fn frontiers(&self) -> Vec<(SpaceId, Frontier)> {
        let states = self.members.iter().flat_map(super::Member::states);
        states.map(|state| (*state.space(), Frontier::of(state))).collect()
    }

    /// The owner's devices agree and tidy, then everybody who is in is told.
    fn round(&mut self) -> Result<(), Trouble> {
        let owners = self.owners();
        for number in &owners {
            for space in 0..SPACES {
                self.tidy(*number, space, true)?;
            }
            self.sync(*number)?;
        }
        for space in 0..SPACES {
            self.invite_who_is_in(owners[0], space)?;
        }
        for left in 0..self.members.len() {
            for right in 0..left {
                self.connect_to(left, right);
                self.finish()?;
            }
        }
        Ok(())
    }

    /// Whoever was let in and could not be told, since nobody was there, is told now.
    fn invite_who_is_in(&mut self, owner: usize, space: usize) -> Result<(), Trouble> {
        let id = self.spaces[space].id;
        for other in 0..self.members.len() {
            let person = self.parties[self.members[other].party].id;
            let is_in =
                |state: &musette_protocol::replica::State| state.roster().members().contains_key(&person);
            let knows_none =
                self.members[other].state(&id).is_none_or(|state| state.keyring().heads().is_empty());
            if self.members[owner].state(&id).is_some_and(is_in) && knows_none {
                self.invite(owner, other, &id)?;
            }
        }
        Ok(())
    }

    /// Runs the one connection until nobody has anything to say.
    fn finish(&mut self) -> Result<(), Trouble> {
        for _ in 0..MAX_FRAMES {
            let Some(mut connection) = self.connections.pop() else { return Ok(()) };
            let mut quiet = true;
            for side in [0, 1] {
                let number = connection.ends[side];
                self.members[number].sync()?;
                quiet &= !connection.say(side, &mut self.members[number])?;
                match connection.hear(side, &mut self.members[number])? {
                    Ok(heard) => quiet &= !heard,
                    Err(_) => return Ok(()),
                }
                self.check_reader(number)?;
            }
            if quiet {
                return Ok(());
            }
            self.connections.push(connection);
        }
        Err(Violation::new(Check::Termination, format!("{MAX_FRAMES} frames and no end")).into())
    }

    fn check_end(&mut self) -> Result<(), Trouble> {
        for space in 0..SPACES {
            let id = self.spaces[space].id;
            let owner = self.owners()[0];
            let shown = self.members[owner].words(&id)?;
            self.check_nothing_lost(&id, &shown)?;
            for number in 0..self.members.len() {
                let theirs = self.members[number].words(&id)?;
                self.check_member(owner, number, &id, [&shown, &theirs])?;
            }
        }
        Ok(())
    }

    /// What an owner's device acknowledged is there.
    fn check_nothing_lost(&mut self, space: &SpaceId, shown: &Words) -> Result<(), Violation> {
        for number in self.owners() {
            for (_, word) in self.members[number].acknowledged().iter().filter(|(within, _)| within == space)
            {
                let is_there = shown.values().any(|words| words.contains(word));
                ensure(is_there, Check::Durability, || format!("{word} was acknowledged and is gone"))?;
            }
            self.tally.check(Check::Durability);
        }
        Ok(())
    }

    fn check_member(
        &mut self,
        owner: usize,
        number: usize,
        space: &SpaceId,
        [shown, theirs]: [&Words; 2],
    ) -> Result<(), Violation> {
        let party = self.members[number].party;
        let person = self.parties[party].id;
        let Some(ours) = self.members[owner].state(space) else { return Ok(()) };
        let role: Option<Role> = ours.roster().members().get(&person).map(|member| member.role);
        if party == 0 || role.is_some() {
            let state = self.members[number].state(space);
            let (mut held, expected) = (state.map(Frontier::of), Frontier::of(ours));
            // What no commit names may lie under an epoch that others were not given.
            if let Some(held) = held.as_mut().filter(|_| party != 0) {
                held.records = expected.records;
            }
            ensure(held.as_ref() == Some(&expected), Check::Sharing, || {
                format!("device {number} of party {party} holds {held:?}, the owner {expected:?}")
            })?;
            ensure(theirs == shown, Check::Sharing, || {
                format!("device {number} of party {party} shows {theirs:?}, the owner {shown:?}")
            })?;
            self.tally.check(Check::Sharing);
        }
        if party != 0 {
            self.ledger.check_words(person, theirs)?;
            self.tally.check(Check::Secrecy);
        }
        Ok(())
    }
}
