//! The safety net: where both sides hold the same commits and statements and yet other records, because
//! something was lost or left aside, the names of records are reconciled.

use super::{Exchange, Reconciliation};
use crate::{
    limits::{MAX_RECONCILE_MESSAGES, MAX_RECONCILED},
    replica::{State, records::Slot},
    session::{SessionError, frontier::Frontier, handshake::Role, message::SpaceMessage, version::Version},
};

impl Exchange {
    /// Where nothing is left to say and both hold the same commits and statements, but not the same
    /// records.
    pub(super) fn begin_reconciliation(&mut self, state: &State) -> Option<SpaceMessage> {
        let theirs = self.acknowledged.as_ref()?;
        let is_free = self.reconciliation.is_none() && self.awaited == 0 && !self.is_sum_stale;
        let is_mine = self.role == Role::Dialer && self.reconciliations > 0;
        let sums = (state.records_digest(), theirs.records);
        if !is_mine || !is_free || sums.0 == sums.1 || self.reconciled == Some(sums) {
            return None;
        }
        if !self.is_of_the_owner(state) {
            return None;
        }
        let own = Frontier::of(state);
        if own.statements != theirs.statements || !own.has_same_heads(theirs) {
            return None;
        }
        self.reconciliations -= 1;
        self.reconciled = Some(sums);
        let mut reconciliation = Reconciliation::new(state, &self.reconcile_key, self.frame_len);
        let query = reconciliation.begin()?;
        self.reconciliation = Some(reconciliation);
        Some(SpaceMessage::Reconcile(query))
    }

    pub(super) fn answer_reconciliation(&mut self, query: &[u8], state: &State) -> Result<(), SessionError> {
        if self.role != Role::Listener {
            return Err(SessionError::Malformed);
        }
        let Some(left) = self.reconcile_credit.checked_sub(1) else {
            return self.put_off_reconciling();
        };
        self.reconcile_credit = left;
        if !self.is_of_the_owner(state) {
            // An end all the same: who is out may be in again while the session lasts, and ask again.
            if self.version >= Version::Fourth {
                self.answer_nothing_left();
            }
            return Ok(());
        }
        let (key, frame_len) = (&self.reconcile_key, self.frame_len);
        let reconciliation =
            self.reconciliation.get_or_insert_with(|| Reconciliation::new(state, key, frame_len));
        let answer = reconciliation.answer(query)?;
        self.outbox.push_back(SpaceMessage::Reconciling(answer));
        Ok(())
    }

    /// An honest dialer that has much to compare asks for no more before its own next check.
    fn put_off_reconciling(&mut self) -> Result<(), SessionError> {
        if self.reconcile_excess >= MAX_RECONCILE_MESSAGES {
            return Err(SessionError::Malformed);
        }
        self.reconcile_excess += 1;
        self.answer_nothing_left();
        Ok(())
    }

    fn answer_nothing_left(&mut self) {
        self.outbox.push_back(SpaceMessage::Reconciling(Reconciliation::NOTHING_LEFT.to_vec()));
    }

    pub(super) fn go_on_reconciling(&mut self, answer: &[u8], state: &State) -> Result<(), SessionError> {
        let enrolled = self.is_enrolled(state);
        let reconciliation = self.reconciliation.as_mut().ok_or(SessionError::Malformed)?;
        let step = reconciliation.step(answer)?;
        self.found.extend(step.to_send.iter().filter(|_| enrolled));
        match step.query.filter(|_| reconciliation.may_go_on()) {
            Some(query) => self.outbox.push_back(SpaceMessage::Reconcile(query)),
            None => {
                let needed = reconciliation.take_needed();
                self.awaited = needed.len();
                self.outbox.push_back(SpaceMessage::Need(needed));
                self.reconciliation = None;
            }
        }
        Ok(())
    }

    pub(super) fn end_reconciliation(
        &mut self,
        names: &[[u8; 32]],
        state: &State,
    ) -> Result<(), SessionError> {
        let bounded = names.len() <= MAX_RECONCILED && names.is_sorted_by(|a, b| a < b);
        if self.role != Role::Listener || !bounded {
            return Err(SessionError::Malformed);
        }
        if !self.is_enrolled(state) {
            return Ok(());
        }
        // Nothing is asked for where the first question was put off.
        if names.is_empty() {
            self.reconciliation = None;
            return Ok(());
        }
        let reconciliation = self.reconciliation.take().ok_or(SessionError::Malformed)?;
        self.found.extend(names.iter().filter_map(|name| reconciliation.find(name)));
        Ok(())
    }

    /// The next record that a reconciliation found. The other side takes commits that come for counted here:
    /// where one is not, a frontier says so.
    pub(super) fn next_found(&mut self, state: &State) -> Option<Slot> {
        let slot = self.found.pop_front()?;
        self.gave_uncounted |= state.is_uncounted_commit(slot);
        if self.found.is_empty() && std::mem::take(&mut self.gave_uncounted) {
            (self.frontier_due, self.check_due) = (true, true);
        }
        Some(slot)
    }
}
