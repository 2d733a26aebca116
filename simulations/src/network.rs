//! Links, the connections over them, and the frames on their way.
//!
//! A connection carries frames in order, each way, and holds only a few: a sender waits until the
//! first has arrived. It ends for each side by itself: one may have closed it, and connected again,
//! while the other still gets what was on the way and writes into the void until a deadline tells.
//! A frame that vanishes takes all after it with it, as in any reliable stream: the direction is
//! silent from then on, and the deadline ends the connection.
//!
//! A side that closes it by itself may have something to say first: it is *leaving* until that has left,
//! and hears nothing any more.
//!
//! Sessions end with their connection; whoever connects again begins anew.
//!
//! In some runs half of the connections lead through a relay that carries little: they end after so many
//! bytes, and long records travel in parts.

use std::collections::{BTreeMap, VecDeque};

use musette_protocol::session::{Role, Session};

use crate::{check::termination::Exchange, dice::Dice, plan::Plan, scheduler::Transport, tally::Fault};

/// Frames on their way in one direction: what the buffers of a transport hold.
const WINDOW: usize = 3;

/// Frames that somebody who listens on the way keeps, each way.
const TAPE_LEN: usize = 8;

/// Two devices that can reach each other.
#[derive(Debug)]
pub struct Link {
    /// The devices.
    pub ends: [usize; 2],
    /// Which end has the address of the other.
    pub knows: [bool; 2],
    /// Whether they hear each other's announcements.
    pub local: bool,
    /// How long a frame usually takes.
    pub latency_ms: u64,
    /// The device that hears nothing over this link at present.
    pub deaf: Option<usize>,
}

/// The way to one side of a connection.
#[derive(Debug, Default)]
struct Pipe {
    frames: VecDeque<Vec<u8>>,
    /// When the last of them arrives.
    last_arrival_ms: u64,
    /// Why nothing arrives any more.
    silent: Option<Fault>,
    /// Frames that will not arrive.
    swallowed: usize,
}

/// One session and the frames on their way in it. Side 0 dialled side 1.
pub struct Connection {
    /// The link it runs over.
    pub link: usize,
    /// The device on each side.
    pub ends: [usize; 2],
    /// The transport of each side.
    pub transports: [Transport; 2],
    /// The session of each side.
    pub sessions: [Session; 2],
    /// What each side said.
    pub exchanges: [Exchange; 2],
    /// What somebody who listens on the way heard first of each side.
    pub tapes: [Vec<Vec<u8>>; 2],
    /// Whether each side takes it for open.
    open: [bool; 2],
    /// Whether each side is about to close it.
    leaving: [bool; 2],
    pipes: [Pipe; 2],
    /// The bytes that it carries before it ends, if it does.
    left: Option<u64>,
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It arrives then.
    Arrives(u64),
    /// It is the first that does not arrive, for this reason.
    Swallowed(Fault),
    /// It does not arrive either.
    Lost,
}

impl Connection {
    /// Whether a side may send one more frame.
    #[must_use]
    pub fn has_room(&self, side: usize) -> bool {
        let pipe = &self.pipes[1 - side];
        self.open[side] && pipe.frames.len() + pipe.swallowed < WINDOW
    }

    /// Whether a side takes it for open.
    #[must_use]
    pub const fn is_open(&self, side: usize) -> bool {
        self.open[side]
    }

    /// Whether a side is about to close it.
    #[must_use]
    pub const fn is_leaving(&self, side: usize) -> bool {
        self.leaving[side]
    }

    /// A side is about to close it, once it has said what it has to.
    pub const fn leave(&mut self, side: usize) {
        self.leaving[side] = true;
    }

    /// The side of a device.
    #[must_use]
    pub fn side_of(&self, device: usize) -> Option<usize> {
        self.ends.iter().position(|end| *end == device)
    }

    /// When a side hears that the other closed it after all that it sent; never if it hears nothing.
    #[must_use]
    pub fn end_arrival_ms(&self, side: usize, earliest_ms: u64) -> Option<u64> {
        let pipe = &self.pipes[side];
        pipe.silent.is_none().then(|| pipe.last_arrival_ms.max(earliest_ms))
    }

    /// Whether both sides do.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.open[0] && self.open[1]
    }

    /// Puts a frame of a side on its way.
    pub fn send(&mut self, side: usize, frame: Vec<u8>, arrival_ms: u64) -> Sent {
        if self.tapes[side].len() < TAPE_LEN {
            self.tapes[side].push(frame.clone());
        }
        let heard = self.open[1 - side];
        let pipe = &mut self.pipes[1 - side];
        match pipe.silent {
            None if heard => {
                pipe.frames.push_back(frame);
                pipe.last_arrival_ms = pipe.last_arrival_ms.max(arrival_ms);
                return Sent::Arrives(pipe.last_arrival_ms);
            }
            _ => pipe.swallowed += 1,
        }
        match pipe.silent {
            Some(fault) if pipe.swallowed == 1 => Sent::Swallowed(fault),
            None if pipe.swallowed == 1 => Sent::Swallowed(Fault::HalfOpen),
            _ => Sent::Lost,
        }
    }

    /// Whether it carries so many bytes more.
    pub fn carries(&mut self, bytes: u64) -> bool {
        let Some(left) = &mut self.left else { return true };
        *left = left.saturating_sub(bytes);
        *left > 0
    }

    /// From now on nothing that is sent arrives at a side.
    pub fn silence(&mut self, side: usize, fault: Fault) {
        self.pipes[side].silent.get_or_insert(fault);
    }

    /// The next frame that arrives at a side, unless that closed.
    pub fn arrive(&mut self, side: usize) -> Option<Vec<u8>> {
        let frame = self.pipes[side].frames.pop_front();
        frame.filter(|_| self.open[side])
    }

    fn in_flight(&self) -> usize {
        self.pipes.iter().map(|pipe| pipe.frames.len() + pipe.swallowed).sum()
    }
}

