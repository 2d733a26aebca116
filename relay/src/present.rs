//! One ticket presented, and the answer: `protocol/spec/relaying.md`.

use futures::AsyncWriteExt;
use libp2p::Stream;
use musette_protocol::{
    codec::{decode, encode},
    relaying::{MAX_FRAME_LEN, Message, Refusal},
};
use tokio::time::timeout;

use crate::{
    abuse::Abuse,
    circuit::wire::{ReadError, read_frame, write_frame},
    desk::Moment,
    limits::REQUEST_DEADLINE,
    service::{Request, Service},
};

/// Serves a stream on which a ticket is presented.
pub(crate) async fn serve(service: &Service, mut stream: Stream, request: Request) {
    let outcome = match timeout(REQUEST_DEADLINE, read_frame(&mut stream, MAX_FRAME_LEN)).await {
        Ok(Ok(frame)) => match decode(&frame) {
            Ok(Message::Present { ticket }) => {
                service.desk().present(request.connection, &ticket, Moment::now())
            }
            Ok(Message::Admitted(_) | Message::Refused(_)) | Err(_) => malformed(service, &request),
        },
        Ok(Err(ReadError::Malformed)) => malformed(service, &request),
        // Nobody is left to answer.
        Ok(Err(ReadError::Io(_))) | Err(_) => return,
    };
    service.metrics.presented(outcome.err());
    let reply = encode(&outcome.map_or_else(Message::Refused, Message::Admitted));
    // A peer that does not take its answer has none.
    let _ = timeout(REQUEST_DEADLINE, async {
        write_frame(&mut stream, &reply).await?;
        stream.close().await
    })
    .await;
}

fn malformed<T>(service: &Service, request: &Request) -> Result<T, Refusal> {
    service.tell(Abuse::Malformed, request);
    Err(Refusal::Malformed)
}
