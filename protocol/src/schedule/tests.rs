use proptest::prelude::*;

use super::*;

type Machine = Schedule<u8>;

const MINUTE_MS: u64 = 60 * 1_000;
const WALL: Timestamp = Timestamp::from_millis(20_000 * 24 * 60 * 60 * 1_000);

const fn at(elapsed_ms: u64) -> Moment {
    Moment { elapsed_ms, wall: WALL.plus_millis(elapsed_ms.cast_signed()) }
}

fn id(number: u8) -> DeviceId {
    DeviceId::from_bytes([number; 32])
}

fn ids(numbers: impl IntoIterator<Item = u8>) -> BTreeSet<DeviceId> {
    numbers.into_iter().map(id).collect()
}

fn started(devices: impl IntoIterator<Item = u8>) -> Machine {
    let mut schedule = Schedule::new(at(0), Settings::default(), Usage::default());
    schedule.handle_devices(at(0), &ids(devices));
    schedule
}

fn effects(schedule: &mut Machine) -> Vec<Effect<u8>> {
    std::iter::from_fn(|| schedule.poll_effect()).collect()
}

fn dial(number: u8) -> Effect<u8> {
    Effect::Dial(Contact::Device(id(number)))
}

fn close(number: u8) -> Effect<u8> {
    Effect::Close(Contact::Device(id(number)))
}

const PAUSED: Settings = Settings { pause: Some(Pause::UntilResumed), metered: false, daily_budget: None };

#[test]
fn a_device_is_dialled_until_a_session_stands_then_checked() {
    let mut schedule = started([1]);
    assert_eq!(effects(&mut schedule), [dial(1)]);
    schedule.handle_time(at(5_000));
    assert_eq!(effects(&mut schedule), []);
    schedule.handle_dial_failed(at(5_000), &Contact::Device(id(1)), Ending::Lost, u16::MAX);
    assert_eq!(schedule.next_deadline(), Some(5_000 + RETRY_FROM_MS));
    schedule.handle_time(at(5_000 + RETRY_FROM_MS));
    assert_eq!(effects(&mut schedule), [dial(1)]);
    schedule.handle_connected(at(6_000), id(1), Some(7));
    assert_eq!(schedule.next_deadline(), Some(6_000 + CHECK_EVERY_MS));
    schedule.handle_time(at(6_000 + CHECK_EVERY_MS));
    assert_eq!(effects(&mut schedule), [Effect::Check(id(1))]);
    // The failure of a dial that the other side's dial made needless is no end of the session.
    schedule.handle_dial_failed(at(200_000), &Contact::Device(id(1)), Ending::Lost, 0);
    assert!(schedule.is_connected(id(1)));
    schedule.handle_disconnected(at(200_000), id(1), Ending::Lost, 0);
    assert_eq!(schedule.next_deadline(), Some(200_000 + RETRY_FROM_MS / 2));
}

#[test]
fn a_pause_ends_everything_and_its_end_begins_everything() {
    let mut schedule = started([1, 2, 3]);
    assert_eq!(effects(&mut schedule).len(), 3);
    schedule.handle_connected(at(10), id(1), None);
    // It called; where it can be called is not known.
    schedule.handle_connected(at(10), id(9), None);
    schedule.handle_announced(at(10), Contact::Neighbour(5));
    assert_eq!(effects(&mut schedule), [Effect::Dial(Contact::Neighbour(5))]);
    schedule.handle_settings(at(20), PAUSED);
    let closed = [close(1), close(2), close(3), close(9), Effect::Close(Contact::Neighbour(5))];
    assert_eq!(effects(&mut schedule), closed);
    assert_eq!(schedule.refusal(), Some(NotNow { reason: StopReason::Paused, until: None }));
    assert_eq!(schedule.handle_asked(at(30)), Err(schedule.refusal().unwrap()));
    schedule.handle_network_changed(at(40));
    schedule.handle_connected(at(50), id(2), None);
    assert_eq!((effects(&mut schedule), schedule.next_deadline()), (vec![close(2)], None));
    schedule.handle_settings(at(9_000), Settings::default());
    let dialled = [dial(1), dial(2), dial(3), Effect::Dial(Contact::Neighbour(5))];
    assert_eq!(effects(&mut schedule), dialled);
}

