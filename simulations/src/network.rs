//! Links, the connections over them, and the frames on their way.
//!
//! A connection carries frames in order, each way, and holds only a few: a sender waits until the
//! first has arrived. When it breaks, what was on its way is lost. So are both sessions; whoever
//! connects again begins anew.

use std::collections::{BTreeMap, VecDeque};

use musette_protocol::session::{Role, Session};

use crate::{check::termination::Exchange, dice::Dice, plan::Plan};

/// Frames on their way in one direction: what the buffers of a transport hold.
const WINDOW: usize = 3;

/// Two devices that can reach each other.
#[derive(Debug)]
pub struct Link {
    /// The devices.
    pub ends: [usize; 2],
    /// How long a frame usually takes.
    pub latency_ms: u64,
}

/// One session and the frames on their way in it. Sides are 0 and 1.
pub struct Connection {
    /// The link it runs over.
    pub link: usize,
    /// The device on each side.
    pub ends: [usize; 2],
    /// The session of each side.
    pub sessions: [Session; 2],
    /// What each side said.
    pub exchanges: [Exchange; 2],
    /// The frames on their way to each side.
    pipes: [VecDeque<Vec<u8>>; 2],
    /// When the last of them arrives.
    last_arrival_ms: [u64; 2],
}

impl Connection {
    /// Whether a side may send one more frame.
    #[must_use]
    pub fn has_room(&self, side: usize) -> bool {
        self.pipes[1 - side].len() < WINDOW
    }

    /// Puts a frame of a side on its way; gives when it arrives.
    pub fn send(&mut self, side: usize, frame: Vec<u8>, arrival_ms: u64) -> u64 {
        let to = 1 - side;
        self.pipes[to].push_back(frame);
        self.last_arrival_ms[to] = self.last_arrival_ms[to].max(arrival_ms);
        self.last_arrival_ms[to]
    }

    /// The next frame that arrives at a side.
    pub fn arrive(&mut self, side: usize) -> Option<Vec<u8>> {
        self.pipes[side].pop_front()
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
}

impl Network {
    /// The network of a plan, without a connection.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let links = plan.links.iter().zip(&plan.latency_ms);
        let links = links.map(|(ends, latency_ms)| Link { ends: *ends, latency_ms: *latency_ms }).collect();
        Self { links, ..Self::default() }
    }

    /// Opens a connection over a link; gives its number.
    pub fn connect(&mut self, link: usize, dice: &mut Dice) -> u64 {
        let mut ends = self.links[link].ends;
        if dice.one_in(2) {
            ends.reverse();
        }
        let binding = dice.bytes();
        let sessions = [Role::Dialer, Role::Listener].map(|role| Session::new(role, binding, dice.bytes()));
        let connection = Connection {
            link,
            ends,
            sessions,
            exchanges: Default::default(),
            pipes: Default::default(),
            last_arrival_ms: [0; 2],
        };
        self.next += 1;
        self.connections.insert(self.next, connection);
        self.next
    }

    /// A connection that is still open.
    pub fn get(&mut self, connection: u64) -> Option<&mut Connection> {
        self.connections.get_mut(&connection)
    }

    /// Whether a link has a connection.
    #[must_use]
    pub fn is_connected(&self, link: usize) -> bool {
        self.connections.values().any(|connection| connection.link == link)
    }

    /// The connections that hold for a test, by number.
    pub fn select(&self, test: impl Fn(&Connection) -> bool) -> Vec<u64> {
        self.connections
            .iter()
            .filter(|(_, connection)| test(connection))
            .map(|(number, _)| *number)
            .collect()
    }

    /// Breaks a connection; gives its link and how many frames were lost.
    pub fn disconnect(&mut self, connection: u64) -> Option<(usize, usize)> {
        let connection = self.connections.remove(&connection)?;
        Some((connection.link, connection.pipes.iter().map(VecDeque::len).sum()))
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
