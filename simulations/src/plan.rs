//! What a seed draws before anything happens.

use crate::dice::Dice;

/// The conditions of one run. Times are virtual milliseconds.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Devices of the person, from 2 to 4.
    pub devices: usize,
    /// Pairs of devices that can reach each other; all are connected, directly or not.
    pub links: Vec<[usize; 2]>,
    /// How long a frame usually takes on each link.
    pub latency_ms: Vec<u64>,
    /// One frame in so many takes far longer.
    pub delay_one_in: u64,
    /// When the first phase ends.
    pub heal_at_ms: u64,
    /// The longest pause of a person between two writes.
    pub work_pause_ms: u64,
    /// The longest pause between two faults.
    pub fault_pause_ms: u64,
    /// The longest time from a write to its sync.
    pub sync_delay_ms: u64,
    /// Bytes of a segment: small, so that journals rotate.
    pub segment_len: u64,
}

impl Plan {
    /// Draws a plan.
    pub fn draw(dice: &mut Dice) -> Self {
        let devices = 2 + dice.index(3);
        let links = draw_links(dice, devices);
        let latency_ms = links.iter().map(|_| dice.between(1, 150)).collect();
        Self {
            devices,
            links,
            latency_ms,
            delay_one_in: dice.between(5, 60),
            heal_at_ms: dice.between(8_000, 25_000),
            work_pause_ms: dice.between(400, 4_000),
            fault_pause_ms: dice.between(300, 3_000),
            sync_delay_ms: dice.between(1, 300),
            segment_len: [2_048, 6_000, 20_000, 1 << 20][dice.index(4)],
        }
    }
}

/// A line, a star, or everybody with everybody.
fn draw_links(dice: &mut Dice, devices: usize) -> Vec<[usize; 2]> {
    let all = (0..devices).flat_map(|right| (0..right).map(move |left| [left, right]));
    match dice.below(3) {
        0 => (1..devices).map(|right| [right - 1, right]).collect(),
        1 => (1..devices).map(|right| [0, right]).collect(),
        _ => all.collect(),
    }
}
