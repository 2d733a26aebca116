//! A member of the space that means harm: an enrolled device with every key of its person but the
//! root's, and the secret of the epoch. What it makes is signed and sealed as it should be, so that
//! it passes all checks but those on its meaning.

use musette_protocol::{
    crypto::{
        aead,
        kdf::{context, derive},
    },
    epoch::{EpochStatement, Keyring, epoch_id, person_key},
    id::{BlobId, CommitId, DocumentId, DropId, OperationId, RecordId, SpaceId},
    identity::log::{Action, Author, DeviceLog, Operation, PersonKey},
    membership::{MembershipAction, MembershipOperation, Role, Roster, Statement},
    record::{
        BlobChunk, Change, Commit, DropStatement, Payload, Receipt, drop_record, epoch_record, record_id,
        seal,
    },
    signed::Signed,
};

use crate::{
    input::Input,
    world::{
        EPOCH, KEEPER, device, enrolment, enrolment_by, first_operation, kem, key, keyring, log, other,
        secret, space,
    },
};

/// Devices are 1 to this; only 1 is enrolled from the start. Each of the others may become anybody's.
const DEVICES: usize = 4;
/// Seeds of persons whom the owner may let in.
const OTHERS: [u8; 2] = [20, 21];
/// Records that one input makes at most: it must be run in milliseconds.
pub const MAX_MOVES: usize = 32;

/// What it made so far, for later moves to build on.
#[derive(Debug)]
pub struct Member {
    roster: Roster,
    operations: Vec<OperationId>,
    records: Vec<RecordId>,
    commits: Vec<(u8, u64, CommitId)>,
    drops: Vec<DropId>,
    nonce: u64,
}

impl Default for Member {
    fn default() -> Self {
        let mut roster = Roster::new(space(), log());
        let first = roster.apply_operation(first_operation()).expect("the root may enrol");
        Self {
            roster,
            operations: vec![first],
            records: Vec::new(),
            commits: Vec::new(),
            drops: Vec::new(),
            nonce: 0,
        }
    }
}

impl Member {
    /// The record that enrols its first device.
    #[must_use]
    pub fn first_record() -> Vec<u8> {
        seal(&Payload::Operation(first_operation()), &space(), &keyring(), &[0xff; 24])
    }

    /// The records that an input asks for.
    pub fn records(&mut self, input: &mut Input<'_>) -> Vec<Vec<u8>> {
        let mut records = Vec::new();
        while !input.is_empty() && records.len() < MAX_MOVES {
            records.push(self.record(input));
        }
        records
    }

    /// The record of one move.
    pub fn record(&mut self, input: &mut Input<'_>) -> Vec<u8> {
        let payload = match input.below(14) {
            0 | 1 => Payload::Change(change(input)),
            2 => Payload::BlobChunk(chunk(input)),
            3 | 4 => Payload::Commit(self.next_commit(input)),
            5 => Payload::Commit(self.any_commit(input)),
            6 | 7 => Payload::Operation(self.operation(input)),
            12 => match self.statement(input) {
                Statement::Operation(operation) => Payload::Operation(operation),
                Statement::Membership(operation) => Payload::Membership(operation),
            },
            8 => return epoch_record(&epoch(input)),
            9 => return drop_record(&self.drop(input)),
            10 => Payload::Receipt(self.receipt(input)),
            _ if input.one_in(2) => return input.bytes().to_vec(),
            _ => {
                let record = seal_plaintext(&space(), &self.nonce(), &padded(input.bytes()));
                return self.keep(record);
            }
        };
        let nonce = self.nonce();
        self.keep(seal(&payload, &space(), &keyring(), &nonce))
    }

    /// One more commit of a chain, of a kind that counts.
    fn next_commit(&mut self, input: &mut Input<'_>) -> Signed<Commit> {
        let by = device_byte(input);
        let last =
            self.commits.iter().filter(|(device, ..)| *device == by).max_by_key(|(_, number, _)| number);
        let (number, previous) = last.map_or((0, None), |(_, number, commit)| (*number, Some(*commit)));
        let others: Vec<CommitId> =
            self.commits.iter().filter(|(device, ..)| *device != by).map(|(.., commit)| *commit).collect();
        let mut commit = Commit {
            space: space(),
            device: device(by),
            number: number.saturating_add(1),
            previous,
            seen: input.some_of(&others),
            log_heads: self.roster.heads_for(&device(by)),
            records: input.some_of(&self.records),
            chunks: Vec::new(),
        };
        commit.seen.sort_unstable();
        self.sign(by, by, commit)
    }

