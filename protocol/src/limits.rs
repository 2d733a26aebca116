//! Every bound of this crate, with its reason.

/// Characters of a device's name: a line of a list.
pub const MAX_DEVICE_NAME_CHARS: usize = 64;

/// Operations in one device log. A person with a new phone a year and a few mistakes needs a
/// hundredth; the bound keeps the log's quadratic walks short.
pub const MAX_LOG_OPERATIONS: usize = 256;

/// The last places of a device log, which the root alone may fill: an admin device that is somebody
/// else's now and floods the log can always be taken out with the recovery phrase.
pub const LOG_OPERATIONS_KEPT_FOR_ROOT: usize = 32;

/// The last of those, which only a replacement of the root may fill: whoever has words that somebody saw,
/// and floods the log with them, does not keep new ones out.
pub const LOG_OPERATIONS_KEPT_FOR_REPLACEMENTS: usize = 8;

/// Spaces in which a revocation says up to where a device's work counts.
pub const MAX_REVOCATION_SPACES: usize = 256;

/// Heads that one operation or commit may name: as many as a log has operations, and so devices.
/// With fewer, an admin device that signs many operations side by side would stop all others, who
/// must name them all, from ever writing again.
pub const MAX_LOG_HEADS: usize = MAX_LOG_OPERATIONS;

/// Operations in one space's membership log: members let in and put out, in all. With the owner's
/// devices no more than an epoch may have recipients. A multiple of 64.
pub const MAX_MEMBERSHIP_OPERATIONS: usize = 512;

/// The last places of a membership log and of a space's epochs, which only the root's revocations and
/// replacements open: each needs an epoch, and a word for it. Else an admin device that is somebody else's now
/// and fills them could be taken out by nobody.
pub const PLACES_KEPT_FOR_ROOT: usize = 32;

/// The last of those, which only replacements of the root open: as in
/// [`LOG_OPERATIONS_KEPT_FOR_REPLACEMENTS`].
pub const PLACES_KEPT_FOR_REPLACEMENTS: usize = 8;

/// How many of these places one revocation or replacement opens: for the epoch that goes with it, and for
/// those by which devices that did not know of each other come to one again.
pub const PLACES_OF_AN_ENDING: usize = 4;

/// Operations of device logs and membership that wait for those they build on. An honest peer sends
/// causes first and needs none.
pub const MAX_WAITING_STATEMENTS: usize = 512;

/// Records that one commit names: one signature covers an import's thousand rows, and a commit
/// with all its ids stays under 64 KiB.
pub const MAX_COMMIT_RECORDS: usize = 1_024;

/// Records that one drop lists: it stays below [`MAX_RECORD_LEN`], with all the drops it may replace.
pub const MAX_DROP_IDS: usize = 30_000;

/// Attachments that are forgotten with one document: as many as a document may have.
pub const MAX_FORGOTTEN_BLOBS: usize = 1_024;

/// Drops of a space that are not settled: what a drop may replace, and a receipt may list.
pub const MAX_OPEN_DROPS: usize = 256;

/// Devices that a frontier lists, so that one frame holds it.
pub const MAX_FRONTIER_ENTRIES: usize = 256;

/// Spans of commits of one device that a frontier lists as lacking pieces of attachments: as many
/// large attachments as are left elsewhere, a few bytes each. Past this the last one covers the rest, and what
/// lies in between seems to be lacking too.
pub const MAX_LACKING_SPANS: usize = 1_024;

/// Epochs that one record is sealed under. More heads at once take as many devices that each started
/// one unseen by the others; the next epoch replaces them all.
pub const MAX_RECORD_EPOCHS: usize = 8;

/// Epochs of a space whose statements are held: with one a month, 16 years, and 64 removals.
pub const MAX_EPOCHS: usize = 256;

/// Secrets of a space's epochs that are held: that of each statement, and as many that were given with them.
pub const MAX_EPOCH_SECRETS: usize = 2 * MAX_EPOCHS;