#[test]
fn who_goes_on_dials_also_those_that_it_waited_for_before() {
    let mut schedule = started([1]);
    effects(&mut schedule);
    schedule.handle_dial_failed(at(0), &Contact::Device(id(1)), Ending::Refused, u16::MAX);
    schedule.handle_settings(at(5_000), PAUSED);
    schedule.handle_settings(at(6_000), Settings::default());
    assert_eq!(effects(&mut schedule), [dial(1)]);
}

#[test]
fn a_pause_with_an_end_is_a_deadline() {
    let mut schedule = started([1]);
    let end = WALL.plus_millis(7_200_000);
    schedule.handle_settings(at(0), Settings { pause: Some(Pause::Until(end)), ..PAUSED });
    assert_eq!(schedule.next_deadline(), Some(7_200_000));
    effects(&mut schedule);
    schedule.handle_time(at(7_200_000));
    assert_eq!((effects(&mut schedule), schedule.settings().pause), (vec![dial(1)], None));
}

#[test]
fn a_used_up_budget_ends_sessions_until_the_next_day() {
    let mut schedule = started([1]);
    effects(&mut schedule);
    schedule.handle_settings(at(0), Settings { daily_budget: Some(1_000), ..Settings::default() });
    schedule.handle_connected(at(0), id(1), None);
    schedule.handle_bytes(at(1), 999);
    assert_eq!(schedule.flow(), Flow::NoAttachments { asked_for: false });
    schedule.handle_bytes(at(2), 1);
    assert_eq!(effects(&mut schedule), [close(1)]);
    let midnight = 24 * 60 * MINUTE_MS;
    let until = Some(at(midnight).wall);
    assert_eq!(schedule.refusal(), Some(NotNow { reason: StopReason::BudgetUsed, until }));
    assert_eq!(schedule.next_deadline(), Some(midnight));
    schedule.handle_time(at(midnight));
    assert_eq!((effects(&mut schedule), schedule.flow()), (vec![dial(1)], Flow::Everything));
}

#[test]
fn where_bytes_cost_money_checks_are_rare() {
    let mut schedule = started([1]);
    let metered = Settings { metered: true, ..Settings::default() };
    schedule.handle_settings(at(0), metered);
    schedule.handle_connected(at(0), id(1), None);
    assert_eq!(schedule.next_deadline(), Some(METERED_CHECK_EVERY_MS));
    schedule.handle_settings(at(10), Settings::default());
    assert_eq!(schedule.next_deadline(), Some(10 + CHECK_EVERY_MS));
}

#[test]
fn where_bytes_cost_money_who_is_out_of_reach_is_dialled_rarely() {
    let mut schedule = started([1]);
    schedule.handle_settings(at(0), Settings { metered: true, ..Settings::default() });
    let mut dialled = Vec::new();
    let mut now = 0;
    while now < 60 * MINUTE_MS {
        schedule.handle_time(at(now));
        if effects(&mut schedule).contains(&dial(1)) {
            dialled.push(now);
            schedule.handle_dial_failed(at(now), &Contact::Device(id(1)), Ending::Lost, u16::MAX);
        }
        now = schedule.next_deadline().unwrap();
    }
    let pauses: Vec<u64> = dialled.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!((pauses[0], pauses.iter().max()), (RETRY_FROM_MS, Some(&METERED_RETRY_TO_MS)));
    // Where they do not, a pause that has grown is no longer than any other after the next failure.
    schedule.handle_settings(at(now), Settings::default());
    schedule.handle_time(at(now));
    schedule.handle_dial_failed(at(now), &Contact::Device(id(1)), Ending::Lost, u16::MAX);
    assert_eq!(schedule.next_deadline(), Some(now + RETRY_TO_MS));
}

