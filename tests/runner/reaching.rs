//! Devices on different networks, behind routers that let in answers alone.

use std::time::{Duration, Instant};

use musette_tests::{
    fetching::{Film, await_length, missing, moved},
    natlab::{Kind, Lab},
    need,
    pairs::{NO_DISCOVERY, Pair, await_places, meet},
    process::Node,
    relay::Relay,
    turns,
    wait::{PATIENCE, until, until_seen},
    world::{World, await_same_list},
};

/// Long enough to be on its way when a relay dies.
const FILM: u64 = 48 << 20;
/// Takes ten circuits of a relay with libp2p's limits.
const PLAIN_FILM: u64 = 1 << 20;
/// A step of a transfer, in a debug build on a machine that others use too.
const SLOWLY: Duration = Duration::from_secs(90);

fn is_missing() -> bool {
    !need::privileges(&["ip", "nft"])
}

#[test]
fn routers_that_keep_ports_are_punched_through_and_others_are_relayed() {
    if is_missing() {
        return;
    }
    let _turn = turns::shared();
    // `nat-table` goes through all pairs.
    let carrier = (Kind::OneCarrier, Kind::OneCarrier);
    for (one, other) in [(Kind::KeepsPorts, Kind::Double), (Kind::NoUdp, Kind::SixOnly), carrier] {
        let (world, mut lab) = (World::new(), Lab::new());
        let met = meet(&world, &mut lab, one, other);
        assert!(met.synced < PATIENCE, "{one} and {other}: {met:?}");
        assert!(met.direct.is_some() == one.is_direct_with(other), "{one} and {other}: {met:?}");
    }
}

/// The relay that carries the session with the other device.
fn carrier(node: &Node, name: &str) -> Option<String> {
    node.device(name)["relay"].as_str().map(str::to_owned)
}

#[test]
fn when_a_relay_dies_another_one_takes_over_and_what_was_there_stays() {
    if is_missing() {
        return;
    }
    let _turn = turns::alone();
    let (world, mut lab) = (World::new(), Lab::new());
    let Pair { mut relays, laptop, laptop_node, phone, .. } =
        Pair::new(&world, &mut lab, Kind::Random, Kind::Random, 2);
    let phone_node = phone.up_with(&NO_DISCOVERY);
    phone_node.await_agreement("laptop");
    await_places(&phone_node, 2);
    let (film, _) = Film::attach(&world, &laptop, FILM, SLOWLY);
    until(PATIENCE, "the attachment is known", || (missing(&phone_node) == FILM).then_some(()));

    let (before, empty) = (moved(&laptop_node), phone.journal_len());
    let asked = film.ask(&phone_node);
    await_length(&phone, empty + FILM / 3, SLOWLY);
    let dead = carrier(&phone_node, "laptop").expect("a relay carries the session");
    let relay = relays.iter_mut().find(|relay| relay.is(&dead)).unwrap();
    relay.kill();
    let (died, at) = (Instant::now(), phone.journal_len());
    assert!(missing(&phone_node) > 0, "the relay died too late");
    // What arrived before is appended within the time that a piece takes.
    await_length(&phone, at + (4 << 20), SLOWLY);
    let took = died.elapsed();
    film.await_whole(&phone_node, SLOWLY);
    drop(asked);
    assert!(took < Duration::from_secs(5), "{took:?} until it went on");
    let other = carrier(&phone_node, "laptop").expect("a relay carries the session");
    assert!(relays.iter().any(|relay| relay.is(&other)) && other != dead, "{other}");
    let bytes = moved(&laptop_node) - before;
    assert!(bytes < FILM + FILM / 12, "{bytes} bytes moved for {FILM}");
    println!("went on after {took:?}, {bytes} bytes moved for {FILM}");
    film.check(&world, &phone, SLOWLY);
    phone_node.stop();
    laptop_node.stop();
}

#[test]
fn when_all_relays_were_gone_devices_are_back_soon_after_one_is() {
    if is_missing() {
        return;
    }
    let _turn = turns::shared();
    let (world, mut lab) = (World::new(), Lab::new());
    let Pair { mut relays, laptop, laptop_node, phone, .. } =
        Pair::new(&world, &mut lab, Kind::Random, Kind::Random, 2);
    let phone_node = phone.up_with(&NO_DISCOVERY);
    phone_node.await_agreement("laptop");
    relays.iter_mut().for_each(Relay::kill);
    until(PATIENCE, "the loss is noticed", || {
        let is_lost = |node: &Node, name: &str| node.device(name)["connected"] == false;
        (is_lost(&laptop_node, "phone") && is_lost(&phone_node, "laptop")).then_some(())
    });
    until_seen(PATIENCE, "status says that no relay answers", || {
        match phone_node.device("laptop")["why"] == "no-relay-answers" {
            true => Ok(()),
            false => Err(phone_node.device("laptop")),
        }
    });
    laptop.add(&["note", "title=While all relays were gone"]);
    relays[0].restart();
    let back = Instant::now();
    until_seen(Duration::from_secs(30), "they are connected again", || {
        match phone_node.device("laptop")["connected"] == true {
            true => Ok(()),
            false => Err(phone_node.api.get("/v1/relays")),
        }
    });
    println!("connected {:?} after the relay was back", back.elapsed());
    await_same_list(&laptop_node, &phone_node);

    // Both name the same new one while they cannot tell each other.
    relays.iter_mut().for_each(Relay::kill);
    let third = Relay::start(&lab.host(Kind::Open), &world.path().join("third"));
    let ticket = third.ticket("2GB");
    for device in [&laptop, &phone] {
        device.run(&["relay", "add", &ticket]).ok();
    }
    until(PATIENCE, "they meet at the new one", || {
        carrier(&phone_node, "laptop").filter(|relay| third.is(relay))
    });
    phone_node.stop();
    laptop_node.stop();
}

