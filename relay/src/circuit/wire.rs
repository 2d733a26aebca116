//! The messages of libp2p's circuit relay v2, and how messages lie on a stream.
//!
//! The numbers are those of the [specification](https://github.com/libp2p/specs/blob/master/relay/circuit-v2.md).
//! Reading takes no byte beyond a message: what follows is already the other end's.

use std::io;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use prost::Message;

use crate::limits::MAX_MESSAGE_BYTES;

/// What somebody asks the relay, and what it answers.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct HopMessage {
    #[prost(enumeration = "HopType", required, tag = "1")]
    pub(crate) kind: i32,
    #[prost(message, optional, tag = "2")]
    pub(crate) peer: Option<Peer>,
    #[prost(message, optional, tag = "3")]
    pub(crate) reservation: Option<Reservation>,
    #[prost(message, optional, tag = "4")]
    pub(crate) limit: Option<Limit>,
    #[prost(enumeration = "Status", optional, tag = "5")]
    pub(crate) status: Option<i32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, prost::Enumeration)]
pub(crate) enum HopType {
    Reserve = 0,
    Connect = 1,
    Status = 2,
}

/// What the relay asks whoever is called, and what that answers.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct StopMessage {
    #[prost(enumeration = "StopType", required, tag = "1")]
    pub(crate) kind: i32,
    #[prost(message, optional, tag = "2")]
    pub(crate) peer: Option<Peer>,
    #[prost(message, optional, tag = "3")]
    pub(crate) limit: Option<Limit>,
    #[prost(enumeration = "Status", optional, tag = "4")]
    pub(crate) status: Option<i32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, prost::Enumeration)]
pub(crate) enum StopType {
    Connect = 0,
    Status = 1,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Peer {
    #[prost(bytes = "vec", required, tag = "1")]
    pub(crate) id: Vec<u8>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub(crate) addresses: Vec<Vec<u8>>,
}

/// Without the voucher that the specification allows: nobody asks for one.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Reservation {
    /// Seconds since 1970.
    #[prost(uint64, required, tag = "1")]
    pub(crate) expires: u64,
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub(crate) addresses: Vec<Vec<u8>>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct Limit {
    #[prost(uint32, optional, tag = "1")]
    pub(crate) seconds: Option<u32>,
    #[prost(uint64, optional, tag = "2")]
    pub(crate) bytes: Option<u64>,
}

/// How a request ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, prost::Enumeration)]
pub(crate) enum Status {
    Ok = 100,
    ReservationRefused = 200,
    ResourceLimitExceeded = 201,
    PermissionDenied = 202,
    ConnectionFailed = 203,
    NoReservation = 204,
    MalformedMessage = 400,
    UnexpectedMessage = 401,
}

impl HopMessage {
    /// An answer that is nothing but a status.
    pub(crate) fn answer(status: Status) -> Self {
        Self { kind: HopType::Status.into(), status: Some(status.into()), ..Self::default() }
    }
}

/// A message that could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("the stream ended or failed: {0}")]
    Io(#[from] io::Error),
    #[error("too long, or no message")]
    Malformed,
}

/// Reads one message: its length as a varint, then protobuf.
pub(crate) async fn read<M: Message + Default>(
    stream: &mut (impl AsyncRead + Unpin),
) -> Result<M, ReadError> {
    let mut len = 0;
    for shift in [0, 7] {
        let mut byte = [0];
        stream.read_exact(&mut byte).await?;
        len |= usize::from(byte[0] & 0x7f) << shift;
        if byte[0] & 0x80 == 0 {
            let mut bytes = within(len, MAX_MESSAGE_BYTES)?;
            stream.read_exact(&mut bytes).await?;
            return M::decode(bytes.as_slice()).map_err(|_| ReadError::Malformed);
        }
    }
    Err(ReadError::Malformed)
}

/// Writes one message.
pub(crate) async fn write<M: Message>(stream: &mut (impl AsyncWrite + Unpin), message: &M) -> io::Result<()> {
    stream.write_all(&message.encode_length_delimited_to_vec()).await?;
    stream.flush().await
}

/// Reads a frame of Musette's own: its length in four bytes, big-endian, then that many.
pub(crate) async fn read_frame(
    stream: &mut (impl AsyncRead + Unpin),
    max: usize,
) -> Result<Vec<u8>, ReadError> {
    let mut len = [0; 4];
    stream.read_exact(&mut len).await?;
    let len = usize::try_from(u32::from_be_bytes(len)).map_err(|_| ReadError::Malformed)?;
    let mut bytes = within(len, max)?;
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

/// Writes such a frame.
pub(crate) async fn write_frame(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    let len = u32::try_from(bytes.len()).expect("frames are bounded");
    stream.write_all(&[&len.to_be_bytes()[..], bytes].concat()).await?;
    stream.flush().await
}

fn within(len: usize, max: usize) -> Result<Vec<u8>, ReadError> {
    if len <= max { Ok(vec![0; len]) } else { Err(ReadError::Malformed) }
}

#[cfg(test)]
mod tests {
    use futures::{executor::block_on, io::Cursor};

    use super::*;

    fn parse(bytes: &[u8]) -> Result<HopMessage, ReadError> {
        block_on(read(&mut Cursor::new(bytes)))
    }

    #[test]
    fn a_request_of_another_implementation_is_read_and_nothing_behind_it() {
        // CONNECT to the peer `ab cd`, as the specification's protobuf has it, then three bytes of the circuit.
        let bytes = [8, 0x08, 1, 0x12, 4, 0x0a, 2, 0xab, 0xcd, 7, 7, 7];
        let mut stream = Cursor::new(&bytes);
        let message: HopMessage = block_on(read(&mut stream)).unwrap();
        assert_eq!(message.kind(), HopType::Connect);
        assert_eq!(message.peer.unwrap().id, [0xab, 0xcd]);
        assert_eq!(stream.position(), 9);
    }

    #[test]
    fn an_answer_is_what_the_specification_writes() {
        let mut answer = HopMessage::answer(Status::Ok);
        answer.limit = Some(Limit { seconds: Some(60), bytes: Some(300) });
        let mut bytes = Vec::new();
        block_on(write(&mut bytes, &answer)).unwrap();
        assert_eq!(bytes, [11, 0x08, 2, 0x22, 5, 0x08, 60, 0x10, 0xac, 2, 0x28, 100]);
    }

    #[test]
    fn what_is_too_long_or_no_message_is_refused_unread() {
        assert!(matches!(parse(&[0x81, 0x20]), Err(ReadError::Malformed)), "4097 bytes announced");
        assert!(matches!(parse(&[0x80, 0x80, 0x01]), Err(ReadError::Malformed)), "a third byte of length");
        assert!(matches!(parse(&[1, 0xff]), Err(ReadError::Malformed)));
        assert!(matches!(parse(&[5, 8]), Err(ReadError::Io(_))), "cut off");
        let frame = block_on(read_frame(&mut Cursor::new([0xff; 8]), 4096));
        assert!(matches!(frame, Err(ReadError::Malformed)));
    }
}
