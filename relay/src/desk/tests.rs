use musette_protocol::{
    crypto::{secret::Secret32, sign::SigningKey},
    relaying::TicketId,
};

use super::*;
use crate::{
    circuit::copy::Budget as _,
    limits::{
        CIRCUITS_PER_SOURCE, IDLE_DEADLINE, MAX_EXCESS_REQUESTS, MAX_PENDING_INBOUND,
        REQUESTS_PER_CONNECTION_AND_MINUTE, STRANGERS_REQUESTS_AND_MINUTE,
    },
};

const QUOTA: u64 = 1_000_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A desk, and a clock that a test moves.
struct World {
    desk: Desk,
    now: Moment,
    connections: usize,
}

fn key(byte: u8) -> SigningKey {
    SigningKey::from_secret(&Secret32::from_bytes([byte; 32]))
}

fn source(ip: [u8; 4]) -> Source {
    Source::of(&format!("/ip4/{}/tcp/1", std::net::Ipv4Addr::from(ip)).parse().unwrap()).unwrap()
}

const HOME: [u8; 4] = [192, 0, 2, 7];

impl World {
    fn new(change: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = Limits::default();
        change(&mut limits);
        let now = Moment { instant: Instant::now(), time: Timestamp::from_millis(1_795_000_000_000) };
        let desk = Desk::new(limits, key(1).verifying_key(), Ledger::default(), now.instant);
        Self { desk, now, connections: 0 }
    }

    fn pass(&mut self, time: Duration) {
        self.now.instant += time;
        self.now.time = self.now.time.plus_millis(millis(time));
    }

    fn ticket_by(&self, key: &SigningKey, id: u8) -> Vec<u8> {
        let (id, expires) = (TicketId::from_bytes([id; 16]), self.now.time.plus_millis(DAY_MS));
        RelayTicket::sign(key, vec![vec![1]], id, expires, QUOTA).unwrap().to_bytes()
    }

    fn ticket(&self, id: u8) -> Vec<u8> {
        self.ticket_by(&key(1), id)
    }

    /// A connection, if the relay lets it come about.
    fn connects(&mut self, peer: PeerId, ip: [u8; 4]) -> Option<ConnectionId> {
        self.connects_over(peer, ip, true)
    }

    /// The same over TCP, or over QUIC.
    fn connects_over(&mut self, peer: PeerId, ip: [u8; 4], tcp: bool) -> Option<ConnectionId> {
        self.connections += 1;
        let (connection, now) = (ConnectionId::new_unchecked(self.connections), self.now.instant);
        let may = self.desk.may_connect(connection, (source(ip), tcp), now)
            && self.desk.arrived(connection, peer, source(ip), now);
        if !may {
            self.desk.left(connection, now);
        }
        may.then_some(connection)
    }

    /// Somebody with this ticket who can be called.
    fn reserved(&mut self, ticket: u8, ip: [u8; 4]) -> (PeerId, ConnectionId) {
        let peer = PeerId::random();
        let connection = self.connects(peer, ip).unwrap();
        self.desk.present(connection, &self.ticket(ticket), self.now).unwrap();
        self.desk.reserve(connection, self.now).unwrap();
        (peer, connection)
    }
}

#[test]
fn only_a_ticket_of_this_relay_that_holds_admits() {
    let mut world = World::new(|_| {});
    let connection = world.connects(PeerId::random(), HOME).unwrap();
    let good = world.ticket(1);
    let present = |world: &mut World, bytes: &[u8]| world.desk.present(connection, bytes, world.now);
    assert_eq!(present(&mut world, b"what"), Err(Refusal::Malformed));
    let mut forged = good.clone();
    *forged.last_mut().unwrap() ^= 0x10;
    assert_eq!(present(&mut world, &forged), Err(Refusal::Forged));
    let other = world.ticket_by(&key(2), 1);
    assert_eq!(present(&mut world, &other), Err(Refusal::OtherRelay));
    assert_eq!(world.desk.reserve(connection, world.now).unwrap_err(), Status::PermissionDenied);

    let admission = present(&mut world, &good).unwrap();
    assert_eq!((admission.bytes_left, admission.circuit_bytes), (QUOTA, QUOTA), "no more than is left");
    assert!(world.desk.reserve(connection, world.now).is_ok());
    world.pass(Duration::from_millis(DAY_MS.unsigned_abs()));
    assert_eq!(present(&mut world, &good), Err(Refusal::Expired));
    assert_eq!(world.desk.reserve(connection, world.now).unwrap_err(), Status::PermissionDenied);
}