/// All links and connections.
#[derive(Default)]
pub struct Network {
    /// The links.
    pub links: Vec<Link>,
    connections: BTreeMap<u64, Connection>,
    next: u64,
    /// On which side of a partition each device is; empty when there is none.
    parts: Vec<bool>,
    /// Of relays that carry little, if there are some: a stream of its own, so that the stories of runs
    /// without them are what they were.
    circuits: Option<Dice>,
}

impl Network {
    /// The network of a plan, without a connection; one seed in four has relays that carry little.
    #[must_use]
    pub fn new(plan: &Plan, seed: u64) -> Self {
        let mut circuits = Dice::new(!seed);
        let link = |number: usize| Link {
            ends: plan.links[number],
            knows: plan.knows[number],
            local: plan.local[number],
            latency_ms: plan.latency_ms[number],
            deaf: None,
        };
        let links = (0..plan.links.len()).map(link).collect();
        Self { links, circuits: circuits.one_in(4).then_some(circuits), ..Self::default() }
    }

    /// The number of the next connection.
    pub const fn next_number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// The link between two devices.
    #[must_use]
    pub fn link_between(&self, left: usize, right: usize) -> Option<usize> {
        self.links.iter().position(|link| link.ends == [left, right] || link.ends == [right, left])
    }

    /// Opens the connection of that number over a link, by the first of these transports.
    pub fn connect(&mut self, number: u64, link: usize, transports: [Transport; 2], dice: &mut Dice) {
        let ends = transports.map(|transport| transport.device);
        let binding = dice.bytes();
        let mut sessions =
            [Role::Dialer, Role::Listener].map(|role| Session::new(role, binding, dice.bytes()));
        let mut left = None;
        if let Some(circuits) = &mut self.circuits
            && circuits.one_in(2)
        {
            let frame_len = 100 + circuits.index(900);
            sessions = sessions.map(|session| session.with_frames_of(frame_len));
            left = Some(circuits.between(2_000, 20_000));
        }
        let mut connection = Connection {
            link,
            ends,
            transports,
            sessions,
            exchanges: Default::default(),
            tapes: Default::default(),
            open: [true; 2],
            leaving: [false; 2],
            pipes: Default::default(),
            left,
        };
        if let Some(side) = self.links[link].deaf.and_then(|deaf| connection.side_of(deaf)) {
            connection.silence(side, Fault::OneWay);
        }
        self.connections.insert(number, connection);
    }

    /// A connection that at least one side takes for open.
    pub fn get(&mut self, connection: u64) -> Option<&mut Connection> {
        self.connections.get_mut(&connection)
    }

    /// Whether a connection was replaced by a newer one over the same link.
    #[must_use]
    pub fn is_stale(&self, number: u64) -> bool {
        let link = self.connections.get(&number).map(|connection| connection.link);
        self.connections.range(number + 1..).any(|(_, newer)| Some(newer.link) == link)
    }

    /// The connections that hold for a test, by number.
    pub fn select(&self, test: impl Fn(&Connection) -> bool) -> Vec<u64> {
        self.connections
            .iter()
            .filter(|(_, connection)| test(connection))
            .map(|(number, _)| *number)
            .collect()
    }

    /// A device took records, or made statements: it has a reason to tell everybody what it holds.
    pub fn note_occasion(&mut self, device: usize) {
        for connection in self.connections.values_mut() {
            for side in [0, 1].into_iter().filter(|side| connection.ends[*side] == device) {
                connection.exchanges[side].note_occasion();
            }
        }
    }

    /// A device knows another epoch: it may have a reason to compare everything again.
    pub fn note_check(&mut self, device: usize) {
        for connection in self.connections.values_mut() {
            for side in [0, 1].into_iter().filter(|side| connection.ends[*side] == device) {
                connection.exchanges[side].note_check();
            }
        }
    }

    /// Closes one side of a connection; it is gone once both are closed.
    pub fn close(&mut self, number: u64, side: usize) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        connection.open[side] = false;
        if connection.open == [false; 2] {
            self.connections.remove(&number);
        }
    }

    /// Breaks a connection; gives which devices took it for open, and how many frames were lost.
    pub fn disconnect(&mut self, connection: u64) -> Option<(Vec<usize>, usize)> {
        let connection = self.connections.remove(&connection)?;
        let open = [0, 1].into_iter().filter(|side| connection.open[*side]);
        Some((open.map(|side| connection.ends[side]).collect(), connection.in_flight()))
    }

    /// Parts the network, or with an empty list mends it.
    pub fn part(&mut self, parts: Vec<bool>) {
        self.parts = parts;
    }

    /// Whether a partition runs through a link.
    #[must_use]
    pub fn is_cut(&self, link: usize) -> bool {
        let [left, right] = self.links[link].ends;
        self.parts.get(left) != self.parts.get(right)
    }

    /// Whether there is a partition.
    #[must_use]
    pub fn is_parted(&self) -> bool {
        !self.parts.is_empty()
    }
}