/// Epochs that one replaces: as many heads as devices that each started one unseen by the others. The next
/// epoch replaces the rest. With it all secrets that a device may hold stay below half of [`MAX_RECORD_LEN`],
/// and with them every epoch that hands them on.
pub const MAX_REPLACED_EPOCHS: usize = 32;

/// Of these, kept free for removals: age alone starts no epoch that a removal may need later.
pub const EPOCHS_KEPT_FOR_REMOVALS: usize = 64;

/// Age at which an epoch is replaced, in milliseconds: 30 days.
pub const ROTATION_AGE_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// How much longer devices wait that were not elected to start an epoch, and how long one that was not heard
/// of is still the one that tidies for all, in milliseconds: a week.
pub const ROTATION_GRACE_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// How long a device waits before it starts an epoch for those who are in now, and as long again for
/// each admin device before it by name, in milliseconds: enough to hear from whoever is connected, over a
/// thin link too. Who is not connected is not heard of in a minute either.
pub const EPOCH_TURN_MS: i64 = 10 * 1000;

/// Recipients of one epoch: a person's devices, or the readers of a space.
pub const MAX_EPOCH_RECIPIENTS: usize = 1_024;

/// Bytes of one attachment chunk: small enough to resume after, large enough that sealing and
/// framing cost nothing.
pub const BLOB_CHUNK_LEN: usize = 256 * 1024;

/// Bytes of each piece that an attachment is cut into, but the last: with what a record adds it just
/// fills a bucket of padding. With [`BLOB_CHUNK_LEN`] three parts in a hundred would be zeros.
pub const BLOB_PIECE_LEN: usize = BLOB_CHUNK_LEN - 64;

/// Commits that wait for records or for other commits before they count. An honest peer sends in
/// causal order and needs none; past this the session is refused.
pub const MAX_PENDING_COMMITS: usize = 1_024;

/// Payload bytes of records that wait for their commit, kept in memory so that they need not be
/// read back; past this they are read back.
pub const MAX_STAGED_BYTES: usize = 16 * 1024 * 1024;

/// Bytes of one sealed record, on disk and on the wire. A chunk of an attachment fits four times;
/// a document's first change with a thousand-line note fits.
pub const MAX_RECORD_LEN: usize = 1024 * 1024;

/// Bytes of records that one frame carries before it is sent; one more record may follow.
pub const FRAME_TARGET_LEN: usize = 1024 * 1024;

/// Bytes of one session frame: the target, one record more, and their lengths.
pub const MAX_FRAME_LEN: usize = FRAME_TARGET_LEN + MAX_RECORD_LEN + 64 * 1024;

/// Bytes of records in a frame over a connection that carries little, and of a part of a record. libp2p's
/// relays carry 128 KiB in a circuit unless told otherwise, of which the handshakes take a tenth: what is
/// in the frame that does not arrive whole is then a small share.
pub const THIN_FRAME_LEN: usize = 16 * 1024;

/// Records of which the beginning is kept, of each device that sends them: a piece and another one over each
/// of two connections.
pub const MAX_BEGINNINGS: usize = 4;

/// Records that come in parts over a connection and are not whole: those that were begun before, a piece and
/// another one.
pub const MAX_ARRIVING: usize = MAX_BEGINNINGS + 2;

/// Bytes of all beginnings in a space: as much memory as two frames take.
pub const MAX_BEGUN_LEN: usize = 4 * MAX_RECORD_LEN;

/// Bytes of statements that a device showed which is out: a log that is full, and as many epochs as a person
/// has in years.
pub const MAX_SHOWN_LEN: usize = 4 * 1024 * 1024;

/// Devices that are out of which that is kept at a time.
pub const MAX_SHOWN_DEVICES: usize = 4;

/// Epochs of all spaces by which two devices may recognise each other: all of a person's own space, so that a
/// device that slept for years shares one with the others, and one that was not told of the many that a stolen
/// device stated.
pub const MAX_RECOGNITION_MARKS: usize = MAX_EPOCH_SECRETS;