#[test]
fn the_called_pays_until_its_ticket_is_used_up() {
    let mut world = World::new(|limits| limits.circuit_bytes = QUOTA * 2 / 3);
    let (called, connection) = world.reserved(1, HOME);
    let caller = world.connects(PeerId::random(), [198, 51, 100, 1]).unwrap();
    let first = world.desk.call(caller, called, world.now).unwrap();
    assert_eq!(first.limit.bytes, Some(QUOTA * 2 / 3));
    assert!(first.budget.take(QUOTA * 2 / 3) && !first.budget.take(1), "one circuit's bound");
    world.desk.hang_up(&first, world.now.instant);
    let second = world.desk.call(caller, called, world.now).unwrap();
    assert_eq!(second.limit.bytes, Some(QUOTA - QUOTA * 2 / 3), "the truth");
    assert!(second.budget.take(QUOTA - QUOTA * 2 / 3));
    world.desk.hang_up(&second, world.now.instant);
    assert_eq!(world.desk.call(caller, called, world.now).unwrap_err(), Status::ResourceLimitExceeded);
    let again = world.ticket(1);
    assert_eq!(world.desk.present(connection, &again, world.now), Err(Refusal::UsedUp));
    assert_eq!(world.desk.reserve(connection, world.now).unwrap_err(), Status::PermissionDenied);
}

#[test]
fn two_circuits_at_once_share_what_is_left() {
    let mut world = World::new(|_| {});
    let (called, _) = world.reserved(1, HOME);
    let caller = world.connects(PeerId::random(), HOME).unwrap();
    let lines = [(); 2].map(|()| world.desk.call(caller, called, world.now).unwrap());
    assert!(lines[0].budget.take(QUOTA - 10) && lines[1].budget.take(10));
    assert!(!lines[0].budget.take(1) && !lines[1].budget.take(1));
}

#[test]
fn a_ticket_is_for_a_persons_devices() {
    let mut world = World::new(|limits| limits.peers_per_ticket = 3);
    let ticket = world.ticket(1);
    let (peer, _) = world.reserved(1, HOME);
    let second = world.connects(peer, HOME).unwrap();
    assert!(world.desk.present(second, &ticket, world.now).is_ok(), "another connection of the same device");
    let (_, third) = world.reserved(1, HOME);
    world.reserved(1, HOME);
    let fourth = world.connects(PeerId::random(), HOME).unwrap();
    assert_eq!(world.desk.present(fourth, &ticket, world.now), Err(Refusal::TooMany));
    world.desk.left(third, world.now.instant);
    assert!(world.desk.present(fourth, &ticket, world.now).is_ok());
}

#[test]
fn a_reservation_ends_with_its_connection_or_its_hour() {
    let mut world = World::new(|_| {});
    let caller = world.connects(PeerId::random(), HOME).unwrap();
    let (peer, first) = world.reserved(1, HOME);
    let second = world.connects(peer, HOME).unwrap();
    let ticket = world.ticket(1);
    world.desk.present(second, &ticket, world.now).unwrap();
    world.desk.reserve(second, world.now).unwrap();
    world.desk.left(first, world.now.instant);
    let line = world.desk.call(caller, peer, world.now).unwrap();
    assert_eq!(line.connection, second, "the newer connection's took the place of the older");
    world.pass(RESERVATION_DURATION);
    assert_eq!(world.desk.call(caller, peer, world.now).unwrap_err(), Status::NoReservation);
    world.desk.reserve(second, world.now).unwrap();
    world.desk.left(second, world.now.instant);
    assert_eq!(world.desk.call(caller, peer, world.now).unwrap_err(), Status::NoReservation);
}

#[test]
fn strangers_take_neither_all_connections_nor_all_reservations() {
    let mut world = World::new(|limits| {
        (limits.connections, limits.reservations, limits.open) = (20, 10, true);
    });
    let (regular, connection) = world.reserved(1, HOME);
    world.desk.left(connection, world.now.instant);
    let strangers: Vec<_> =
        (0..50).filter_map(|at| world.connects(PeerId::random(), [198, 51, 100, at])).collect();
    assert_eq!(strangers.len(), 10, "ten places are for reservations");
    assert!(world.connects(regular, HOME).is_some(), "an address known for its ticket");
    let reserved = strangers.iter().filter(|id| world.desk.reserve(**id, world.now).is_ok()).count();
    assert_eq!(reserved, 5, "half of ten");
}

