//! What was carried on each ticket: the one thing that the relay remembers beyond a connection.
//!
//! The file `usage` holds one line a ticket: its id, bytes used, its end in milliseconds since 1970.
//! It is written whole, now and then, so a crash gives back at most what was carried in between.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use data_encoding::HEXLOWER;
use musette_protocol::{
    relaying::{TicketId, ticket::Terms},
    time::Timestamp,
};

use crate::{
    circuit::copy::take_up_to,
    limits::{MAX_TICKETS, MAX_USAGE_FILE_BYTES, USELESS_BYTES},
};

const HEAD: &str = "musette-relay usage 1";

/// Bytes that somebody may have carried, and those that were.
#[derive(Debug)]
pub(crate) struct Account {
    quota: u64,
    expires: Timestamp,
    used: AtomicU64,
}

impl Account {
    pub(crate) fn new(quota: u64, expires: Timestamp, used: u64) -> Self {
        Self { quota, expires, used: AtomicU64::new(used) }
    }

    pub(crate) const fn expires(&self) -> Timestamp {
        self.expires
    }

    pub(crate) fn left(&self) -> u64 {
        self.quota.saturating_sub(self.used.load(Ordering::Relaxed))
    }

    /// Whether so little is left that nothing can be carried with it: whoever holds the ticket has to be
    /// told that it is at its end.
    pub(crate) fn is_used_up(&self) -> bool {
        self.left() < USELESS_BYTES
    }

    /// Takes so many bytes, if so many are left.
    pub(crate) fn take(&self, bytes: u64) -> bool {
        take_up_to(&self.used, bytes, self.quota)
    }
}

/// Why the file cannot be used. To start without it would give every ticket its bytes again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LedgerError {
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("{} is damaged: remove it, and every ticket has its whole quota again", path.display())]
    Damaged { path: PathBuf },
}

/// What is known of one ticket.
struct Entry {
    used: u64,
    expires: Timestamp,
    /// While somebody uses it.
    account: Option<Arc<Account>>,
}

impl Entry {
    fn used(&self) -> u64 {
        self.account.as_ref().map_or(self.used, |account| account.used.load(Ordering::Relaxed))
    }
}

/// All tickets that were used.
#[derive(Default)]
pub(crate) struct Ledger {
    entries: HashMap<TicketId, Entry>,
    /// What was written last.
    written: String,
}

impl Ledger {
    /// Reads the file; none is one without entries.
    ///
    /// # Errors
    /// When it cannot be read, or holds something else.
    pub(crate) fn load(path: &Path) -> Result<Self, LedgerError> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::InvalidData => LedgerError::Damaged { path: path.to_owned() },
            _ => LedgerError::Io { path: path.to_owned(), error },
        };
        let mut text = String::new();
        match File::open(path) {
            Ok(file) => file.take(MAX_USAGE_FILE_BYTES).read_to_string(&mut text).map_err(failed)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(failed(error)),
        };
        Self::parse(text).ok_or_else(|| LedgerError::Damaged { path: path.to_owned() })
    }

    fn parse(text: String) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.lines();
        lines.next().filter(|head| *head == HEAD)?;
        let entries = lines.map(entry).collect::<Option<HashMap<_, _>>>()?;
        (entries.len() <= MAX_TICKETS).then_some(Self { entries, written: text })
    }

    /// The account of a ticket; none when more tickets are in use than can be remembered.
    pub(crate) fn account(&mut self, terms: &Terms) -> Option<Arc<Account>> {
        if self.entries.len() >= MAX_TICKETS && !self.entries.contains_key(&terms.id) {
            return None;
        }
        let new = Entry { used: 0, expires: terms.expires, account: None };
        let entry = self.entries.entry(terms.id).or_insert(new);
        let used = entry.used;
        let account =
            entry.account.get_or_insert_with(|| Arc::new(Account::new(terms.quota, terms.expires, used)));
        Some(Arc::clone(account))
    }

    /// Forgets tickets that have expired and are used by nobody.
    pub(crate) fn sweep(&mut self, now: Timestamp) {
        for entry in self.entries.values_mut() {
            let used = entry.used();
            if entry.account.take_if(|account| Arc::strong_count(account) == 1).is_some() {
                entry.used = used;
            }
        }
        self.entries.retain(|_, entry| entry.expires > now || entry.account.is_some());
    }

    /// What the file should hold, if that is not what was written last. Sorted, so that the order
    /// tells nothing.
    pub(crate) fn unwritten(&self) -> Option<String> {
        let mut lines: Vec<String> =
            self.entries.iter().filter(|(_, entry)| entry.used() > 0).map(line).collect();
        lines.sort_unstable();
        let text = format!("{HEAD}\n{}", lines.concat());
        (text != self.written).then_some(text)
    }

    /// Notes that this was written.
    pub(crate) fn written(&mut self, text: String) {
        self.written = text;
    }
}