#[test]
fn news_bring_the_next_dial_forward() {
    type Hear = fn(&mut Machine, Moment);
    let news: [(Hear, &str); 4] = [
        (|schedule, moment| schedule.handle_network_changed(moment), "network"),
        (|schedule, moment| schedule.handle_announced(moment, Contact::Device(id(1))), "announced"),
        (|schedule, moment| schedule.handle_asked(moment).unwrap(), "asked"),
        (
            |schedule, moment| {
                let wall = moment.wall.plus_millis(SLEPT_MS.cast_signed());
                schedule.handle_time(Moment { wall, ..moment });
            },
            "slept",
        ),
    ];
    for (hear, what) in news {
        let mut schedule = started([1]);
        effects(&mut schedule);
        schedule.handle_dial_failed(at(100), &Contact::Device(id(1)), Ending::Refused, 0);
        assert!(schedule.next_deadline().unwrap() >= 100 + REFUSED_MS / 2);
        hear(&mut schedule, at(5_000));
        assert_eq!(effects(&mut schedule), [dial(1)], "{what}");
    }
}

#[test]
fn who_asks_gets_a_check_of_each_session() {
    let mut schedule = started([1]);
    effects(&mut schedule);
    schedule.handle_connected(at(0), id(1), None);
    schedule.handle_asked(at(10)).unwrap();
    assert_eq!(effects(&mut schedule), [Effect::Check(id(1))]);
}

#[test]
fn a_neighbour_is_tried_a_few_times_and_a_stranger_never_again() {
    let (mut schedule, mut now) = (started([]), 0);
    let neighbour = Contact::Neighbour(5);
    schedule.handle_announced(at(now), neighbour);
    for _ in 0..NEIGHBOUR_DIALS {
        assert_eq!(effects(&mut schedule), [Effect::Dial(neighbour)]);
        now += 30_000;
        schedule.handle_dial_failed(at(now), &neighbour, Ending::Lost, 0);
        now += 30_000;
        schedule.handle_time(at(now));
    }
    assert_eq!((effects(&mut schedule), schedule.next_deadline()), (vec![], None));
    schedule.handle_announced(at(now), neighbour);
    assert_eq!(effects(&mut schedule), [Effect::Dial(neighbour)]);
    schedule.handle_dial_failed(at(now), &neighbour, Ending::Refused, 0);
    schedule.handle_announced(at(now + 60_000), neighbour);
    assert_eq!(effects(&mut schedule), []);
    assert!(schedule.is_stranger(&5));
}

#[test]
fn a_neighbour_that_is_a_device_is_not_dialled_beside_it() {
    let mut schedule = started([1]);
    effects(&mut schedule);
    schedule.handle_connected(at(0), id(1), Some(5));
    schedule.handle_announced(at(10), Contact::Neighbour(5));
    assert_eq!(effects(&mut schedule), []);
}

