//! What a server was asked, how much of it at once, and with what fault it answers.

use super::State;
use crate::fault::Fault;

#[derive(Debug)]
pub(super) struct Requests {
    log: Vec<String>,
    fault: Fault,
    /// Requests that the fault still meets; `None` is all.
    fault_left: Option<usize>,
    in_flight: usize,
    max_in_flight: usize,
}

impl Default for Requests {
    fn default() -> Self {
        Self { log: Vec::new(), fault: Fault::None, fault_left: None, in_flight: 0, max_in_flight: 0 }
    }
}

impl State {
    /// Meets every request with this fault, until another is set.
    pub fn set_fault(&mut self, fault: Fault) {
        (self.requests.fault, self.requests.fault_left) = (fault, None);
    }

    /// Meets so many requests with this fault and answers properly afterwards.
    pub fn fail_next(&mut self, fault: Fault, requests: usize) {
        (self.requests.fault, self.requests.fault_left) = (fault, Some(requests));
    }

    /// Path and query of every request so far, oldest first, without the prefix of a server among several.
    pub fn requests(&self) -> &[String] {
        &self.requests.log
    }

    /// Forgets the requests so far and how many there were at once.
    pub fn clear_requests(&mut self) {
        self.requests.log.clear();
        self.requests.max_in_flight = self.requests.in_flight;
    }

    /// The most requests that were in flight at one time. Use [`Fault::Slow`] to make them overlap if they can.
    pub fn max_in_flight(&self) -> usize {
        self.requests.max_in_flight
    }

    pub(crate) fn enter(&mut self) {
        self.requests.in_flight += 1;
        self.requests.max_in_flight = self.requests.max_in_flight.max(self.requests.in_flight);
    }

    pub(crate) fn leave(&mut self) {
        self.requests.in_flight -= 1;
    }

    /// Notes a request and says what fault meets it.
    pub(crate) fn take_fault(&mut self, asked: String) -> Fault {
        self.requests.log.push(asked);
        match &mut self.requests.fault_left {
            Some(0) => Fault::None,
            Some(left) => {
                *left -= 1;
                self.requests.fault
            }
            None => self.requests.fault,
        }
    }
}
