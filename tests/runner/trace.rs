//! What the system was asked for, in which order: nothing is acknowledged or sent before its fsync.

use std::fs;

use musette_tests::{
    need,
    process::{Node, Process},
    turns,
    world::{LOOPBACK, World, await_same_list},
};

/// A system call: the lines of the trace at which it began and ended, its text, what it returned.
#[derive(Debug)]
struct Call {
    began: usize,
    ended: usize,
    text: String,
    returned: i64,
}

/// Bytes of a datagram that can hold a change: what keeps a connection alive is far shorter.
const PAYLOAD: i64 = 300;
/// Bytes of a mark, which the journal writes after the fsync to remember it.
const MARK: i64 = 64;
const RECEIVING: [&str; 3] = ["read", "recvfrom", "recvmsg"];
const SENDING: [&str; 4] = ["write", "writev", "sendto", "sendmsg"];
const WATCHED: &str = "trace=read,recvfrom,recvmsg,write,writev,pwrite64,pwritev,fdatasync,fsync,sendto,sendmsg,sendmmsg,openat";

/// Reads a trace of several threads; a call that was interrupted has two lines.
fn calls(trace: &str) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    let mut open: std::collections::HashMap<&str, usize> = std::collections::HashMap::new();
    for (number, line) in trace.lines().enumerate() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        let returned = |text: &str| -> i64 {
            let result = text.rsplit_once(" = ").map_or("", |(_, result)| result);
            result.split([' ', '<']).next().and_then(|result| result.parse().ok()).unwrap_or(-1)
        };
        if rest.starts_with("<... ") {
            if let Some(index) = open.remove(thread) {
                calls[index].ended = number;
                calls[index].text.push_str(rest);
                calls[index].returned = returned(rest);
            }
        } else if rest.ends_with("<unfinished ...>") {
            open.insert(thread, calls.len());
            calls.push(Call { began: number, ended: usize::MAX, text: rest.to_owned(), returned: -1 });
        } else {
            calls.push(Call {
                began: number,
                ended: number,
                text: rest.to_owned(),
                returned: returned(rest),
            });
        }
    }
    calls
}

impl Call {
    fn is(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.text.starts_with(&format!("{name}(")))
    }

    fn is_journal_write(&self) -> bool {
        self.is(&["write", "writev", "pwrite64", "pwritev"]) && first(&self.text).contains(".seg>")
    }

    fn is_journal_sync(&self) -> bool {
        self.is(&["fdatasync", "fsync"]) && self.text.contains(".seg>") && self.returned == 0
    }

    fn is_datagram(&self) -> bool {
        self.is(&["sendto", "sendmsg", "sendmmsg"]) && !first(&self.text).contains("UNIX")
    }
}

/// The first argument, which `-y` spells out.
fn first(text: &str) -> &str {
    text.split(',').next().unwrap_or_default()
}

/// Judges the one request that speaks of `title`; gives how long the datagram behind it was.
fn judge(calls: &[Call], title: &str) -> Result<i64, String> {
    let speaks = |call: &Call| call.text.contains(title) && first(&call.text).contains("UNIX");
    let asked = calls.iter().position(|call| speaks(call) && call.is(&RECEIVING)).ok_or("no request")?;
    let answered = calls[asked..].iter().find(|call| speaks(call) && call.is(&SENDING)).ok_or("no answer")?;
    let asked = &calls[asked];
    let during = || calls.iter().filter(|call| call.began > asked.began && call.began < answered.began);
    let first_write = during().find(|call| call.is_journal_write()).ok_or("nothing was written")?;
    let records = during().filter(|call| call.is_journal_write() && call.returned > MARK);
    let written = records.map(|call| call.ended).max().ok_or("only a mark was written")?;
    let is_durable =
        |call: &&Call| call.is_journal_sync() && call.began > written && call.ended < answered.began;
    let sync = during().find(is_durable).ok_or("acknowledged before the fsync of what was written")?;
    let carries = |call: &&Call| call.is_datagram() && call.returned > PAYLOAD;
    let early =
        calls.iter().filter(|call| call.began > first_write.began && call.began < sync.ended).find(carries);
    if let Some(early) = early {
        return Err(format!("sent before its fsync: {early:?}"));
    }
    let sent = calls.iter().filter(|call| call.began > sync.ended).find(carries);
    sent.map(|call| call.returned).ok_or_else(|| "never sent".to_owned())
}