#[test]
fn a_flood_of_handshakes_does_not_keep_a_regular_out() {
    let mut world = World::new(|_| {});
    let (regular, connection) = world.reserved(1, HOME);
    world.desk.left(connection, world.now.instant);
    let now = world.now.instant;
    let begun = (0..5000_usize).filter(|at| {
        let [.., high, low] = at.to_be_bytes();
        let from = (source([10, 1, high, low]), true);
        world.desk.may_connect(ConnectionId::new_unchecked(100_000 + at), from, now)
    });
    let begun = begun.count();
    assert!(begun <= MAX_PENDING_INBOUND as usize && begun >= 90, "{begun}");
    assert!(world.connects(PeerId::random(), [198, 51, 100, 1]).is_none(), "a stranger waits");
    assert!(world.connects(regular, HOME).is_some());
}

#[test]
fn packets_with_somebodys_address_on_them_do_not_keep_them_out() {
    let mut world = World::new(|limits| limits.connects_per_source_and_minute = 10);
    let (regular, connection) = world.reserved(1, HOME);
    world.desk.left(connection, world.now.instant);
    let elsewhere = [198, 51, 100, 1];
    for ip in [HOME, elsewhere] {
        let begun = (0..30_usize).filter(|at| {
            let connection = ConnectionId::new_unchecked(100_000 + at);
            let may = world.desk.may_connect(connection, (source(ip), false), world.now.instant);
            world.desk.left(connection, world.now.instant);
            may
        });
        assert_eq!(begun.count(), if ip == HOME { 30 } else { 10 });
    }
    assert!(world.connects_over(regular, HOME, false).is_some(), "an address known for its ticket");
    assert!(world.connects_over(PeerId::random(), elsewhere, false).is_none());
    assert!(world.connects(PeerId::random(), elsewhere).is_some(), "over TCP, where nobody else is there");
}

#[test]
fn one_address_may_make_and_have_so_many_connections() {
    let mut world = World::new(|limits| {
        (limits.connects_per_source_and_minute, limits.connections_per_source) = (10, 15);
    });
    let made = |world: &mut World| (0..50).filter_map(|_| world.connects(PeerId::random(), HOME)).count();
    assert_eq!(made(&mut world), 10, "at once");
    world.pass(Duration::from_secs(60));
    assert_eq!(made(&mut world), 5, "fifteen in all");
    assert!(world.connects(PeerId::random(), [198, 51, 100, 1]).is_some(), "another address");
}

#[test]
fn a_reservation_without_a_ticket_is_small() {
    let mut world = World::new(|limits| limits.open = true);
    let peers: Vec<_> = (0..10).map(|_| PeerId::random()).collect();
    let connections: Vec<_> = peers.iter().map(|peer| world.connects(*peer, HOME).unwrap()).collect();
    let reserved: Vec<_> =
        connections.iter().filter_map(|id| world.desk.reserve(*id, world.now).ok()).collect();
    let limits = Limits::default();
    assert_eq!(reserved.len(), limits.open_reservations_per_source as usize);
    assert_eq!(reserved[0].limit.bytes, Some(limits.open_circuit_bytes));
    assert_eq!(reserved[0].limit.seconds, Some(limits.open_circuit_seconds));
    let caller = world.connects(PeerId::random(), HOME).unwrap();
    let circuits = (0..).map_while(|at| {
        let line = world.desk.call(caller, peers[at % reserved.len()], world.now).ok()?;
        line.budget.take(line.limit.bytes.unwrap()).then(|| world.desk.hang_up(&line, world.now.instant))
    });
    let whole = limits.open_bytes_per_source_and_hour.div_ceil(limits.open_circuit_bytes);
    assert_eq!(circuits.count() as u64, whole, "all of one address share an hour's bytes");
    let again = world.desk.reserve(connections[0], world.now);
    assert_eq!(again.unwrap_err(), Status::PermissionDenied, "none are left");
    world.pass(RESERVATION_DURATION);
    world.desk.sweep(world.now);
    world.desk.reserve(connections[0], world.now).unwrap();
    assert!(world.desk.call(caller, peers[0], world.now).is_ok(), "the next hour");
}

#[test]
fn circuits_are_bounded_and_their_places_given_back() {
    let mut world = World::new(|limits| limits.circuits_per_peer = 6);
    let called: Vec<_> = (1..=40).map(|ticket| world.reserved(ticket, HOME).0).collect();
    let caller = world.connects(PeerId::random(), [198, 51, 100, 1]).unwrap();
    let lines: Vec<_> = (0..5).filter_map(|_| world.desk.call(caller, called[0], world.now).ok()).collect();
    assert_eq!(lines.len(), 3, "to one peer");
    lines.iter().for_each(|line| world.desk.hang_up(line, world.now.instant));
    let calls = called.iter().flat_map(|peer| [*peer; 3]);
    let lines: Vec<_> = calls.filter_map(|peer| world.desk.call(caller, peer, world.now).ok()).collect();
    assert_eq!(lines.len(), CIRCUITS_PER_SOURCE as usize, "from one address");
    let other = world.connects(PeerId::random(), [198, 51, 100, 2]).unwrap();
    assert!(world.desk.call(other, called[39], world.now).is_ok(), "from another address");
    lines.iter().for_each(|line| world.desk.hang_up(line, world.now.instant));
    assert_eq!(world.desk.counts().circuits, 1);
}

