//! Who can reach whom.

use crate::dice::Dice;

/// The shape of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topology {
    /// Each reaches the next.
    Line,
    /// All reach one.
    Star,
    /// Each reaches the next, and the last the first.
    Ring,
    /// All reach all.
    Full,
    /// A random tree, and some links more.
    Random,
}

impl Topology {
    /// Draws one.
    pub fn draw(dice: &mut Dice) -> Self {
        [Self::Line, Self::Star, Self::Ring, Self::Full, Self::Random][dice.index(5)]
    }

    /// The pairs that reach each other; all are connected, directly or not.
    pub fn links(self, devices: usize, dice: &mut Dice) -> Vec<[usize; 2]> {
        let all = || (0..devices).flat_map(|right| (0..right).map(move |left| [left, right]));
        match self {
            Self::Line => (1..devices).map(|right| [right - 1, right]).collect(),
            Self::Star => (1..devices).map(|right| [0, right]).collect(),
            Self::Ring => (1..devices).map(|right| [right - 1, right]).chain([[0, devices - 1]]).collect(),
            Self::Full => all().collect(),
            Self::Random => {
                let tree: Vec<[usize; 2]> = (1..devices).map(|right| [dice.index(right), right]).collect();
                let more = all().filter(|pair| !tree.contains(pair) && dice.one_in(3)).collect::<Vec<_>>();
                [tree, more].concat()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_drawn_connects_everybody() {
        let mut dice = Dice::new(1);
        for _ in 0..200 {
            let (topology, devices) = (Topology::draw(&mut dice), 3 + dice.index(4));
            let links = topology.links(devices, &mut dice);
            let mut reached = vec![0];
            while let Some(next) = links.iter().find_map(|[left, right]| {
                match (reached.contains(left), reached.contains(right)) {
                    (true, false) => Some(*right),
                    (false, true) => Some(*left),
                    _ => None,
                }
            }) {
                reached.push(next);
            }
            assert_eq!(reached.len(), devices, "{topology:?}: {links:?}");
            assert!(links.iter().all(|[left, right]| left < right && *right < devices));
        }
    }
}
