//! What a seed draws before anything happens.

use crate::{adversary::Vice, dice::Dice, topology::Topology};

/// People do at least so much in a run.
const MIN_ACTS: u64 = 200;

/// The conditions of one run. Times are virtual milliseconds.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Honest devices of the person, from 3 to 5.
    pub devices: usize,
    /// What is wrong with one device more, if there is one: it has the number after theirs.
    pub vice: Option<Vice>,
    /// Who reaches whom, of the honest devices.
    pub topology: Topology,
    /// Pairs of devices that can reach each other. All honest ones are connected, directly or by
    /// way of others that are honest.
    pub links: Vec<[usize; 2]>,
    /// Which end of each link has the address of the other from the time that this is enrolled. Who
    /// has none may be called, or meet the other on a local network.
    pub knows: Vec<[bool; 2]>,
    /// Which links are on a local network, where devices announce themselves.
    pub local: Vec<bool>,
    /// How long a frame usually takes on each link.
    pub latency_ms: Vec<u64>,
    /// One frame in so many takes far longer.
    pub delay_one_in: u64,
    /// Devices are enrolled within so long, but for the last one.
    pub enrolled_at_ms: u64,
    /// The last one is enrolled only then, in the middle of life.
    pub late_at_ms: Option<u64>,
    /// Until then the bad one is honest; it may be from the beginning that it is not.
    pub stolen_at_ms: u64,
    /// When a device is backed up, and when its disk is lost and another one begins from the backup.
    pub restored_at_ms: Option<[u64; 2]>,
    /// Then some device takes the bad one out; a second one may do so too, not knowing.
    pub revoked_at_ms: Vec<u64>,
    /// Whether that is by the recovery words.
    pub with_words: bool,
    /// When the bad device, which is an admin device then, takes out honest ones.
    pub revolts_at_ms: Option<u64>,
    /// How much faster than the first phase the calendar goes by which epochs grow old.
    pub calendar: i64,
    /// The first phase ends when so much was written.
    pub acts: u64,
    /// The longest pause of a person between two deeds.
    pub work_pause_ms: u64,
    /// Documents with so many changes are folded.
    pub fold_from: usize,
    /// The longest pause of a device between two times that it tidies.
    pub tidy_pause_ms: u64,
    /// The longest pause between two faults.
    pub fault_pause_ms: u64,
    /// The longest time from a write to its sync.
    pub sync_delay_ms: u64,
    /// Bytes of a segment: small, so that journals rotate.
    pub segment_len: u64,
}

impl Plan {
    /// Draws a plan. What was added later is drawn with dice of its own, so that most seeds tell the stories
    /// that they told.
    pub fn draw(dice: &mut Dice, later: &mut Dice) -> Self {
        let devices = 3 + dice.index(3);
        let topology = Topology::draw(dice);
        let mut links = topology.links(devices, dice);
        let vice = dice.one_in(2).then(|| Vice::draw(dice));
        if vice.is_some() {
            let first = dice.index(devices);
            links
                .extend((0..devices).filter(|end| *end == first || dice.one_in(2)).map(|end| [end, devices]));
        }
        let local: Vec<bool> = links.iter().map(|_| dice.one_in(3)).collect();
        let mut plan = Self {
            devices,
            vice,
            topology,
            knows: local.iter().map(|local| draw_addresses(*local, dice)).collect(),
            local,
            latency_ms: links.iter().map(|_| dice.between(1, 150)).collect(),
            links,
            delay_one_in: dice.between(5, 60),
            enrolled_at_ms: dice.between(1_000, 6_000),
            stolen_at_ms: if dice.one_in(2) { dice.between(2_000, 9_000) } else { 0 },
            restored_at_ms: dice.one_in(3).then(|| {
                let backed_up = dice.between(3_000, 10_000);
                [backed_up, backed_up + dice.between(1, 9_000)]
            }),
            revoked_at_ms: vice.map_or_else(Vec::new, |_| draw_revocations(dice)),
            with_words: false,
            revolts_at_ms: None,
            late_at_ms: dice.one_in(2).then(|| dice.between(8_000, 25_000)),
            // From half a day to four days in a second.
            calendar: 43_200 * i64::try_from(dice.between(1, 8)).unwrap_or(1),
            acts: dice.between(MIN_ACTS, MIN_ACTS + 20),
            work_pause_ms: dice.between(800, 2_400),
            fold_from: 3 + dice.index(8),
            tidy_pause_ms: dice.between(2_000, 12_000),
            fault_pause_ms: dice.between(300, 2_000),
            sync_delay_ms: dice.between(1, 300),
            segment_len: [6_000, 20_000, 60_000, 1 << 20][dice.index(4)],
        };
        plan.draw_revolt(later);
        plan
    }

    fn draw_revolt(&mut self, dice: &mut Dice) {
        if self.vice.is_none() {
            return;
        }
        self.with_words = dice.one_in(3);
        if dice.one_in(3) {
            let revolt = self.stolen_at_ms.max(3_000) + dice.between(1, 6_000);
            self.revolts_at_ms = Some(revolt);
            // Nobody else may be left to say who stays.
            self.with_words = true;
            if self.revoked_at_ms.is_empty() {
                self.revoked_at_ms.push(revolt + dice.between(1, 6_000));
            }
        }
    }

    /// The number of the device that is not honest.
    #[must_use]
    pub fn villain(&self) -> Option<usize> {
        self.vice.map(|_| self.devices)
    }
}

fn draw_revocations(dice: &mut Dice) -> Vec<u64> {
    let first = dice.between(4_000, 16_000);
    let later = dice.between(1, 3_000);
    match dice.below(4) {
        0 => Vec::new(),
        1 => vec![first, first + later],
        _ => vec![first],
    }
}

/// Most devices have each other's address; outside a local network at least one has.
fn draw_addresses(local: bool, dice: &mut Dice) -> [bool; 2] {
    match dice.below(8) {
        0 => [true, false],
        1 => [false, true],
        2 | 3 if local => [false; 2],
        _ => [true; 2],
    }
}
