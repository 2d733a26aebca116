//! What two members of a space say about it once they know each other.
//!
//! 1. Both send their [`Frontier`]. It tells each which commits the other lacks; where the sums of
//!    statements differ both list theirs.
//! 2. Each sends what the other lacks: epochs, log operations, drops and receipts first, then commits
//!    with the changes that they name, causes before effects. What is written later goes the same way.
//! 3. Each answers what it made durable with its new frontier.
//! 4. Pieces of attachments go to who asks for them, after everything else.
//! 5. Where both hold the same commits and yet other records, because something was lost or left
//!    aside, the dialer begins a reconciliation of record ids.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{
    Event, SessionError, Version,
    fetch::{Fetches, Requests},
    first::{self, FirstFrontier},
    frontier::{Frontier, Head},
    handshake::Role,
    message::{Mark, Message, SpaceMessage, frame_of_message, frame_of_records},
    parts::{Arriving, Beginning, Part, Rest},
    reconcile::Reconciliation,
};
use crate::{
    crypto::{
        kdf::{context, derive},
        secret::Secret32,
    },
    id::{BlobId, DeviceId, EpochId, RecordId, SpaceId, StatementId},
    journal::{Disk, JournalError},
    limits::{
        MAX_BEGINNINGS, MAX_FRONTIER_ENTRIES, MAX_RECONCILE_MESSAGES, MAX_RECONCILIATIONS, MAX_STATEMENTS,
    },
    record::{OpenError, record_id},
    replica::{
        Ingested, Refusal, Replica, State,
        records::{Class, Row, Slot},
    },
    schedule::Flow,
};

mod reconciling;

/// One side of it.
#[derive(Debug)]
pub(super) struct Exchange {
    version: Version,
    role: Role,
    peer: DeviceId,
    space: SpaceId,
    mark: Mark,
    reconcile_key: Secret32,
    outbox: VecDeque<SpaceMessage>,
    /// What the other side said it holds durably.
    acknowledged: Option<Frontier>,
    given: Given,
    /// Records on their way, in order.
    queue: VecDeque<Slot>,
    /// Records that a reconciliation found the other side to lack.
    found: VecDeque<Slot>,
    /// Whether some of what was found and sent are commits that do not count here.
    gave_uncounted: bool,
    requests: Requests,
    /// Bytes of records in a frame, past which it is sent.
    frame_len: usize,
    /// Records of which the other side holds the beginning.
    begun: BTreeMap<RecordId, u32>,
    /// What is left of records that go in parts: of the queue, and of attachments.
    rests: [VecDeque<Rest>; 2],
    /// Records of the other side that come in parts.
    arriving: Arriving,
    /// Whether the other side was told of which records the beginning is here.
    told_begun: bool,
    /// Which attachments are given to who asks for them.
    flow: Flow,
    fetches: Fetches,
    /// The pieces of attachments that had come here when it was last looked.
    arrivals: u64,
    /// How many epochs were known here by then, and how many of them were not doubtful.
    epochs: [usize; 2],
    /// Whether records came under an epoch that was not known, or doubtful: once another is known, or not
    /// doubtful, they are to come again. Operations are taken under doubtful ones, and they end the doubt.
    left_aside: bool,
    /// Whether something was left aside because the other device may not be talked to: once it may, all
    /// of it is to come again.
    ignored: bool,
    frontier_due: bool,
    check_due: bool,
    last_frontier: Option<Frontier>,
    /// As of which change of the statements here it was last told.
    told_generation: Option<u64>,
    reconciliation: Option<Reconciliation>,
    /// The sums of records, own and theirs, that were last reconciled. As long as neither changes, what
    /// that found is still on its way.
    reconciled: Option<([u8; 32], [u8; 32])>,
    /// How many of the records that the last one asked for are still on their way.
    awaited: usize,
    /// Whether the other side sent commits since it last told its sum of records: that sum is out of date.
    is_sum_stale: bool,
    /// Whether the statements were listed since a frontier with the mark of a check was last told, or heard.
    listed: bool,
    /// How many the dialer may begin before the next periodic check.
    reconciliations: u32,
    /// Messages of reconciliations that are answered before the next periodic check.
    reconcile_credit: u32,
    /// Messages past that, since the last one, to which the answer was that nothing is left to ask.
    reconcile_excess: u32,
    /// An epoch that both sides know, if they were recognised by one of this space.
    shared: Option<EpochId>,
}

