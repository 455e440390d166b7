//! A client for load on loopback: keep-alive connections, request bytes that are written beforehand, and answers read by their length.
//!
//! It is one thread that waits for many sockets, so that it takes less of a core than the server that it asks. [`Client::closed`] asks again on
//! every connection as soon as the answer is there, which finds the top rate. [`Client::paced`] asks at instants that were fixed before, whether
//! answers come or not, and measures from these: what a slow answer holds up counts as slow, too.

use std::{
    collections::VecDeque,
    io::{ErrorKind, Write},
    net::SocketAddr,
    time::{Duration, Instant},
};

use mio::{Events, Interest, Poll, Token, net::TcpStream};

pub use super::answer::Answer;
use super::answer::Reading;
use crate::{Fallible, measure::quantile};

/// The longest that nothing may happen.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a closed loop came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Closed {
    /// How many answers came.
    pub answers: usize,
    /// From the first request to the last answer.
    pub elapsed: Duration,
}

impl Closed {
    /// The time for one answer, over all connections.
    pub fn per_answer(&self) -> Duration {
        self.elapsed.div_f64(self.answers.max(1) as f64)
    }
}

/// How long requests took that were made at instants which were fixed before, from these on.
#[derive(Clone, Debug, PartialEq)]
pub struct Paced {
    /// In seconds, in the order of the answers.
    pub latencies: Vec<f64>,
}

impl Paced {
    /// The latency that a share of all requests kept.
    pub fn quantile(&self, share: f64) -> Duration {
        Duration::try_from_secs_f64(quantile(self.latencies.iter().copied(), share)).unwrap_or(Duration::MAX)
    }
}

/// Connections to one server, all of which send the same request.
#[derive(Debug)]
pub struct Client {
    request: Vec<u8>,
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
    first: Answer,
}

impl Client {
    /// Connects so many times, and asks once on each: all answers have to be the same, and so long are those of the timed parts.
    ///
    /// # Errors
    /// When the server does not answer, or with anything but 200.
    pub fn connect(address: SocketAddr, request: Vec<u8>, connections: usize) -> Fallible<Self> {
        let (mut answers, mut opened) = (Vec::new(), Vec::new());
        let poll = Poll::new()?;
        for number in 0..connections {
            // Asked while it still blocks: nothing is timed yet.
            let mut stream = std::net::TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            let mut reading = Reading::new();
            stream.write_all(&request)?;
            let head = loop {
                if let Some(head) = reading.read(&mut stream)? {
                    break head;
                }
            };
            answers.push(reading.answer(&head)?);
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(number), Interest::READABLE)?;
            opened.push(Connection { stream, reading, since: Instant::now() });
        }
        let first = answers.first().cloned().ok_or("a client has a connection")?;
        if first.status != 200 || answers.iter().any(|answer| *answer != first) {
            return Err(format!("not all connections are answered 200 alike: {}", first.status).into());
        }
        let events = Events::with_capacity(connections);
        Ok(Self { request, poll, events, connections: opened, first })
    }

    /// What was answered first.
    pub fn first(&self) -> &Answer {
        &self.first
    }

    /// Asks on every connection again and again, for so long.
    ///
    /// # Errors
    /// When an answer is not 200, not as long as the first one, or does not come.
    pub fn closed(&mut self, lasting: Duration) -> Fallible<Closed> {
        let begun = Instant::now();
        for connection in &mut self.connections {
            connection.ask(&self.request, begun)?;
        }
        let (mut answers, mut open) = (0, self.connections.len());
        let mut elapsed = begun.elapsed();
        while open > 0 {
            self.wait(PATIENCE)?;
            // One look at the clock for all that have come: it is what a request a microsecond would notice.
            elapsed = begun.elapsed();
            for event in &self.events {
                let Some(connection) = self.connections.get_mut(event.token().0) else { continue };
                if !connection.has_answered(&self.first)? {
                    continue;
                }
                answers += 1;
                if elapsed < lasting {
                    connection.ask(&self.request, begun)?;
                } else {
                    open -= 1;
                }
            }
        }
        Ok(Closed { answers, elapsed })
    }

    /// Asks so often a second, for so long, at even distances. The last millisecond before one it does not sleep, since a sleep ends when the system wants.
    ///
    /// # Errors
    /// As [`Self::closed`].
    pub fn paced(&mut self, rate: f64, lasting: Duration) -> Fallible<Paced> {
        let requests = (rate * lasting.as_secs_f64()) as usize;
        let (begun, distance) = (Instant::now(), Duration::from_secs_f64(1.0 / rate));
        let due = |number: usize| begun + distance.mul_f64(number as f64);
        let mut free: VecDeque<usize> = (0..self.connections.len()).collect();
        let (mut sent, mut latencies) = (0, Vec::with_capacity(requests));
        let mut heard = begun;
        while latencies.len() < requests {
            let now = Instant::now();
            while sent < requests && due(sent) <= now {
                let Some(connection) = free.pop_front() else { break };
                let Some(connection) = self.connections.get_mut(connection) else { continue };
                connection.ask(&self.request, due(sent))?;
                sent += 1;
            }
            // Whole milliseconds, which the system keeps; the rest of the way it does not sleep.
            let spare = due(sent).saturating_duration_since(now).as_millis().saturating_sub(1);
            self.wait(Duration::from_millis(u64::try_from(spare)?))?;
            for event in &self.events {
                let Some(connection) = self.connections.get_mut(event.token().0) else { continue };
                if connection.has_answered(&self.first)? {
                    heard = Instant::now();
                    latencies.push((heard - connection.since).as_secs_f64());
                    free.push_back(event.token().0);
                }
            }
            if heard.max(due(sent.min(requests))) + PATIENCE < now {
                return Err("the server does not answer any more".into());
            }
        }
        Ok(Paced { latencies })
    }

    /// Waits for answers.
    fn wait(&mut self, patience: Duration) -> Fallible<()> {
        match self.poll.poll(&mut self.events, Some(patience)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => self.events.clear(),
            other => other?,
        }
        if self.events.is_empty() && patience == PATIENCE {
            return Err("the server does not answer any more".into());
        }
        Ok(())
    }
}