    /// A commit of any numbers, lists and signer.
    fn any_commit(&mut self, input: &mut Input<'_>) -> Signed<Commit> {
        let by = device_byte(input);
        let commits: Vec<CommitId> = self.commits.iter().map(|(.., commit)| *commit).collect();
        let mut commit = Commit {
            space: if input.one_in(16) { SpaceId::from_bytes(input.array()) } else { space() },
            device: device(by),
            number: if input.one_in(8) { u64::MAX } else { u64::from(input.byte()) },
            previous: if input.one_in(3) { None } else { input.one_of(&commits) },
            seen: input.some_of(&commits),
            log_heads: input.some_of(&self.operations),
            records: input.some_of(&self.records),
            chunks: input.some_of(&self.records),
        };
        if input.one_in(4) {
            // What nobody has yet, or ever.
            commit.seen.push(CommitId::from_bytes(input.array()));
        }
        if !input.one_in(16) {
            commit.seen.sort_unstable();
            commit.seen.dedup();
            commit.log_heads.sort_unstable();
        }
        let signer = if input.one_in(16) { device_byte(input) } else { by };
        self.sign(by, signer, commit)
    }

    fn sign(&mut self, by: u8, signer: u8, commit: Commit) -> Signed<Commit> {
        let number = commit.number;
        let signed = Signed::new(commit, key(signer));
        self.commits.push((by, number, signed.id()));
        signed
    }

    /// An operation of the device log, most often one that holds.
    pub fn operation(&mut self, input: &mut Input<'_>) -> Signed<Operation> {
        let by = device_byte(input);
        let about = device_byte(input);
        let mut action = match input.below(4) {
            1 => Action::Vouch { device: device(about) },
            2 => {
                let secret = secret(if input.one_in(2) { input.byte() } else { EPOCH });
                Action::PersonKey(PersonKey { epoch: epoch_id(&secret), kem: person_key(&secret).public() })
            }
            _ => enrolment(about, !input.one_in(3), input.one_in(2)),
        };
        if let Action::Enrol { certificate, device_signature, .. } = &mut action
            && input.one_in(4)
        {
            certificate.name = String::from_utf8_lossy(input.bytes()).into_owned();
            if !input.one_in(4) {
                *device_signature = certificate.countersign(key(about));
            }
        }
        let root = input.one_in(6);
        let author = if root { Author::Root } else { Author::Device(device(by)) };
        let previous =
            if input.one_in(3) { input.some_of(&self.operations) } else { self.roster.owner().heads() };
        let mut operation = Operation { person: crate::world::person(), previous, author, action };
        if !input.one_in(16) {
            operation.previous.sort_unstable();
        }
        let signer = if input.one_in(16) { device_byte(input) } else { by };
        let recovery = crate::world::recovery();
        let signed = if root && signer == by {
            Signed::new(operation, recovery.root())
        } else {
            Signed::new(operation, key(signer))
        };
        // One that does not hold is remembered all the same: later ones may build on it.
        let _ = self.roster.apply_operation(signed.clone());
        self.operations.push(signed.id());
        signed
    }

    /// A change of membership, or of the device log of somebody else.
    pub fn statement(&mut self, input: &mut Input<'_>) -> Statement {
        let statement = match input.below(3) {
            0 => return Statement::Operation(self.operation(input)),
            1 => Statement::Operation(self.others_operation(input)),
            _ => Statement::Membership(self.membership(input)),
        };
        if let Ok(id) = self.roster.apply(&statement) {
            self.operations.push(id);
        }
        statement
    }

    fn others_operation(&mut self, input: &mut Input<'_>) -> Signed<Operation> {
        let (recovery, inception) = other(OTHERS[input.below(OTHERS.len())]);
        let person = inception.person().expect("our own statement holds");
        let empty = DeviceLog::new(person, inception.body());
        let log = self.roster.log_of(&person).unwrap_or(&empty);
        let about = device_byte(input);
        log.sign(Author::Root, enrolment_by(person, about, true, true), recovery.root())
    }