/// Bytes of a frame before the other side proved to be a device: it holds the marks. It is what a stranger can
/// make a node parse.
pub const MAX_HANDSHAKE_FRAME_LEN: usize = 16 * MAX_RECOGNITION_MARKS + 64;

/// Devices whose connections a schedule keeps: as many as a device log can enrol.
pub const MAX_SCHEDULED_DEVICES: usize = MAX_LOG_OPERATIONS;

/// Neighbours without a proven name that are being tried. Somebody who announces thousands on the
/// local network then costs a few dials a second.
pub const MAX_NEIGHBOURS: usize = 64;

/// Neighbours remembered as somebody else's, so that they are not dialled at each announcement.
pub const MAX_STRANGERS: usize = 1_024;

/// Devices dialled at once, and as many neighbours: each dial tries up to sixteen addresses.
pub const MAX_DIALS_AT_ONCE: usize = 8;

/// Bytes after which the journal starts a new segment: small enough to rewrite in a second, large
/// enough that a lifetime of items is a few dozen files.
pub const SEGMENT_LEN: u64 = 64 * 1024 * 1024;

/// Bytes of one write to the journal. Ten thousand small records are then some hundred system
/// calls, and a process killed in between leaves a real torn tail rather than all or nothing.
pub const JOURNAL_PIECE_LEN: usize = 64 * 1024;

/// Bytes that recovery reads at once: a disk's read-ahead, and no whole segment in memory.
pub const JOURNAL_CHUNK_LEN: usize = 1024 * 1024;

/// Bytes of a journal's segment that are gone through in one step of rewriting it: a device that
/// writes meanwhile waits for some milliseconds, not for a whole segment.
pub const JOURNAL_COPY_LEN: u64 = 1024 * 1024;

/// Bytes in a segment that are no longer needed, below which rewriting it to save space costs more
/// syncs than anybody notices of the space.
pub const MIN_DEAD_LEN: u64 = 1024 * 1024;

/// Damaged places of a journal that are listed one by one; past this only their bytes are counted.
pub const MAX_LISTED_DAMAGE: usize = 1_024;

/// Drops that a space keeps: settled ones are merged, so that only those wait here that some device
/// has not confirmed.
pub const MAX_DROPS: usize = 256;

/// Operations of all device logs and of the membership log of a space: a hundred people with some twenty
/// devices each over the years fit many times.
pub const MAX_ROSTER_OPERATIONS: usize = 16_384;

/// Names of statements that one message lists: operations, epochs, drops, and a receipt for each device, each
/// at its own bound. They fit a frame three times.
pub const MAX_STATEMENTS: usize = MAX_ROSTER_OPERATIONS + MAX_EPOCHS + MAX_DROPS + MAX_FRONTIER_ENTRIES;

/// Pieces of an attachment that one message asks for: 4 MiB, so that a connection that breaks has
/// carried little for nothing.
pub const MAX_WANT: usize = 16;

/// Requests for pieces that wait for their answer in one session, so that the next one is there
/// before the last is served.
pub const MAX_WANTS_OPEN: usize = 2;

/// Requests for a long attachment: with [`MAX_WANTS_OPEN`] of them open, five connections that break
/// have carried less than a twentieth of it for nothing. Of a short one each asks for one piece; at
/// 100 ms of round trip that still is 5 MB/s.
pub const REQUESTS_OF_A_BLOB: u32 = 256;

/// Bytes of one message of a reconciliation.
pub const RECONCILE_FRAME_LEN: u64 = 64 * 1024;

/// Messages of reconciliations that one side answers between two of its own periodic checks: one
/// difference in 100,000 takes three. Each costs a walk over all record ids.
pub const MAX_RECONCILE_MESSAGES: u32 = 64;

/// Reconciliations that a dialer begins between two periodic checks: records that no commit names may
/// come one after the other from a third device.
pub const MAX_RECONCILIATIONS: u32 = 8;

/// Records that one reconciliation asks for; what is left is found by the next.
pub const MAX_RECONCILED: usize = 4_096;
