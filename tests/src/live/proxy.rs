//! A stretch of network between clients and one broker that can be made worse: slow, cut, or silent.
//!
//! Each connection has a thread for each direction. Bytes are kept with the instant at which they may go on, so a delay
//! delays and does not throttle. While the network is silent nothing is lost: bytes stay where they are, as TCP would
//! send them again and again, and go on when it speaks again.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How the network is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// As it should be.
    #[default]
    Good,
    /// Every byte takes so long, each way.
    Slow(Duration),
    /// So many bytes a second, each way, of each connection.
    Narrow(u32),
    /// Connections are dropped, and new ones as soon as they are made.
    Cut,
    /// Connections stay and can be made, but no byte passes either way.
    Silent,
    /// Requests reach the broker, its answers do not come back.
    Deaf,
}

/// Where a broker's proxy listens, and how the network behind it is.
pub struct Proxy {
    port: u16,
    listener: Option<TcpListener>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    network: Mutex<Network>,
    open: Mutex<Vec<TcpStream>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Requests,
    Answers,
}

/// How often a direction that is held up looks whether it still is.
const LOOK: Duration = Duration::from_millis(5);

impl Proxy {
    /// Takes a free port; nobody is served yet.
    pub fn bind() -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let port = listener.local_addr().expect("a listener has an address").port();
        Proxy { port, listener: Some(listener), shared: Arc::default() }
    }

    /// Its port of 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Serves from now on whoever wants to talk to `broker`. Ends with the process.
    pub fn lead_to(&mut self, broker: SocketAddr) {
        let listener = self.listener.take().expect("a proxy leads to one broker");
        let shared = Arc::clone(&self.shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if shared.network() == Network::Cut {
                    continue;
                }
                // A broker that is down is one that refuses.
                let Ok(server) = TcpStream::connect(broker) else { continue };
                for stream in [&client, &server] {
                    stream.set_nodelay(true).expect("a socket takes options");
                }
                let copy = |stream: &TcpStream| stream.try_clone().expect("a socket can be shared");
                shared.open().extend([copy(&client), copy(&server)]);
                // Cut since it was looked at, it would have been overlooked.
                if shared.network() == Network::Cut {
                    shared.drop_all();
                }
                let (requests, answers) = ((copy(&client), copy(&server)), (server, client));
                for (direction, (from, to)) in [(Direction::Requests, requests), (Direction::Answers, answers)] {
                    let shared = Arc::clone(&shared);
                    thread::spawn(move || shared.carry(direction, from, to));
                }
            }
        });
    }

    /// Changes the network, also for connections that exist.
    pub fn set(&self, network: Network) {
        *self.shared.network.lock().unwrap_or_else(PoisonError::into_inner) = network;
        if network == Network::Cut {
            self.shared.drop_all();
        }
    }
}

impl Shared {
    fn network(&self) -> Network {
        *self.network.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> MutexGuard<'_, Vec<TcpStream>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn drop_all(&self) {
        for stream in self.open().drain(..) {
            // It may be closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Carries bytes until either side closes.
    fn carry(&self, direction: Direction, mut from: TcpStream, mut to: TcpStream) {
        let carried = self.carry_all(direction, &mut from, &mut to);
        for stream in [&from, &to] {
            // It may be closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
        let ends = |stream: &TcpStream| (stream.local_addr().ok(), stream.peer_addr().ok());
        let mine = [ends(&from), ends(&to)];
        self.open().retain(|stream| stream.peer_addr().is_ok() && !mine.contains(&ends(stream)));
        // A connection that breaks is what this is for.
        drop(carried);
    }

    fn carry_all(&self, direction: Direction, from: &mut TcpStream, to: &mut TcpStream) -> std::io::Result<()> {
        let mut under_way: VecDeque<(Instant, Vec<u8>)> = VecDeque::new();
        let mut buffer = vec![0; 64 << 10];
        loop {
            // Without anything to hand on there is nothing to do but to wait for more.
            let until_next = under_way.front().map(|(at, _)| at.saturating_duration_since(Instant::now()));
            if until_next != Some(Duration::ZERO) {
                from.set_read_timeout(until_next.map(|left| left.max(Duration::from_millis(1))))?;
                match from.read(&mut buffer) {
                    Ok(0) => return Ok(()),
                    Ok(count) => {
                        let delay = match self.network() {
                            Network::Slow(delay) => delay,
                            _ => Duration::ZERO,
                        };
                        under_way.push_back((Instant::now() + delay, buffer[..count].to_vec()));
                    }
                    Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                    Err(error) => return Err(error),
                }
            }
            while let Some((at, bytes)) = under_way.front()
                && *at <= Instant::now()
            {
                while self.holds(direction) {
                    thread::sleep(LOOK);
                }
                to.write_all(bytes)?;
                if let Network::Narrow(bytes_per_s) = self.network() {
                    thread::sleep(Duration::from_secs_f64(bytes.len() as f64 / f64::from(bytes_per_s)));
                }
                under_way.pop_front();
            }
        }
    }

    fn holds(&self, direction: Direction) -> bool {
        match self.network() {
            Network::Silent => true,
            Network::Deaf => direction == Direction::Answers,
            Network::Good | Network::Slow(_) | Network::Narrow(_) | Network::Cut => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers every byte with the next one.
    fn echo() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                thread::spawn(move || {
                    let mut byte = [0];
                    while stream.read_exact(&mut byte).is_ok() && stream.write_all(&[byte[0] + 1]).is_ok() {}
                });
            }
        });
        address
    }

    fn ask(stream: &mut TcpStream, byte: u8) -> std::io::Result<u8> {
        let mut answer = [0];
        stream.write_all(&[byte])?;
        stream.read_exact(&mut answer)?;
        Ok(answer[0])
    }

    // A proxy that loses or reorders bytes by itself would have the broker blamed for it.
    #[test]
    fn bytes_are_held_up_but_never_lost_while_the_connection_lives() {
        let mut proxy = Proxy::bind();
        proxy.lead_to(echo());
        let connect = || TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).unwrap();
        let mut stream = connect();
        assert_eq!(ask(&mut stream, 1).unwrap(), 2);

        proxy.set(Network::Slow(Duration::from_millis(30)));
        let began = Instant::now();
        assert_eq!(ask(&mut stream, 3).unwrap(), 4);
        assert!(began.elapsed() >= Duration::from_millis(60), "{:?}", began.elapsed());

        for held in [Network::Silent, Network::Deaf] {
            proxy.set(held);
            stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
            assert!(ask(&mut stream, 5).is_err(), "{held:?}");
            stream.set_read_timeout(None).unwrap();
            proxy.set(Network::Good);
            let mut answer = [0];
            stream.read_exact(&mut answer).unwrap();
            assert_eq!(answer, [6], "{held:?}");
        }

        proxy.set(Network::Cut);
        assert!(ask(&mut stream, 7).is_err());
        assert!(ask(&mut connect(), 7).is_err());
        proxy.set(Network::Good);
        assert_eq!(ask(&mut connect(), 7).unwrap(), 8);
    }
}