/// A connection on which one request at most is under way.
#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    reading: Reading,
    /// When the request under way was made, or should have been.
    since: Instant,
}

impl Connection {
    fn ask(&mut self, request: &[u8], since: Instant) -> Fallible<()> {
        self.since = since;
        // A request is smaller than the system's buffer, which is empty.
        Ok(self.stream.write_all(request)?)
    }

    /// Whether the answer is there, and like the first one as far as that can be said without a look at each byte.
    fn has_answered(&mut self, first: &Answer) -> Fallible<bool> {
        match self.reading.read(&mut self.stream) {
            Ok(None) => Ok(false),
            Ok(Some(head)) if head.status == first.status && head.length == first.body.len() => Ok(true),
            Ok(Some(head)) => {
                Err(format!("answered {} with {} bytes in between", head.status, head.length).into())
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader},
        net::TcpListener,
        thread,
    };

    use super::*;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

    /// A server that answers each request of each connection with what is made of its number, on a connection of its own.
    fn serve(answer: impl Fn(usize) -> Vec<u8> + Send + Clone + 'static) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, answer) = (stream.unwrap(), answer.clone());
                thread::spawn(move || {
                    let mut reader = BufReader::new(stream.try_clone().unwrap());
                    for number in 0.. {
                        let mut line = String::new();
                        while line != "\r\n" {
                            line.clear();
                            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                                return;
                            }
                        }
                        if stream.write_all(&answer(number)).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        address
    }

    fn answer(status: &str, body: &str) -> Vec<u8> {
        let length = body.len();
        format!("HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{body}")
            .into()
    }

    #[test]
    fn a_closed_loop_counts_the_answers_of_all_connections() {
        let mut client =
            Client::connect(serve(|_| answer("200 OK", "hello")), REQUEST.to_owned(), 4).unwrap();
        assert_eq!(client.first().body, b"hello");
        assert_eq!(client.first().content_type, "text/plain");
        for _ in 0..2 {
            let closed = client.closed(Duration::from_millis(20)).unwrap();
            assert!(closed.answers >= 4 && closed.elapsed >= Duration::from_millis(20), "{closed:?}");
        }
    }

    #[test]
    fn an_answer_of_another_status_or_length_ends_a_loop() {
        for other in [answer("503 Service Unavailable", "hello"), answer("200 OK", "hello, you")] {
            let answered = move |number| if number < 9 { answer("200 OK", "hello") } else { other.clone() };
            let mut client = Client::connect(serve(answered), REQUEST.to_owned(), 1).unwrap();
            assert!(client.closed(Duration::from_secs(5)).unwrap_err().to_string().starts_with("answered"));
        }
    }

    #[test]
    fn what_a_slow_answer_holds_up_counts_as_slow() {
        // One connection, a request every millisecond, and the fourth answer takes 50 of them.
        let slow = |number| {
            if number == 4 {
                thread::sleep(Duration::from_millis(50));
            }
            answer("200 OK", "hello")
        };
        let mut client = Client::connect(serve(slow), REQUEST.to_owned(), 1).unwrap();
        let paced = client.paced(1000.0, Duration::from_millis(100)).unwrap();
        assert_eq!(paced.latencies.len(), 100);
        let late = paced.latencies.iter().filter(|latency| **latency > 0.025).count();
        assert!(late >= 20, "only {late} of those that waited behind it are late");
    }
}