/// What the other side holds, or will once it has taken what was sent.
#[derive(Debug, Default)]
struct Given {
    /// `None` until it is known.
    statements: Option<BTreeSet<StatementId>>,
    /// Those of them that it is to name anew, or it is given them again: it may have left some aside.
    doubted: BTreeSet<StatementId>,
    chains: BTreeMap<DeviceId, u64>,
    /// As of which change of the statements here they were last compared.
    generation: Option<u64>,
    /// Whether the other device was enrolled by then.
    enrolled: bool,
    /// How they were sealed for it; `None` before anybody looked.
    sealing: Option<Sealing>,
}

/// Under which epochs statements and commits are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sealing {
    /// Under those that they lie under.
    AsItLies,
    /// Under those that are written under now.
    Anew,
    /// Under those that they lie under, and statements, in a record of its own, under those that are written
    /// under now; where there are none, operations under one that the other side knows.
    Both,
}

impl Exchange {
    pub(super) fn new(
        version: Version,
        role: Role,
        peer: DeviceId,
        mark: Mark,
        space: &SpaceId,
        session: &Secret32,
        frame_len: usize,
    ) -> Self {
        let reconcile_key = derive(context::SESSION_RECONCILE, &[session.expose(), space.as_bytes()]);
        Self {
            version,
            role,
            peer,
            space: *space,
            mark,
            reconcile_key,
            outbox: VecDeque::new(),
            acknowledged: None,
            given: Given::default(),
            queue: VecDeque::new(),
            found: VecDeque::new(),
            gave_uncounted: false,
            requests: Requests::default(),
            frame_len,
            begun: BTreeMap::new(),
            rests: [VecDeque::new(), VecDeque::new()],
            arriving: Arriving::default(),
            told_begun: version < Version::Fourth,
            flow: Flow::Everything,
            fetches: Fetches::default(),
            arrivals: 0,
            epochs: [0, 0],
            left_aside: false,
            ignored: false,
            frontier_due: true,
            check_due: true,
            last_frontier: None,
            told_generation: None,
            reconciliation: None,
            reconciled: None,
            awaited: 0,
            is_sum_stale: false,
            listed: false,
            reconciliations: MAX_RECONCILIATIONS,
            reconcile_credit: 2 * MAX_RECONCILE_MESSAGES,
            reconcile_excess: 0,
            shared: None,
        }
    }

    /// An epoch of the space that both sides know.
    pub(super) fn sharing(self, shared: Option<EpochId>) -> Self {
        Self { shared, ..self }
    }

    #[cfg(test)]
    pub(super) const fn mark(&self) -> &Mark {
        &self.mark
    }

    #[cfg(test)]
    pub(super) const fn reconcile_key(&self) -> &Secret32 {
        &self.reconcile_key
    }

    pub(super) const fn acknowledged(&self) -> Option<&Frontier> {
        self.acknowledged.as_ref()
    }

    pub(super) const fn fetches(&mut self) -> &mut Fetches {
        &mut self.fetches
    }

    pub(super) fn set_flow(&mut self, flow: Flow) {
        self.flow = flow;
        self.requests.withhold(|asked| !flow.allows_attachment(asked));
    }

    pub(super) fn is_fetching(&self, blob: &BlobId) -> bool {
        self.fetches.contains(blob)
    }

    /// The periodic check: frontier and statements are compared again, and records if they differ.
    pub(super) fn check(&mut self) {
        self.frontier_due = true;
        self.check_due = true;
        self.reconciliations = MAX_RECONCILIATIONS;
        self.reconciled = None;
        self.awaited = 0;
        self.reconcile_credit =
            (self.reconcile_credit + MAX_RECONCILE_MESSAGES).min(2 * MAX_RECONCILE_MESSAGES);
        self.reconcile_excess = 0;
    }

    // What comes in.