    fn membership(&mut self, input: &mut Input<'_>) -> Signed<MembershipOperation> {
        let by = device_byte(input);
        let (_, inception) = other(OTHERS[input.below(OTHERS.len())]);
        let person = inception.person().expect("our own statement holds");
        let role = if input.one_in(2) { Role::Reader } else { Role::Writer };
        let action = match input.below(3) {
            0 | 1 => MembershipAction::Add { inception: inception.clone(), role },
            _ => MembershipAction::Remove { person },
        };
        let heads = |all: Vec<OperationId>, input: &mut Input<'_>| {
            if input.one_in(3) { input.some_of(&self.operations) } else { all }
        };
        let mut previous = heads(self.roster.membership().heads(), input);
        let mut log_heads = heads(self.roster.owner().heads(), input);
        if !input.one_in(16) {
            previous.sort_unstable();
            log_heads.sort_unstable();
        }
        let signer = if input.one_in(16) { device_byte(input) } else { by };
        let (space, author) = (space(), device(by));
        Signed::new(MembershipOperation { space, previous, log_heads, author, action }, key(signer))
    }

    /// A drop, stated by the keeper or by somebody else.
    fn drop(&mut self, input: &mut Input<'_>) -> Signed<DropStatement> {
        let commits: Vec<CommitId> = self.commits.iter().map(|(.., commit)| *commit).collect();
        let keeper = key(if input.one_in(8) { input.byte() } else { KEEPER });
        let mut statement = DropStatement {
            space: space(),
            keeper: keeper.verifying_key(),
            after: if input.one_in(2) { input.one_of(&commits) } else { None },
            ids: input.some_of(&self.records),
            replaces: input.some_of(&self.drops),
        };
        if input.one_in(4) {
            statement.ids.push(RecordId::from_bytes(input.array()));
        }
        if !input.one_in(16) {
            statement.ids.sort_unstable();
            statement.replaces.sort_unstable();
        }
        let signed = Signed::new(statement, keeper);
        self.drops.push(signed.id());
        signed
    }

    fn receipt(&mut self, input: &mut Input<'_>) -> Signed<Receipt> {
        let by = device_byte(input);
        let mut drops = input.some_of(&self.drops);
        drops.sort_unstable();
        let number = if input.one_in(16) { u64::MAX } else { u64::from(input.byte()) };
        let signer = if input.one_in(16) { device_byte(input) } else { by };
        Signed::new(Receipt { space: space(), device: device(by), number, drops }, key(signer))
    }

    fn keep(&mut self, record: Vec<u8>) -> Vec<u8> {
        self.records.push(record_id(&record));
        record
    }

    fn nonce(&mut self) -> [u8; aead::NONCE_LEN] {
        self.nonce += 1;
        let mut nonce = [0; aead::NONCE_LEN];
        nonce[..8].copy_from_slice(&self.nonce.to_le_bytes());
        nonce
    }
}

fn device_byte(input: &mut Input<'_>) -> u8 {
    u8::try_from(1 + input.below(DEVICES)).expect("few devices")
}

fn change(input: &mut Input<'_>) -> Change {
    Change { document: DocumentId::from_bytes(input.array()), bytes: vec![input.byte(); input.below(64)] }
}

fn chunk(input: &mut Input<'_>) -> BlobChunk {
    let blob = BlobId::from_bytes(input.array());
    BlobChunk { blob, index: u32::from(input.byte()), bytes: vec![0; input.below(64)] }
}

/// An epoch, stated by the keeper or by somebody else.
#[must_use]
pub fn epoch(input: &mut Input<'_>) -> Signed<EpochStatement> {
    let mut earlier = Keyring::default();
    for byte in input.some_of(&[EPOCH, 10, 11, 12]) {
        // A cycle of epochs that replace each other is within reach.
        let replaced =
            input.some_of(&[EPOCH, 10, 11, 12, 13]).into_iter().map(|byte| epoch_id(&secret(byte)));
        earlier.insert(secret(byte), &replaced.collect::<Vec<_>>());
    }
    let keeper = key(if input.one_in(4) { input.byte() } else { KEEPER });
    let recipients: Vec<_> = input.some_of(&[1, 2, 3]).into_iter().map(kem).collect();
    let new = secret(10 + input.byte() % 4);
    let begun = EpochStatement::begin(space(), keeper, &new, &recipients, &earlier, &secret(input.byte()));
    let signed = begun.expect("these keys are usable");
    if !input.one_in(4) {
        return signed;
    }
    let mut body = signed.body().clone();
    body.previous = vec![epoch_id(&secret(input.byte())); input.below(4)];
    body.earlier = input.bytes().to_vec();
    Signed::new(body, keeper)
}

/// A record under the epoch, of any plaintext: `record::seal` takes none but what it would encode.
#[must_use]
pub fn seal_plaintext(space: &SpaceId, nonce: &[u8; aead::NONCE_LEN], plaintext: &[u8]) -> Vec<u8> {
    let secret = secret(EPOCH);
    let epoch = epoch_id(&secret);
    let key = derive(context::RECORD_KEY, &[space.as_bytes(), epoch.as_bytes(), secret.expose()]);
    let mut record = [&[1], space.as_bytes().as_slice(), epoch.as_bytes(), nonce].concat();
    let sealed = aead::seal(&key, nonce, &record, plaintext);
    record.extend(sealed);
    record
}

/// A payload as a plaintext of its bucket, as `protocol/spec/records.md` pads it.
#[must_use]
pub fn padded(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("inputs are small");
    let mut plaintext = [&length.to_le_bytes(), payload].concat();
    let len = plaintext.len().max(256);
    let mask = (1 << (len.ilog2() - len.ilog2().ilog2() - 1)) - 1;
    plaintext.resize((len + mask) & !mask, 0);
    plaintext
}