#[test]
fn a_ticket_that_is_used_up_is_said_and_another_goes_on() {
    if is_missing() {
        return;
    }
    let _turn = turns::shared();
    let (world, mut lab) = (World::new(), Lab::new());
    let Pair { relays, laptop, laptop_node, phone, .. } =
        Pair::new(&world, &mut lab, Kind::Random, Kind::Random, 1);
    let phone_node = phone.up_with(&NO_DISCOVERY);
    phone_node.await_agreement("laptop");
    laptop.run(&["relay", "add", &relays[0].ticket("2MB")]).ok();
    let has_it = |node: &Node| {
        let relays = node.api.get("/v1/relays");
        relays["relays"][0]["ticket"]["bytes_left"].as_u64().is_some_and(|left| left <= 2_000_000)
    };
    until(PATIENCE, "both use the small ticket", || {
        (has_it(&laptop_node) && has_it(&phone_node)).then_some(())
    });
    let (film, _) = Film::attach(&world, &laptop, 8 << 20, SLOWLY);
    until(SLOWLY, "that it is used up", || {
        phone.notices().contains(&"relay-ticket-used-up".to_owned()).then_some(())
    });
    for device in [&laptop, &phone] {
        device.run(&["relay", "add", &relays[0].ticket("2GB")]).ok();
    }
    film.await_whole(&phone_node, SLOWLY);
    film.check(&world, &phone, SLOWLY);
    phone_node.stop();
    laptop_node.stop();
}

#[test]
fn on_another_uplink_a_change_is_synced_within_seconds() {
    if is_missing() {
        return;
    }
    let _turn = turns::alone();
    let (world, mut lab) = (World::new(), Lab::new());
    let Pair { relays: _relays, hosts, laptop, laptop_node, phone } =
        Pair::new(&world, &mut lab, Kind::KeepsPorts, Kind::KeepsPorts, 1);
    let phone_node = phone.up_with(&NO_DISCOVERY);
    phone_node.await_agreement("laptop");
    until(PATIENCE, "a direct connection", || {
        (phone_node.device("laptop")["path"] == "direct").then_some(())
    });
    hosts[0].change_uplink("198.51.100.99");
    let id = laptop.add(&["note", "title=From another uplink"]);
    let changed = Instant::now();
    until(PATIENCE, "the change is there", || {
        phone_node.api.items().iter().any(|item| item["id"] == id.as_str()).then_some(())
    });
    let took = changed.elapsed();
    println!("synced {took:?} after the uplink changed");
    assert!(took < Duration::from_secs(5), "{took:?}");
    phone_node.stop();
    laptop_node.stop();
}

#[test]
fn an_attachment_comes_whole_through_a_relay_whose_circuits_are_smaller_than_its_pieces() {
    if is_missing() {
        return;
    }
    let _turn = turns::shared();
    let (world, mut lab) = (World::new(), Lab::new());
    let relay = Relay::start_plain(&lab.host(Kind::Open), &world.path().join("relay"));
    let address = relay.addresses()[..1].to_vec();
    let Pair { relays: _relays, laptop, laptop_node, phone, .. } =
        Pair::over(&world, &mut lab, [Kind::Random, Kind::Random], vec![relay], &address);
    let phone_node = phone.up_with(&NO_DISCOVERY);
    phone_node.await_agreement("laptop");
    let (film, _) = Film::attach(&world, &laptop, PLAIN_FILM, SLOWLY);
    until(PATIENCE, "the attachment is known", || (missing(&phone_node) == PLAIN_FILM).then_some(()));
    let began = Instant::now();
    let asked = film.ask(&phone_node);
    film.await_whole(&phone_node, SLOWLY);
    drop(asked);
    println!("{PLAIN_FILM} bytes in {:?} over circuits of 128 KiB", began.elapsed());
    film.check(&world, &phone, SLOWLY);
    phone_node.stop();
    laptop_node.stop();
}
