//! Changing a role's password as `psql`'s `\password` does: the server gets what it stores, not the password, so that no log of
//! statements has it.

use crate::{
    backup::libpq::{Server, feed},
    failure::Failure,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use inventory_app::secrets::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

/// PostgreSQL's own number (`scram_iterations`).
const ITERATIONS: u32 = 4_096;
const SALT_BYTES: usize = 16;

/// Gives `role` this password.
pub(super) async fn change(server: &Server, role: &str, password: &SecretString) -> Result<(), Failure> {
    let mut salt = [0; SALT_BYTES];
    getrandom::fill(&mut salt).map_err(|error| Failure::Internal(error.to_string()))?;
    let verifier = verifier(password.expose_secret(), &salt);
    let role = role.replace('"', "\"\"");
    feed(server, &format!("ALTER ROLE \"{role}\" PASSWORD '{verifier}';\n")).await
}

/// What PostgreSQL keeps of a password: RFC 5802, section 3, with SHA-256. The password is ASCII, so that SASLprep changes nothing.
fn verifier(password: &str, salt: &[u8]) -> String {
    let mut block = salt.to_vec();
    block.extend_from_slice(&1_u32.to_be_bytes());
    let mut last = mac(password.as_bytes(), &block);
    let mut salted = last;
    for _ in 1..ITERATIONS {
        last = mac(password.as_bytes(), &last);
        for (byte, other) in salted.iter_mut().zip(last) {
            *byte ^= other;
        }
    }
    let stored: [u8; 32] = Sha256::digest(mac(&salted, b"Client Key")).into();
    let encoded = |bytes: &[u8]| BASE64_STANDARD.encode(bytes);
    format!(
        "SCRAM-SHA-256${ITERATIONS}:{}${}:{}",
        encoded(salt),
        encoded(&stored),
        encoded(&mac(&salted, b"Server Key"))
    )
}

fn mac(key: &[u8], text: &[u8]) -> [u8; 32] {
    // A key of any length is one.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|_| unreachable!());
    mac.update(text);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verifier_is_the_one_of_the_specification() {
        // RFC 7677, section 3: user "user", password "pencil".
        let salt = BASE64_STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let text = verifier("pencil", &salt);
        let (head, keys) = text.rsplit_once('$').unwrap();
        assert_eq!(head, "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==");
        let (_, server_key) = keys.split_once(':').unwrap();
        // The specification shows what the server signs with its key.
        let message = "n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                       s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let signature = mac(&BASE64_STANDARD.decode(server_key).unwrap(), message.as_bytes());
        assert_eq!(
            BASE64_STANDARD.encode(signature),
            "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
        );
    }
}