#[test]
fn a_neighbour_whose_session_ends_is_dialled_again_although_no_address_is_known() {
    let neighbour = Contact::Neighbour(5);
    for announced_before in [true, false] {
        let mut schedule = started([]);
        if announced_before {
            schedule.handle_announced(at(0), neighbour);
            effects(&mut schedule);
        }
        schedule.handle_connected(at(10), id(1), Some(5));
        if !announced_before {
            schedule.handle_announced(at(20), neighbour);
        }
        assert_eq!(effects(&mut schedule), []);
        schedule.handle_disconnected(at(1_000), id(1), Ending::Lost, 0);
        let mut dials = 0;
        while let Some(now) = schedule.next_deadline() {
            schedule.handle_time(at(now));
            assert_eq!(effects(&mut schedule), [Effect::Dial(neighbour)]);
            schedule.handle_dial_failed(at(now), &neighbour, Ending::Lost, 0);
            dials += 1;
        }
        assert_eq!(dials, NEIGHBOUR_DIALS - 1, "until it announces itself again");
    }
    let mut paused = started([]);
    paused.handle_announced(at(0), neighbour);
    effects(&mut paused);
    paused.handle_connected(at(10), id(1), Some(5));
    paused.handle_settings(at(30), PAUSED);
    assert_eq!(effects(&mut paused), [close(1)]);
    paused.handle_settings(at(9_000), Settings::default());
    assert_eq!(effects(&mut paused), [Effect::Dial(neighbour)]);
    // Refused, it is none any more, and whoever breaks off at once is soon given up.
    let mut refused = started([]);
    refused.handle_announced(at(0), neighbour);
    refused.handle_connected(at(10), id(1), Some(5));
    refused.handle_disconnected(at(20), id(1), Ending::Refused, 0);
    assert_eq!(refused.next_deadline(), None);
    let mut breaking = started([]);
    breaking.handle_announced(at(0), neighbour);
    for dials in 1.. {
        assert_eq!(effects(&mut breaking), [Effect::Dial(neighbour)]);
        let now = breaking.last;
        breaking.handle_connected(now, id(1), Some(5));
        breaking.handle_disconnected(now, id(1), Ending::Lost, 0);
        let Some(next) = breaking.next_deadline() else {
            assert_eq!(dials, NEIGHBOUR_DIALS);
            break;
        };
        breaking.handle_time(at(next));
    }
    // Whoever only called may be far away.
    let mut called = started([]);
    called.handle_connected(at(10), id(1), Some(5));
    called.handle_disconnected(at(1_000), id(1), Ending::Lost, 0);
    assert_eq!(called.next_deadline(), None);
}

#[test]
fn who_called_before_its_dial_was_taken_is_not_dialled() {
    let mut schedule = started([1]);
    schedule.handle_connected(at(0), id(1), None);
    assert_eq!(effects(&mut schedule), []);
    // Where a device can be dialled is learned from a session with it.
    let mut schedule = started([]);
    schedule.handle_connected(at(0), id(1), Some(5));
    schedule.handle_devices(at(0), &ids([1]));
    assert_eq!(effects(&mut schedule), []);
}

#[test]
fn whoever_is_announced_in_masses_costs_a_few_dials() {
    let mut schedule = started(0..100);
    for neighbour in 0..=u8::MAX {
        schedule.handle_announced(at(1), Contact::Neighbour(neighbour));
    }
    assert_eq!(schedule.neighbours.len(), MAX_NEIGHBOURS);
    let effects = effects(&mut schedule);
    let devices = effects.iter().filter(|effect| matches!(effect, Effect::Dial(Contact::Device(_)))).count();
    assert_eq!((devices, effects.len()), (MAX_DIALS_AT_ONCE, 2 * MAX_DIALS_AT_ONCE));
    // No room: the end of a dial makes some, not the passing of time.
    assert_eq!(schedule.next_deadline(), None);
    schedule.handle_dial_failed(at(2), &Contact::Device(id(0)), Ending::Lost, 0);
    assert!(matches!(schedule.poll_effect(), Some(Effect::Dial(Contact::Device(_)))));
}

#[test]
fn a_device_that_is_gone_is_not_dialled_any_more() {
    let mut schedule = started([1, 2, 3]);
    effects(&mut schedule);
    schedule.handle_dial_failed(at(0), &Contact::Device(id(1)), Ending::Lost, 0);
    schedule.handle_connected(at(0), id(3), None);
    schedule.handle_devices(at(1), &ids([]));
    assert_eq!(effects(&mut schedule), [close(2)]);
    assert!(schedule.is_connected(id(3)));
    schedule.handle_disconnected(at(9), id(3), Ending::Lost, 0);
    assert_eq!(schedule.next_deadline(), None);
}

/// Something that happens, some time after what happened before.
#[derive(Debug, Clone)]
enum Happening {
    Time,
    Deadline,
    Fails(u8, Ending),
    Connects(u8),
    Disconnects(u8, Ending),
    Announced(u8),
    Network,
    Asked,
    Set(Settings),
    Bytes(u64),
    ClockSet(i64),
}

