//! Every bound of this crate, with its reason.

/// Characters of a device's name: a line of a list.
pub const MAX_DEVICE_NAME_CHARS: usize = 64;

/// Operations in one device log. A person with a new phone a year and a few mistakes needs a
/// hundredth; the bound keeps the log's quadratic walks short.
pub const MAX_LOG_OPERATIONS: usize = 256;

/// Heads that one operation or commit may name: as many as a log has operations, and so devices.
/// With fewer, an admin device that signs many operations side by side would stop all others, who
/// must name them all, from ever writing again.
pub const MAX_LOG_HEADS: usize = MAX_LOG_OPERATIONS;

/// Records that one commit names: one signature covers an import's thousand rows, and a commit
/// with all its ids stays under 64 KiB.
pub const MAX_COMMIT_RECORDS: usize = 1_024;

/// Devices and epochs that a frontier lists, so that one frame holds it.
pub const MAX_FRONTIER_ENTRIES: usize = 256;

/// Recipients of one epoch: a person's devices, or the readers of a space.
pub const MAX_EPOCH_RECIPIENTS: usize = 1_024;

/// Bytes of one attachment chunk: small enough to resume after, large enough that sealing and
/// framing cost nothing.
pub const BLOB_CHUNK_LEN: usize = 256 * 1024;

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

/// Bytes of a frame before the other side proved to be a device: a proof needs a third. It is what a
/// stranger can make a node parse.
pub const MAX_HANDSHAKE_FRAME_LEN: usize = 512;

/// Epochs by which two members may recognise each other: a device that slept for half a year
/// still shares one of the last eight.
pub const MAX_RECOGNITION_MARKS: usize = 8;

/// Bytes after which the journal starts a new segment: small enough to rewrite in a second, large
/// enough that a lifetime of items is a few dozen files.
pub const SEGMENT_LEN: u64 = 64 * 1024 * 1024;

/// Bytes of one write to the journal. Ten thousand small records are then some hundred system
/// calls, and a process killed in between leaves a real torn tail rather than all or nothing.
pub const JOURNAL_PIECE_LEN: usize = 64 * 1024;

/// Bytes that recovery reads at once: a disk's read-ahead, and no whole segment in memory.
pub const JOURNAL_CHUNK_LEN: usize = 1024 * 1024;

/// Damaged places of a journal that are listed one by one; past this only their bytes are counted.
pub const MAX_LISTED_DAMAGE: usize = 1_024;