    pub(super) fn handle(
        &mut self,
        message: SpaceMessage,
        state: &State,
    ) -> Result<Option<Event>, SessionError> {
        match message {
            SpaceMessage::Frontier { frontier, check } => {
                return self.handle_frontier(frontier, check, state);
            }
            SpaceMessage::Statements(names) => self.handle_statements(names, state)?,
            SpaceMessage::Want { blob, chunks, asked } => self.handle_want(blob, &chunks, asked, state)?,
            SpaceMessage::Lacks { blob, withheld } => {
                return Ok(self.fetches.note_lacking(&blob, withheld).then_some(Event::Lacking {
                    space: self.space,
                    blob,
                    withheld,
                }));
            }
            SpaceMessage::Reconcile(query) => self.answer_reconciliation(&query, state)?,
            SpaceMessage::Reconciling(answer) => self.go_on_reconciling(&answer, state)?,
            SpaceMessage::Need(names) => self.end_reconciliation(&names, state)?,
            SpaceMessage::Begun(begun) => self.note_begun(begun)?,
        }
        Ok(None)
    }

    /// A frontier of the first version, which lists its statements. The first one is a check: no other
    /// version's words come before it.
    pub(super) fn handle_first(
        &mut self,
        frontier: FirstFrontier,
        state: &State,
    ) -> Result<Option<Event>, SessionError> {
        let (frontier, names) = frontier.into_parts(state)?;
        let is_first = self.acknowledged.is_none();
        let event = self.handle_frontier(frontier, is_first, state)?;
        self.handle_statements(names, state)?;
        Ok(event)
    }

    fn handle_frontier(
        &mut self,
        frontier: Frontier,
        check: bool,
        state: &State,
    ) -> Result<Option<Event>, SessionError> {
        if !frontier.is_within_bounds() {
            return Err(SessionError::Malformed);
        }
        if let Some(device) = frontier.fork_against(state) {
            return Err(SessionError::Fork { device });
        }
        // What was sent, and what came from there, is taken for counted there. Where that was wrong it
        // would never be sent in this session, so at a check only the other side's word is taken.
        if check {
            self.given.chains.clear();
            // It is worked out anew, and would be sent twice.
            self.queue.clear();
            self.rests[0].retain(Rest::has_begun);
            self.given.doubted = self.given.statements.clone().unwrap_or_default();
            self.listed = false;
        }
        for chain in &frontier.chains {
            self.note_given(chain.head);
        }
        // What an honest peer holds only grows. One that tells of other things each time would fill
        // our memory with them.
        if self.given.chains.len() > 2 * MAX_FRONTIER_ENTRIES {
            return Err(SessionError::Malformed);
        }
        if check {
            self.compare_statements(&frontier, state);
        }
        self.acknowledged = Some(frontier);
        self.is_sum_stale = false;
        self.fetches.note_frontier();
        Ok(Some(Event::Acknowledged { space: self.space, check }))
    }

    fn compare_statements(&mut self, frontier: &Frontier, state: &State) {
        if frontier.has_statements_of(state) {
            self.given.statements.get_or_insert_default().extend(state.statements().copied());
            self.given.doubted.clear();
        } else {
            self.list_statements(state);
        }
    }

    /// Once for each check, own or theirs: who is told a list answers with its own, and needs no second one.
    fn list_statements(&mut self, state: &State) {
        // In the first version each frontier lists them.
        if self.version != Version::First && !std::mem::replace(&mut self.listed, true) {
            self.outbox.push_back(SpaceMessage::Statements(state.statements().copied().collect()));
        }
    }

    fn handle_statements(&mut self, names: Vec<StatementId>, state: &State) -> Result<(), SessionError> {
        if names.len() > MAX_STATEMENTS || !names.is_sorted_by(|a, b| a < b) {
            return Err(SessionError::Malformed);
        }
        // Only what is held here matters: a list of other names costs nothing.
        let known = names.into_iter().filter(|name| state.holds_statement(name));
        let doubted = std::mem::take(&mut self.given.doubted);
        let given = self.given.statements.get_or_insert_default();
        given.retain(|name| !doubted.contains(name));
        given.extend(known);
        self.given.generation = None;
        self.list_statements(state);
        Ok(())
    }