fn line((id, entry): (&TicketId, &Entry)) -> String {
    format!("{} {} {}\n", HEXLOWER.encode(id.as_bytes()), entry.used(), entry.expires.as_millis())
}

fn entry(line: &str) -> Option<(TicketId, Entry)> {
    let mut words = line.split(' ');
    let id = HEXLOWER.decode(words.next()?.as_bytes()).ok()?.try_into().ok()?;
    let used = words.next()?.parse().ok()?;
    let expires = Timestamp::from_millis(words.next()?.parse().ok()?);
    words.next().is_none().then_some((TicketId::from_bytes(id), Entry { used, expires, account: None }))
}

#[cfg(test)]
mod tests {
    use musette_protocol::crypto::sign::VerifyingKey;

    use super::*;
    use crate::files;

    const END: Timestamp = Timestamp::from_millis(1_795_000_000_000);

    fn terms(id: u8) -> Terms {
        let (relay, id) = (VerifyingKey::from_bytes([1; 32]), TicketId::from_bytes([id; 16]));
        Terms { relay, addresses: Vec::new(), id, expires: END, quota: 1000 }
    }

    fn reloaded(ledger: &Ledger) -> Ledger {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("usage");
        files::replace(&path, ledger.unwritten().unwrap().as_bytes()).unwrap();
        Ledger::load(&path).unwrap()
    }

    #[test]
    fn what_was_used_stays_used() {
        let mut ledger = Ledger::default();
        assert!(ledger.account(&terms(1)).unwrap().take(600));
        let mut again = reloaded(&ledger);
        assert_eq!(again.unwritten(), None, "nothing has changed");
        let account = again.account(&terms(1)).unwrap();
        assert_eq!(account.left(), 400);
        assert!(!account.take(401) && account.take(400) && !account.take(1));
        assert_eq!(again.account(&terms(2)).unwrap().left(), 1000, "another ticket");
    }

    #[test]
    fn nobody_gets_bytes_twice_by_coming_and_going() {
        let mut ledger = Ledger::default();
        assert!(ledger.account(&terms(1)).unwrap().take(600));
        ledger.sweep(END.plus_millis(-1));
        assert_eq!(ledger.account(&terms(1)).unwrap().left(), 400);
    }

    #[test]
    fn an_expired_ticket_is_forgotten_once_nobody_uses_it() {
        let mut ledger = Ledger::default();
        let account = ledger.account(&terms(1)).unwrap();
        ledger.sweep(END);
        assert_eq!(ledger.entries.len(), 1);
        drop(account);
        ledger.sweep(END);
        assert!(ledger.entries.is_empty());
    }

    #[test]
    fn a_damaged_file_is_not_taken_for_an_empty_one() {
        let good = format!("{HEAD}\n{} 600 1795000000000\n", "05".repeat(16));
        assert!(Ledger::parse(good.clone()).is_some());
        for at in 0..good.len() {
            assert!(at == HEAD.len() + 1 || Ledger::parse(good[..at].to_owned()).is_none(), "{at}");
        }
        assert!(Ledger::parse(good.replace("600", "-1")).is_none());
        assert!(Ledger::parse(good.replace("usage 1", "usage 2")).is_none());
    }
}
