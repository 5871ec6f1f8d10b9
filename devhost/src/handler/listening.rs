//! Why a handler that runs does not answer: what it listens on instead.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// What to do about a handler (the process `pid` and what it started) of which nothing answers on `port`.
pub(super) fn describe(pid: u32, port: u16) -> String {
    let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let Some(listening) = listening_on(pid) else {
        return format!("The handler must answer HTTP on {wanted}, the port that FUNCTIONS_CUSTOMHANDLER_PORT names.");
    };
    say(wanted, &listening)
}

fn say(wanted: SocketAddr, listening: &[SocketAddr]) -> String {
    let serves = |at: &SocketAddr| at.port() == wanted.port() && (at.ip().is_unspecified() || at.ip() == wanted.ip());
    if listening.iter().any(serves) {
        return format!("The handler listens on {wanted}, and does not answer GET / there.");
    }
    if listening.is_empty() {
        return format!(
            "The handler runs and listens on no port: it must serve HTTP on {wanted}, the port that \
             FUNCTIONS_CUSTOMHANDLER_PORT names, also where no function is called by HTTP."
        );
    }
    let instead: Vec<String> = listening.iter().map(ToString::to_string).collect();
    format!(
        "The handler listens on {} instead of {wanted}: it must take the port that FUNCTIONS_CUSTOMHANDLER_PORT names, on \
         127.0.0.1.",
        instead.join(", ")
    )
}

/// Where the processes of the group `pid` listen; `None`: this system does not tell.
#[cfg(target_os = "linux")]
fn listening_on(pid: u32) -> Option<Vec<SocketAddr>> {
    let inodes: Vec<String> = group(pid)?.into_iter().flat_map(sockets).collect();
    let mut listening = Vec::new();
    for table in ["tcp", "tcp6"] {
        // Without IPv6 there is no second table.
        let text = std::fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            if let [_, local, _, "0A", ..] = fields.as_slice()
                && fields
                    .get(9)
                    .is_some_and(|inode| inodes.iter().any(|known| known == inode))
                && let Some(address) = address(local)
            {
                listening.push(address);
            }
        }
    }
    Some(listening)
}

#[cfg(not(target_os = "linux"))]
fn listening_on(_: u32) -> Option<Vec<SocketAddr>> {
    None
}

/// The processes of a group.
#[cfg(target_os = "linux")]
fn group(pid: u32) -> Option<Vec<u32>> {
    let members = std::fs::read_dir("/proc").ok()?.filter_map(|entry| {
        let process: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // The name in brackets may hold anything; state, parent and group follow it.
        let group: u32 = stat.rsplit_once(')')?.1.split_whitespace().nth(2)?.parse().ok()?;
        (group == pid).then_some(process)
    });
    Some(members.collect())
}

/// The inodes of a process's sockets.
#[cfg(target_os = "linux")]
fn sockets(process: u32) -> Vec<String> {
    let Ok(files) = std::fs::read_dir(format!("/proc/{process}/fd")) else {
        return Vec::new();
    };
    files
        .filter_map(|file| {
            let target = std::fs::read_link(file.ok()?.path()).ok()?;
            let inode = target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
            Some(inode.to_owned())
        })
        .collect()
}

/// `0100007F:1F90`: words of the address in the machine's byte order, and the port.
#[cfg(target_os = "linux")]
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| Some(u32::from_str_radix(ip.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    let ip = match ip.len() {
        8 => IpAddr::from(word(0)?),
        32 => {
            let mut bytes = [0; 16];
            for (index, part) in bytes.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(index * 8)?);
            }
            IpAddr::from(bytes)
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_case_has_its_word() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let wanted = at("127.0.0.1:8090");
        for (listening, words) in [
            (vec![], "listens on no port"),
            (vec![at("0.0.0.0:8090")], "does not answer GET /"),
            (
                vec![at("0.0.0.0:3000"), at("[::1]:8090")],
                "listens on 0.0.0.0:3000, [::1]:8090 instead of 127.0.0.1:8090",
            ),
        ] {
            let said = say(wanted, &listening);
            assert!(said.contains(words), "{said}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn tables_of_the_kernel_are_read() {
        if cfg!(target_endian = "little") {
            assert_eq!(address("0100007F:1F90"), "127.0.0.1:8080".parse().ok());
            assert_eq!(
                address("00000000000000000000000001000000:0050"),
                "[::1]:80".parse().ok()
            );
        }
        for text in ["", "0100007F", "01:50", "é:1"] {
            assert_eq!(address(text), None, "{text}");
        }
    }
}