#[test]
fn callers_without_the_ticket_of_the_called_leave_half_of_its_circuits_to_those_with_it() {
    let mut world = World::new(|limits| limits.circuits_per_peer = 5);
    let (called, _) = world.reserved(1, HOME);
    let (_, same) = world.reserved(1, [198, 51, 100, 1]);
    let (_, other) = world.reserved(2, [198, 51, 100, 2]);
    let stranger = world.connects(PeerId::random(), [198, 51, 100, 3]).unwrap();
    let lines = |world: &mut World, caller| -> Vec<_> {
        (0..10).map_while(|_| world.desk.call(caller, called, world.now).ok()).collect()
    };
    let strangers = lines(&mut world, stranger);
    assert_eq!((strangers.len(), lines(&mut world, other).len()), (3, 0));
    assert_eq!(lines(&mut world, same).len(), 2);
    world.desk.hang_up(&strangers[0], world.now.instant);
    assert_eq!(lines(&mut world, other).len(), 1, "a place that was given back");
}

#[test]
fn who_asks_and_asks_is_dropped_then_disconnected() {
    let mut world = World::new(|_| {});
    let stranger = world.connects(PeerId::random(), HOME).unwrap();
    let (_, admitted) = world.reserved(1, HOME);
    for (connection, served) in
        [(stranger, STRANGERS_REQUESTS_AND_MINUTE), (admitted, REQUESTS_PER_CONNECTION_AND_MINUTE)]
    {
        let mut asked = || {
            let requested = world.desk.request(connection, world.now.instant);
            if requested == Requested::Serve {
                world.desk.connections.answered(connection);
            }
            requested
        };
        let outcomes: Vec<_> = (0..100).map(|_| asked()).collect();
        let count = |what| outcomes.iter().filter(|outcome| **outcome == what).count();
        assert_eq!(count(Requested::Serve), served as usize);
        assert_eq!(count(Requested::Drop), MAX_EXCESS_REQUESTS as usize);
        assert_eq!(outcomes.last(), Some(&Requested::Close));
    }
}

#[test]
fn an_idle_connection_closes_unless_it_can_be_called_or_has_a_circuit() {
    let mut world = World::new(|_| {});
    let (called, _) = world.reserved(1, HOME);
    let (idle, caller) = (PeerId::random(), PeerId::random());
    let idle_connection = world.connects(idle, HOME).unwrap();
    let caller_connection = world.connects(caller, HOME).unwrap();
    let line = world.desk.call(caller_connection, called, world.now).unwrap();
    assert!(world.desk.sweep(world.now).is_empty());
    world.pass(IDLE_DEADLINE);
    assert_eq!(world.desk.sweep(world.now), [(idle, idle_connection)]);
    world.desk.left(idle_connection, world.now.instant);
    world.desk.hang_up(&line, world.now.instant);
    assert!(world.desk.sweep(world.now).is_empty(), "from the end of its circuit on");
    world.pass(IDLE_DEADLINE);
    assert_eq!(world.desk.sweep(world.now), [(caller, caller_connection)]);
}

#[test]
fn a_call_of_the_relays_own_is_closed_after_a_while() {
    let mut world = World::new(|_| {});
    let (peer, connection) = (PeerId::random(), ConnectionId::new_unchecked(1));
    world.desk.connections.called_back(connection, peer, world.now.instant);
    assert!(world.desk.sweep(world.now).is_empty());
    world.pass(IDLE_DEADLINE);
    assert_eq!(world.desk.sweep(world.now), [(peer, connection)]);
    world.desk.left(connection, world.now.instant);
    assert!(world.desk.sweep(world.now).is_empty());
}

#[test]
fn a_relay_that_stops_takes_nothing_new() {
    let mut world = World::new(|_| {});
    let (called, connection) = world.reserved(1, HOME);
    world.desk.stopping = true;
    assert_eq!(world.desk.reserve(connection, world.now).unwrap_err(), Status::ReservationRefused);
    assert_eq!(world.desk.call(connection, called, world.now).unwrap_err(), Status::ResourceLimitExceeded);
    assert!(world.connects(PeerId::random(), HOME).is_none());
}