#[test]
fn nothing_is_acknowledged_or_sent_before_its_fsync() {
    if !need::privileges(&["strace"]) {
        return;
    }
    let _turn = turns::shared();
    let world = World::new();
    let (laptop, phone, laptop_node, phone_node) = world.pair(|_| ());
    laptop_node.stop();
    let file = world.path().join("trace");
    let musette = laptop.command(&[&["up"], &LOOPBACK[..]].concat());
    let mut strace = std::process::Command::new("strace");
    strace.args(["-f", "-y", "-yy", "-s", "4096", "-e", WATCHED, "-e", "signal=none", "-o"]).arg(&file);
    strace.arg(musette.get_program()).args(musette.get_args()).env_clear();
    strace.envs(musette.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let node = Node::await_up(&laptop, Process::start(strace, laptop.new_log(&["strace"])));
    node.await_agreement("phone");
    // The first brings the connection to its full datagram size: probes are as long as payloads.
    let titles: Vec<String> = (0..6).map(|number| format!("Traced-{number}")).collect();
    for title in &titles {
        let body = serde_json::json!({ "kind": "note", "fields": { "title": title } });
        node.api.post("/v1/items", &body);
        await_same_list(&node, &phone_node);
        node.await_agreement("phone");
    }
    stop_traced(&laptop, node);
    phone_node.stop();
    assert_eq!(phone.list()["items"].as_array().map(Vec::len), Some(titles.len()));
    let trace = String::from_utf8_lossy(&fs::read(&file).unwrap()).into_owned();
    let calls = calls(&trace);
    let sent: Vec<i64> = titles[1..]
        .iter()
        .map(|title| judge(&calls, title).unwrap_or_else(|wrong| panic!("{title}: {wrong}")))
        .collect();
    println!("fsync before answer and before datagrams of {sent:?} bytes");
}

/// strace keeps signals to itself: the traced node is asked directly.
fn stop_traced(laptop: &musette_tests::world::Device, mut node: Node) {
    let children = format!("/proc/{0}/task/{0}/children", node.process().id());
    let children = fs::read_to_string(children).unwrap();
    let id: i32 = children.split_whitespace().next().unwrap().parse().unwrap();
    let id = rustix::process::Pid::from_raw(id).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    musette_tests::wait::until(musette_tests::wait::PATIENCE, "the traced node ends", || {
        node.process().ended()
    });
    laptop.run(&["list"]).ok();
}

#[test]
fn the_judge_sees_a_wrong_order() {
    let line = |word: &str| match word {
        "ask" => r#"1  recvfrom(9<UNIX-STREAM:[1]>, "{\"title\":\"T-1\"}") = 90"#,
        "write" => r#"2 pwrite64(7</j/00000001.seg>, "x", 700, 9) = 700"#,
        "sync" => "2 fdatasync(7</j/00000001.seg>) = 0",
        "failed sync" => "2 fdatasync(7</j/00000001.seg>) = -1 EIO",
        "begin sync" => "2 fdatasync(7</j/00000001.seg> <unfinished ...>",
        "end sync" => "2 <... fdatasync resumed>) = 0",
        "answer" => r#"1 writev(9<UNIX-STREAM:[1]>, [{iov_base="HTTP/1.1 200 OK T-1"}], 1) = 99"#,
        "send" => "3 sendmsg(5<UDP:[1]>, {}, 0) = 900",
        "ping" => "3 sendmsg(5<UDP:[1]>, {}, 0) = 60",
        other => panic!("{other}"),
    };
    let judged = |order: &[&str]| {
        let lines: Vec<&str> = order.iter().map(|word| line(word)).collect();
        judge(&calls(&lines.join("\n")), "T-1")
    };
    assert_eq!(judged(&["ask", "write", "ping", "sync", "answer", "send"]), Ok(900));
    assert_eq!(judged(&["ask", "write", "begin sync", "ping", "end sync", "send", "answer"]), Ok(900));
    for wrong in [
        &["ask", "write", "answer", "sync", "send"][..],
        &["ask", "sync", "write", "answer", "send"],
        &["ask", "write", "failed sync", "answer", "send"],
        &["ask", "write", "begin sync", "answer", "end sync", "send"],
        &["ask", "write", "begin sync", "send", "end sync", "answer", "send"],
        &["ask", "write", "send", "sync", "answer", "send"],
        &["ask", "write", "sync", "answer", "ping"],
        &["ask", "answer", "send"],
    ] {
        assert!(judged(wrong).is_err(), "{wrong:?}");
    }
}