    fn note_begun(&mut self, begun: Vec<(RecordId, u32)>) -> Result<(), SessionError> {
        let bounded = begun.len() <= MAX_BEGINNINGS && self.version >= Version::Fourth;
        if !bounded || !begun.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(SessionError::Malformed);
        }
        self.begun = begun.into_iter().collect();
        Ok(())
    }

    /// Takes a part of a record; the record, once it is whole.
    pub(super) fn take_part(&mut self, part: &Part) -> Result<Option<Vec<u8>>, SessionError> {
        self.arriving.take(part)
    }

    fn handle_want(
        &mut self,
        blob: BlobId,
        chunks: &[u32],
        asked: bool,
        state: &State,
    ) -> Result<(), SessionError> {
        let is_enrolled = self.is_enrolled(state);
        self.requests
            .add(blob, chunks, asked, |index| state.chunk_slot(&blob, index).filter(|_| is_enrolled))?;
        self.set_flow(self.flow);
        Ok(())
    }

    /// Whether the other device is one of the space. Who only knows an epoch's secret is given what
    /// may show that it is one, and nothing else by any way.
    fn is_enrolled(&self, state: &State) -> bool {
        state.roster().knows(&self.peer)
    }

    /// Whether sets of records are compared with the other device. Those of other persons may be unable
    /// to read what no commit names, so that the sets would differ for ever.
    fn is_of_the_owner(&self, state: &State) -> bool {
        state.log().devices().contains_key(&self.peer)
    }

    /// How statements and commits are sealed for the other device. To one that was taken out they go as they
    /// lie: what it could read says why. One of another person may lack all epochs from before that person was
    /// let in. One of the owner is given those, but perhaps not yet; and one that is not known, where nobody
    /// else was ever let in, is the owner's, if anything. Each of two such devices may lack some epochs of the
    /// other, those that a statement lies under or those that are written under now: so both are given, for
    /// neither alone shows for certain who belongs there and who was taken out.
    fn sealing(&self, state: &State) -> Sealing {
        if state.log().has_ended(&self.peer) {
            Sealing::AsItLies
        } else if self.is_of_the_owner(state) || !state.roster().has_other_persons() {
            Sealing::Both
        } else {
            Sealing::Anew
        }
    }

    fn note_given(&mut self, head: Head) {
        let given = self.given.chains.entry(head.device).or_default();
        *given = (*given).max(head.number);
    }

    pub(super) fn ingested(&mut self, ingested: &Ingested) -> Result<(), SessionError> {
        self.left_aside |= ingested.unopened.contains(&OpenError::UnknownEpoch);
        // Where changes were left aside, the commits that name them wait through nobody's fault.
        if ingested.effects.refused.contains(&Refusal::TooManyPending) && !self.left_aside {
            return Err(SessionError::Malformed);
        }
        for head in &ingested.commits {
            // A reconciliation brings commits too that wait there for those before them.
            let given = self.given.chains.get(&head.device).copied().unwrap_or(0);
            if head.number != given + 1 {
                continue;
            }
            self.note_given(*head);
            // What it sent is durable there: nothing leaves before its fsync.
            if let Some(acknowledged) = &mut self.acknowledged {
                self.is_sum_stale = true;
                acknowledged.advance(*head, &self.peer);
            }
        }
        if let Some(given) = &mut self.given.statements {
            given.extend(&ingested.statements);
        }
        self.fetches.note_received(ingested.chunks);
        self.awaited = self.awaited.saturating_sub(ingested.records);
        self.ignored |= ingested.from_stranger > 0;
        self.frontier_due = true;
        Ok(())
    }

    // What goes out.

    /// What is not to wait: messages, statements, commits and their changes.
    pub(super) fn poll<D: Disk>(
        &mut self,
        replica: &mut Replica<D>,
    ) -> Result<Option<Vec<u8>>, JournalError<D::Error>> {
        if !std::mem::replace(&mut self.told_begun, true) {
            let beginnings = replica.beginnings_of(&self.peer);
            let begun: Vec<_> = beginnings.iter().map(Beginning::told).collect();
            self.arriving = Arriving::from(beginnings);
            self.outbox.extend((!begun.is_empty()).then_some(SpaceMessage::Begun(begun)));
        }
        if let Some(message) = self.poll_message(replica.state()) {
            return Ok(Some(self.frame(message, replica.state())));
        }
        // Before its frontier, everything would be sent to a peer that may have it all.
        if self.acknowledged.is_none() { Ok(None) } else { self.poll_records(replica) }
    }

    /// Pieces of attachments, which share no frame with anything else, and questions.
    pub(super) fn poll_what_can_wait<D: Disk>(
        &mut self,
        replica: &mut Replica<D>,
    ) -> Result<Option<Vec<u8>>, JournalError<D::Error>> {
        if self.acknowledged.is_none() || self.version == Version::First {
            return Ok(None);
        }
        if let Some(frame) = self.poll_pieces(replica)? {
            return Ok(Some(frame));
        }
        let lacks = self.requests.poll_lacks();
        let lacks = lacks.map(|(blob, withheld)| SpaceMessage::Lacks { blob, withheld });
        let message = lacks
            .or_else(|| self.begin_reconciliation(replica.state()))
            .or_else(|| self.poll_fetches(replica.state()));
        Ok(message.map(|message| self.frame(message, replica.state())))
    }

    fn frame(&self, message: SpaceMessage, state: &State) -> Vec<u8> {
        match self.version {
            // It has one thing to say about a space.
            Version::First => first::frame_of_frontier(state),
            _ => frame_of_message(&Message::Space { mark: self.mark, message }),
        }
    }

    fn frame_of_records(&self, records: &[Vec<u8>]) -> Option<Vec<u8>> {
        let frame = || match self.version {
            Version::First => first::frame_of_records(records),
            _ => frame_of_records(&self.mark, records),
        };
        (!records.is_empty()).then(frame)
    }

    /// Nothing is asked of who may not write here: it could only waste our time.
    fn poll_fetches(&mut self, state: &State) -> Option<SpaceMessage> {
        if self.is_enrolled(state) { self.fetches.poll(state) } else { None }
    }

    fn poll_message(&mut self, state: &State) -> Option<SpaceMessage> {
        if let Some(message) = self.outbox.pop_front() {
            return Some(message);
        }
        let epochs = std::mem::replace(&mut self.epochs, [state.keyring().count(), state.epochs_read()]);
        if self.left_aside && epochs.iter().zip(&self.epochs).any(|(before, now)| before < now) {
            self.left_aside = false;
            self.check();
        }
        if self.ignored && self.is_enrolled(state) {
            self.ignored = false;
            self.check();
        }
        // Pieces that came from a third device: who lacks them can have them here now.
        let arrivals = std::mem::replace(&mut self.arrivals, state.arrivals());
        if !std::mem::take(&mut self.frontier_due) && arrivals == self.arrivals {
            return None;
        }
        let check = std::mem::take(&mut self.check_due);
        self.listed &= !check;
        let frontier = Frontier::of(state).with_spans(self.version.most_spans());
        self.told_generation = Some(state.generation());
        if !check && self.last_frontier.as_ref() == Some(&frontier) {
            return None;
        }
        self.last_frontier = Some(frontier.clone());
        Some(SpaceMessage::Frontier { frontier, check })
    }

    fn poll_records<D: Disk>(
        &mut self,
        replica: &mut Replica<D>,
    ) -> Result<Option<Vec<u8>>, JournalError<D::Error>> {
        let sealing = self.sealing(replica.state());
        self.pack(replica, 0, self.frame_len, |exchange, state| {
            if exchange.queue.is_empty() && exchange.found.is_empty() {
                exchange.refill(state);
            }
            let slot = exchange.queue.pop_front().or_else(|| exchange.next_found(state))?;
            Some((slot, sealing))
        })
    }

    fn poll_pieces<D: Disk>(
        &mut self,
        replica: &mut Replica<D>,
    ) -> Result<Option<Vec<u8>>, JournalError<D::Error>> {
        // One in a frame: of a second one that goes in parts the first part would be left for later, when perhaps
        // no more attachments are given.
        self.pack(replica, 1, 1, |exchange, state| {
            Some((exchange.requests.next_piece(state)?, Sealing::AsItLies))
        })
    }

    /// The next frame of records that `next` gives, each with how it is sealed, until they have `most` bytes; or
    /// of what is left of those in `rests`, at this place.
    fn pack<D: Disk>(
        &mut self,
        replica: &mut Replica<D>,
        place: usize,
        most: usize,
        mut next: impl FnMut(&mut Self, &State) -> Option<(Slot, Sealing)>,
    ) -> Result<Option<Vec<u8>>, JournalError<D::Error>> {
        let mut records = Vec::new();
        let mut len = 0;
        while len < most && self.rests[place].is_empty() {
            let Some((slot, sealing)) = next(self, replica.state()) else { break };
            for record in read_records(replica, slot, sealing, self.shared)? {
                match self.in_parts(record) {
                    Ok(rest) => self.rests[place].push_back(rest),
                    Err(record) => {
                        len += record.len();
                        records.push(record);
                    }
                }
            }
        }
        if !records.is_empty() {
            return Ok(self.frame_of_records(&records));
        }
        let Some(rest) = self.rests[place].pop_front() else { return Ok(None) };
        let (frame, rest) = rest.into_frame(&self.mark, self.frame_len);
        if let Some(rest) = rest {
            self.rests[place].push_front(rest);
        }
        Ok(Some(frame))
    }

    /// The record, to be sent in parts; or itself, to be sent whole.
    fn in_parts(&mut self, record: Vec<u8>) -> Result<Rest, Vec<u8>> {
        let is_long = record.len() > self.frame_len && self.version >= Version::Fourth;
        if !is_long && self.begun.is_empty() {
            return Err(record);
        }
        let name = record_id(&record);
        let held = self.begun.remove(&name);
        if is_long || held.is_some() { Ok(Rest::new(name, record, held)) } else { Err(record) }
    }

    /// Queues the next thing the other side lacks, causes before effects.
    fn refill(&mut self, state: &State) {
        if self.given.generation != Some(state.generation()) {
            let is_enrolled = self.is_enrolled(state);
            let was_enrolled = std::mem::replace(&mut self.given.enrolled, is_enrolled);
            self.give_again_if_it_turns_out(was_enrolled, state);
            self.refill_statements(state);
        }
        if !self.queue.is_empty() || !self.given.enrolled || self.given.statements.is_none() {
            return;
        }
        let given = |device: &DeviceId| self.given.chains.get(device).copied().unwrap_or(0);
        // There a commit waits for its attachments, and all that comes after it with it.
        let needs_pieces = self.version == Version::First;
        let is_held = |slot: &Slot| matches!(state.records.row(*slot), Row::Held(..));
        let next = state.chains.iter().find_map(|(device, chain)| {
            let entry = chain.get(usize::try_from(given(device)).ok()?)?;
            let is_due = |seen: &_| {
                let (device, number) = state.chains.owner(*seen);
                given(&device) >= number
            };
            let is_whole = !needs_pieces || entry.chunks.iter().all(is_held);
            (is_whole && entry.seen.iter().all(is_due)).then_some((*device, entry))
        });
        if let Some((device, entry)) = next {
            if needs_pieces {
                self.queue.extend(entry.chunks);
            }
            self.queue.extend(entry.records);
            self.queue.push_back(entry.record);
            *self.given.chains.entry(device).or_default() += 1;
        }
    }

    /// What a device that was not known is given may be sealed under an epoch that it lacks. If it turns out to
    /// be another's than it could have been, it is given the statements again, sealed as it needs them; but
    /// not who was given both.
    fn give_again_if_it_turns_out(&mut self, was_enrolled: bool, state: &State) {
        let sealing = self.sealing(state);
        let before = self.given.sealing.replace(sealing);
        let is_other = |before| before != Sealing::Both && before != sealing;
        let turns_out = before.is_some_and(is_other) && !was_enrolled;
        if let Some(given) = self.given.statements.as_mut().filter(|_| turns_out) {
            given.clear();
        }
    }

    fn refill_statements(&mut self, state: &State) {
        let Some(given) = &mut self.given.statements else { return };
        for (name, slot) in state.statements_for(&self.peer, self.given.enrolled) {
            if given.insert(name) {
                self.queue.push_back(slot);
            }
        }
        self.given.generation = Some(state.generation());
        // Of statements the other side takes none for held here before it is told, whoever they came from.
        self.frontier_due |= self.told_generation != Some(state.generation());
    }
}

/// Reads a record back for a frame, as often as it is sealed; none when it was dropped since it was queued.
/// What is named by its content, statements and commits, can be sealed anew.
fn read_records<D: Disk>(
    replica: &mut Replica<D>,
    slot: Slot,
    sealing: Sealing,
    shared: Option<EpochId>,
) -> Result<Vec<Vec<u8>>, JournalError<D::Error>> {
    let Row::Held(location, class) = replica.state().records.row(slot) else { return Ok(Vec::new()) };
    match (sealing, class) {
        (Sealing::Anew, Class::Commit | Class::Statement) => Ok(vec![replica.read_renewed(location)?]),
        (Sealing::Both, Class::Statement) => {
            let record = replica.read(location)?;
            let renewed = replica.renew(&record);
            let renewed = renewed.or_else(|| replica.renew_for(&record, shared?));
            Ok(std::iter::once(record).chain(renewed).collect())
        }
        _ => Ok(vec![replica.read(location)?]),
    }
}
