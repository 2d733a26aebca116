//! Who means harm.
//!
//! Some are none of the person's devices, and call a device out of nowhere. Nothing may change by
//! it, and they are given no data: a [`stranger`] without any key, a [`thief`] of an epoch's secret,
//! somebody who plays back the [`tape`] of a session that was listened to. Their conversations take
//! no time.
//!
//! Others are devices of the person, enrolled and with real keys, that fell into wrong hands: they
//! run the code that all run, and what they send is tampered with ([`Vice`]). Among the honest
//! devices everything must hold all the same, and once the bad one is gone they agree.

use std::fmt::Debug;

use musette_protocol::{
    crypto::sign::SigningKey,
    epoch::Keyring,
    id::DeviceId,
    replica::State,
    session::message::{Mark, frame_of_records},
};

use crate::{check::authenticity::Ledger, dice::Dice, person::Person, tally::Fault};

mod babbler;
mod caller;
mod forker;
mod replayer;
pub mod stranger;
pub mod tape;
pub mod thief;
mod withholder;

/// What is wrong with a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vice {
    /// It keeps things to itself, and claims to hold what it does not.
    Withholds,
    /// It says again what was said before, there and elsewhere.
    Replays,
    /// It signs two histories, and shows one to some and the other to others.
    Forks,
    /// It sends what no honest device sends.
    Babbles,
}

impl Vice {
    /// Draws one.
    pub fn draw(dice: &mut Dice) -> Self {
        [Self::Withholds, Self::Replays, Self::Forks, Self::Babbles][dice.index(4)]
    }

    /// As what it is counted.
    #[must_use]
    pub const fn fault(self) -> Fault {
        match self {
            Self::Withholds => Fault::Withheld,
            Self::Replays => Fault::Replayed,
            Self::Forks => Fault::Forked,
            Self::Babbles => Fault::Babbled,
        }
    }

    /// Somebody who has it.
    #[must_use]
    pub fn villain(self) -> Box<dyn Villain> {
        match self {
            Self::Withholds => Box::new(withholder::Withholder),
            Self::Replays => Box::<replayer::Replayer>::default(),
            Self::Forks => Box::<forker::Forker>::default(),
            Self::Babbles => Box::new(babbler::Babbler),
        }
    }
}

/// Where a bad device is when it is about to speak.
pub struct Scene<'a> {
    /// Whose device it is.
    pub person: &'a Person,
    /// Its key.
    pub key: &'a SigningKey,
    /// What counts on it.
    pub state: &'a State,
    /// Which device it speaks to, once that proved itself.
    pub peer: Option<DeviceId>,
    /// How the space is named between the two from then on.
    pub mark: Option<Mark>,
    /// Chance.
    pub dice: &'a mut Dice,
    /// Where commits are noted that it really signs.
    pub ledger: &'a mut Ledger,
}

impl Scene<'_> {
    /// All secrets that it holds, whether or not an honest device would still write under them.
    fn keyring(&self) -> Keyring {
        self.state.keyring().to_grant().into_parts().0
    }

    /// Records as a frame that the other side reads, or one that it must not.
    fn records(&self, records: &[Vec<u8>]) -> Vec<u8> {
        frame_of_records(&self.mark.unwrap_or_default(), records)
    }
}

/// A device that means harm: it decides what is sent in the place of what it should send.
pub trait Villain {
    /// What leaves in the place of a frame.
    fn tamper(&mut self, frame: Vec<u8>, scene: &mut Scene<'_>) -> Vec<Vec<u8>>;

    /// What it says without a reason, now and then, once the other side proved itself.
    fn provoke(&mut self, _scene: &mut Scene<'_>) -> Vec<Vec<u8>> {
        Vec::new()
    }

    /// What it overhears, from whomever it is connected to.
    fn overhear(&mut self, _frame: &[u8]) {}
}