fn ending() -> impl Strategy<Value = Ending> {
    let until = proptest::option::of((-100_000_i64..10_000_000).prop_map(|millis| WALL.plus_millis(millis)));
    prop_oneof![
        4 => Just(Ending::Lost),
        1 => Just(Ending::Refused),
        1 => until.prop_map(|until| Ending::NotNow { until }),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    let end = (-1_000_i64..10_000_000).prop_map(|millis| Pause::Until(WALL.plus_millis(millis)));
    let pause = prop_oneof![3 => Just(None), 1 => Just(Some(Pause::UntilResumed)), 2 => end.prop_map(Some)];
    let budget = proptest::option::of(1_u64..5_000);
    (pause, any::<bool>(), budget).prop_map(|(pause, metered, daily_budget)| Settings {
        pause,
        metered,
        daily_budget,
    })
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        2 => Just(Happening::Time),
        12 => Just(Happening::Deadline),
        10 => (0_u8..6, ending()).prop_map(|(who, ending)| Happening::Fails(who, ending)),
        4 => (0_u8..6).prop_map(Happening::Connects),
        4 => (0_u8..6, ending()).prop_map(|(who, ending)| Happening::Disconnects(who, ending)),
        2 => (0_u8..6).prop_map(Happening::Announced),
        1 => Just(Happening::Network),
        1 => Just(Happening::Asked),
        1 => settings().prop_map(Happening::Set),
        1 => (0_u64..2_000).prop_map(Happening::Bytes),
        1 => (-200_000_000_i64..200_000_000).prop_map(Happening::ClockSet),
    ]
}

/// Drives a machine as a node does, and holds it to its word after each step.
struct Run {
    schedule: Machine,
    now: Moment,
    dialling: BTreeSet<u8>,
    connected: BTreeSet<u8>,
    /// When each was dialled.
    dials: BTreeMap<u8, Vec<u64>>,
}

/// Devices that have an address in the runs; the others only call.
const WITH_ADDRESS: u8 = 4;

impl Run {
    fn new() -> Self {
        let schedule = started(0..WITH_ADDRESS);
        let (dialling, connected, dials) = Default::default();
        let mut run = Self { schedule, now: at(0), dialling, connected, dials };
        run.settle();
        run
    }

    fn step(&mut self, wait_ms: u64, draw: u16, happening: Happening) {
        let deadline_ms = self.schedule.next_deadline().filter(|_| matches!(happening, Happening::Deadline));
        let wait_ms = deadline_ms.map_or(wait_ms, |at_ms| at_ms.saturating_sub(self.now.elapsed_ms));
        self.now.elapsed_ms += wait_ms;
        self.now.wall = self.now.wall.plus_millis(wait_ms.cast_signed());
        let (now, schedule) = (self.now, &mut self.schedule);
        match happening {
            Happening::Fails(who, ending) if self.dialling.remove(&who) => {
                schedule.handle_dial_failed(now, &Contact::Device(id(who)), ending, draw);
            }
            Happening::Connects(who) => {
                self.dialling.remove(&who);
                self.connected.insert(who);
                schedule.handle_connected(now, id(who), None);
            }
            Happening::Disconnects(who, ending) if self.connected.remove(&who) => {
                schedule.handle_disconnected(now, id(who), ending, draw);
            }
            Happening::Announced(who) => schedule.handle_announced(now, Contact::Device(id(who))),
            Happening::Network => schedule.handle_network_changed(now),
            Happening::Asked => drop(schedule.handle_asked(now)),
            Happening::Set(settings) => schedule.handle_settings(now, settings),
            Happening::Bytes(bytes) => schedule.handle_bytes(now, bytes),
            Happening::ClockSet(by) => {
                self.now.wall = self.now.wall.plus_millis(by);
                schedule.handle_time(self.now);
            }
            _ => schedule.handle_time(now),
        }
        self.settle();
    }

