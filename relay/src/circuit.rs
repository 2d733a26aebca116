//! One request on libp2p's hop protocol, from its first byte to the last of its circuit.
//!
//! 1. The peer asks to be callable (RESERVE), or to be connected to another (CONNECT).
//! 2. For a circuit, the called is asked on a stream of its own whether it takes the call.
//! 3. Both are told what the circuit may carry; then bytes are carried ([`copy`]). Who pays for
//!    them is the called ([`crate::desk`]).
//!
//! Every wait but that for the circuit's own bytes has a deadline.

pub(crate) mod copy;
pub(crate) mod wire;

use std::time::Duration;

use libp2p::{PeerId, Stream};
use tokio::time::timeout;

use self::wire::{HopMessage, HopType, Peer, ReadError, Reservation, Status, StopMessage, StopType};
use crate::{
    abuse::Abuse,
    desk::{Line, Moment, Reserved},
    limits::{ENDING_DEADLINE, REQUEST_DEADLINE},
    service::{OnLine, Request, Service},
};

/// Serves a stream of hop.
pub(crate) async fn serve(service: &Service, mut stream: Stream, request: Request) {
    let message = match timeout(REQUEST_DEADLINE, wire::read::<HopMessage>(&mut stream)).await {
        Ok(Ok(message)) => message,
        Ok(Err(ReadError::Malformed)) => {
            service.tell(Abuse::Malformed, &request);
            return answer(service, &mut stream, &HopMessage::answer(Status::MalformedMessage)).await;
        }
        // Nobody is left to answer.
        Ok(Err(ReadError::Io(_))) | Err(_) => return,
    };
    match HopType::try_from(message.kind) {
        Ok(HopType::Reserve) => {
            let reply = match service.desk().reserve(request.connection, Moment::now()) {
                Ok(reserved) => reservation(reserved),
                Err(status) => HopMessage::answer(status),
            };
            answer(service, &mut stream, &reply).await;
        }
        Ok(HopType::Connect) => connect(service, stream, request, message.peer).await,
        Ok(HopType::Status) | Err(_) => {
            service.tell(Abuse::Malformed, &request);
            answer(service, &mut stream, &HopMessage::answer(Status::UnexpectedMessage)).await;
        }
    }
}

fn reservation(reserved: Reserved) -> HopMessage {
    let seconds = u64::try_from(reserved.expires.as_millis() / 1000).unwrap_or_default();
    HopMessage {
        reservation: Some(Reservation { expires: seconds, addresses: reserved.addresses }),
        limit: Some(reserved.limit),
        ..HopMessage::answer(Status::Ok)
    }
}

/// Answers, if the peer takes it in time; counts what was answered.
async fn answer(service: &Service, stream: &mut Stream, reply: &HopMessage) {
    service.metrics.answered(reply.status());
    // A peer that does not take its answer has none.
    let _ = timeout(REQUEST_DEADLINE, async {
        wire::write(stream, reply).await?;
        futures::AsyncWriteExt::close(stream).await
    })
    .await;
}

async fn connect(service: &Service, mut stream: Stream, request: Request, called: Option<Peer>) {
    let Some(called) = called.and_then(|peer| PeerId::from_bytes(&peer.id).ok()) else {
        service.tell(Abuse::Malformed, &request);
        return answer(service, &mut stream, &HopMessage::answer(Status::MalformedMessage)).await;
    };
    let line = service.desk().call(request.connection, called, Moment::now());
    let line = match line {
        Ok(line) => OnLine::new(service, line),
        Err(status) => return answer(service, &mut stream, &HopMessage::answer(status)).await,
    };
    let Ok(Some(other)) = timeout(REQUEST_DEADLINE, ask(service, &line)).await else {
        return answer(service, &mut stream, &HopMessage::answer(Status::ConnectionFailed)).await;
    };
    service.metrics.answered(Status::Ok);
    let reply = HopMessage { limit: Some(line.limit), ..HopMessage::answer(Status::Ok) };
    if !matches!(timeout(REQUEST_DEADLINE, wire::write(&mut stream, &reply)).await, Ok(Ok(()))) {
        return;
    }
    // From here on this is a circuit, not a request.
    drop(request);
    let life = Duration::from_secs(line.limit.seconds.unwrap_or_default().into());
    let orderly = tokio::select! {
        ended = timeout(life, copy::both_ways(stream, other, &line.budget, ENDING_DEADLINE)) => matches!(ended, Ok(Ok(()))),
        () = line.broken() => false,
    };
    tracing::debug!(orderly, "a circuit ended");
}

/// Asks the called whether it takes the call; its stream, if it does.
async fn ask(service: &Service, line: &Line) -> Option<Stream> {
    let mut stream = service.commands.open(line.called, line.connection).await?;
    let call = StopMessage {
        kind: StopType::Connect.into(),
        peer: Some(Peer { id: line.caller_peer.to_bytes(), addresses: Vec::new() }),
        limit: Some(line.limit),
        status: None,
    };
    wire::write(&mut stream, &call).await.ok()?;
    let reply: StopMessage = wire::read(&mut stream).await.ok()?;
    (reply.kind() == StopType::Status && reply.status() == Status::Ok).then_some(stream)
}
