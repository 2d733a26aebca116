//! Epoch statements and grants: of a keeper that means harm, too, who seals what it likes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use musette_protocol::{
    codec::encode,
    crypto::{
        aead,
        kdf::{context, derive},
        kem::{KemSecret, SealedTo},
    },
    epoch::{EpochStatement, Grant, Keyring, epoch_id},
    limits::MAX_RECORD_EPOCHS,
    signed::Signed,
};
use musette_protocol_fuzz::{
    input::Input,
    member,
    world::{KEEPER, key, recovery, secret, space},
};

const RECIPIENT: u8 = 3;

/// Whatever was given, there is an epoch to write under, and handing it on loses nothing.
fn check_keyring(keyring: &Keyring) {
    let under = keyring.written_under();
    assert!((1..=MAX_RECORD_EPOCHS).contains(&under.len()) && under.is_sorted_by(|a, b| a < b));
    assert!(under.iter().all(|epoch| keyring.secret(epoch).is_some()));
    assert!(keyring.iter().all(|(epoch, secret)| epoch_id(secret) == *epoch));
    let grant = keyring.to_grant();
    let (again, _) = grant.duplicate().into_parts();
    assert_eq!(encode(&again.to_grant()), encode(&grant));
    assert_eq!(again.heads(), keyring.heads());
}

fn statement(signed: &Signed<EpochStatement>, recipient: &KemSecret) {
    let checked = signed.check(&space(), &recovery().keeper().verifying_key());
    if let Ok(keyring) = signed.open(recipient) {
        assert!(keyring.secret(&signed.body().epoch).is_some());
        check_keyring(&keyring);
    }
    if checked.is_ok() {
        assert_eq!(signed.body().keeper, key(KEEPER).verifying_key());
    }
}

/// An epoch whose earlier secrets are any bytes, properly sealed.
fn with_earlier(earlier: &[u8], recipient: &KemSecret) -> Signed<EpochStatement> {
    let (new, nonce) = (secret(10), [4; aead::NONCE_LEN]);
    let signed = EpochStatement::begin(
        space(),
        key(KEEPER),
        &new,
        &[recipient.public()],
        &Keyring::default(),
        &secret(4),
    );
    let mut body = signed.expect("the key is usable").body().clone();
    let associated = [space().as_bytes().as_slice(), body.epoch.as_bytes()].concat();
    let earlier_key = derive(context::EARLIER_SECRETS, &[new.expose()]);
    body.earlier = nonce.to_vec();
    body.earlier.extend(aead::seal(&earlier_key, &nonce, &associated, earlier));
    Signed::new(body, key(KEEPER))
}

fn grant(sealed: &SealedTo, recipient: &KemSecret) {
    if let Ok(grant) = Grant::open(sealed, recipient, b"context") {
        check_keyring(&grant.into_parts().0);
    }
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let recipient = KemSecret::from_secret(&secret(RECIPIENT));
    match input.below(4) {
        0 => {
            if let Ok(signed) = Signed::<EpochStatement>::from_bytes(input.rest()) {
                statement(&signed, &recipient);
            }
        }
        1 => statement(&member::epoch(&mut input), &recipient),
        2 => statement(&with_earlier(input.rest(), &recipient), &recipient),
        _ => {
            let to = recipient.public();
            let sealed = to.seal(b"musette epoch grant v1", b"context", input.rest(), &secret(4));
            grant(&sealed.expect("the key is usable"), &recipient);
        }
    }
});
