//! Ports for programs that are told a number and then listen themselves: between the choice and their bind nobody else may
//! take it.
//!
//! A port that the system hands out for 0 is handed out again, to whoever asks next or just connects to somewhere. So these
//! are taken from outside of what the system hands out, and each is reserved against other hosts, by a name that the kernel
//! takes back when the process ends, however it ends.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::RangeInclusive;

/// Where the system says which ports it hands out by itself.
const HANDED_OUT: &str = "/proc/sys/net/ipv4/ip_local_port_range";
/// Below are the ports of well-known services.
const LOWEST: u16 = 20_000;
/// A smaller range than this is of no use.
const PORTS_MIN: usize = 1_000;

/// A free port on 127.0.0.1, kept from other hosts as long as this lives. It is not bound.
#[derive(Debug)]
pub struct KeptPort {
    number: u16,
    #[cfg(target_os = "linux")]
    _reservation: Option<std::os::unix::net::UnixListener>,
}

impl KeptPort {
    /// Chooses one.
    ///
    /// # Errors
    /// When none is free.
    pub fn choose() -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        if let Some(range) = not_handed_out() {
            let count = range.len();
            // Any place to begin will do; hosts that start at once should not all try the same ones.
            let start = (uuid::Uuid::new_v4().as_u128() % count as u128) as usize;
            for number in range.clone().cycle_from(start) {
                if let Some(reservation) = reserve(number)?
                    && is_free(number)
                {
                    return Ok(Self {
                        number,
                        _reservation: Some(reservation),
                    });
                }
            }
        }
        // The kernel hands the same one out again late.
        let number = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        Ok(Self::unreserved(number))
    }

    /// One that somebody else has chosen, if it is free.
    ///
    /// # Errors
    /// When it is not.
    pub fn fixed(number: u16) -> io::Result<Self> {
        TcpListener::bind((Ipv4Addr::LOCALHOST, number))?;
        Ok(Self::unreserved(number))
    }

    fn unreserved(number: u16) -> Self {
        Self {
            number,
            #[cfg(target_os = "linux")]
            _reservation: None,
        }
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.number
    }
}

/// The ports that the system never hands out by itself.
#[cfg(target_os = "linux")]
fn not_handed_out() -> Option<RangeInclusive<u16>> {
    around(&std::fs::read_to_string(HANDED_OUT).ok()?)
}

/// What is below, else above, of two numbers in a text.
fn around(handed_out: &str) -> Option<RangeInclusive<u16>> {
    let mut numbers = handed_out.split_whitespace().map(str::parse::<u16>);
    let (first, last) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    let below = LOWEST..=first.saturating_sub(1);
    let above = last.checked_add(1)?.max(LOWEST)..=u16::MAX;
    [below, above].into_iter().find(|range| range.len() >= PORTS_MIN)
}

/// Takes the name of a port; `None`: another host has it. The names belong to the network, as ports do.
#[cfg(target_os = "linux")]
fn reserve(number: u16) -> io::Result<Option<std::os::unix::net::UnixListener>> {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::{SocketAddr, UnixListener};
    let name = SocketAddr::from_abstract_name(format!("devhost-port-{number}"))?;
    match UnixListener::bind_addr(&name) {
        Ok(reservation) => Ok(Some(reservation)),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(target_os = "linux")]
fn is_free(number: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok()
}

#[cfg(target_os = "linux")]
trait CycleFrom {
    fn cycle_from(self, start: usize) -> impl Iterator<Item = u16>;
}

#[cfg(target_os = "linux")]
impl CycleFrom for RangeInclusive<u16> {
    /// Each once, beginning in the middle.
    fn cycle_from(self, start: usize) -> impl Iterator<Item = u16> {
        let before = self.clone().take(start);
        self.skip(start).chain(before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_outside_of_what_the_system_hands_out() {
        assert_eq!(around("32768\t60999\n"), Some(20_000..=32_767));
        assert_eq!(around("1024 40000"), Some(40_001..=65_535));
        for none in ["1024 65535", "20100 65000", "", "a b", "5"] {
            assert_eq!(around(none), None, "{none}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_port_is_kept_from_others_and_comes_back() {
        let one = KeptPort::choose().expect("a port");
        assert!(reserve(one.number()).expect("a name").is_none(), "it is kept");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, one.number())).expect("it is free to be bound");
        assert!(KeptPort::fixed(one.number()).is_err(), "taken");
        drop(listener);
        let number = one.number();
        drop(one);
        assert!(reserve(number).expect("a name").is_some());
        let many: Vec<_> = (0..50).map(|_| KeptPort::choose().expect("a port")).collect();
        let numbers: std::collections::BTreeSet<_> = many.iter().map(KeptPort::number).collect();
        assert_eq!(numbers.len(), many.len());
        let in_order: Vec<u16> = (1..=4).cycle_from(2).collect();
        assert_eq!(in_order, [3, 4, 1, 2]);
    }
}