    /// Takes all effects, and checks what must hold.
    fn settle(&mut self) {
        let number = |id: DeviceId| (0..6).find(|number| self::id(*number) == id).unwrap();
        while let Some(effect) = self.schedule.poll_effect() {
            match effect {
                Effect::Dial(Contact::Device(device)) => {
                    let who = number(device);
                    assert!(self.schedule.refusal().is_none(), "dialled although nothing may flow");
                    assert!(who < WITH_ADDRESS && !self.connected.contains(&who), "dialled in vain");
                    assert!(self.dialling.insert(who), "dialled twice at once");
                    self.dials.entry(who).or_default().push(self.now.elapsed_ms);
                }
                Effect::Check(device) => assert!(self.connected.contains(&number(device))),
                Effect::Close(Contact::Device(device)) => {
                    assert!(self.schedule.refusal().is_some(), "closed although all may flow");
                    let who = number(device);
                    assert!(self.dialling.remove(&who) | self.connected.remove(&who), "nothing to close");
                }
                other => panic!("{other:?}"),
            }
        }
        let deadline = self.schedule.next_deadline();
        if self.schedule.refusal().is_some() {
            assert!(self.dialling.is_empty() && self.connected.is_empty(), "goes on although paused");
            let forever = self.schedule.settings().pause == Some(Pause::UntilResumed);
            assert!(deadline.is_some() || forever, "nothing would end it");
        } else {
            for who in 0..WITH_ADDRESS {
                let goes_on = self.dialling.contains(&who) || self.connected.contains(&who);
                assert!(goes_on || deadline.is_some(), "nobody would ever dial {who}");
            }
            let connected = (0..6).filter(|who| self.schedule.is_connected(id(*who))).collect();
            assert_eq!(self.connected, connected);
        }
        let is_ahead = deadline.is_none_or(|at_ms| at_ms > self.now.elapsed_ms);
        assert!(is_ahead, "a deadline that has passed: {deadline:?} at {:?}", self.now);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn it_keeps_its_word_whatever_happens(
        steps in proptest::collection::vec((0_u64..3_000, any::<u16>(), happening()), 1..300)
    ) {
        let mut run = Run::new();
        for (wait_ms, draw, happening) in steps {
            run.step(wait_ms, draw, happening);
        }
        for dials in run.dials.values() {
            // News may double what failures alone allow; three in a second are the most.
            for window in dials.windows(5) {
                prop_assert!(window[4] - window[0] >= 1_000, "a storm of dials: {dials:?}");
            }
        }
    }

    #[test]
    fn a_flood_of_news_makes_no_storm(
        steps in proptest::collection::vec((0_u64..20, any::<u16>(), 0_u8..WITH_ADDRESS), 1_000)
    ) {
        let mut run = Run::new();
        for (wait_ms, draw, who) in steps {
            run.step(wait_ms, draw, Happening::Fails(who, Ending::Lost));
            run.step(0, draw, Happening::Network);
        }
        for dials in run.dials.values() {
            let most = 4 + 2 * run.now.elapsed_ms / 1_000;
            prop_assert!(dials.len() as u64 <= most, "{} dials, at most {most}", dials.len());
        }
    }

    #[test]
    fn out_of_reach_costs_a_few_dials_an_hour(draws in proptest::collection::vec(any::<u16>(), 1..20)) {
        let mut run = Run::new();
        let mut draws = draws.into_iter().cycle();
        while run.now.elapsed_ms < 60 * MINUTE_MS {
            for who in 0..WITH_ADDRESS {
                run.step(0, draws.next().unwrap(), Happening::Fails(who, Ending::Lost));
            }
            run.step(0, 0, Happening::Deadline);
        }
        for dials in run.dials.values() {
            let longest = dials.windows(2).map(|pair| pair[1] - pair[0]).max();
            prop_assert!(longest <= Some(RETRY_TO_MS), "it waited for {longest:?}");
            prop_assert!(dials.len() <= 8 + 6 * 60, "{} dials in an hour", dials.len());
        }
    }
}
