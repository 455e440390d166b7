//! Killing a future: it is dropped at one of the points at which it waits.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

/// Runs a future up to a number of polls; how many there were, and what became of it, `None` when it was killed.
#[derive(Debug)]
pub struct Killed<F> {
    future: Pin<Box<F>>,
    left: u32,
    polls: u32,
}

impl<F: Future> Killed<F> {
    /// Kills it after so many polls, unless it ends before.
    pub fn after(polls: u32, future: F) -> Self {
        Self { future: Box::pin(future), left: polls, polls: 0 }
    }
}

impl<F: Future> Future for Killed<F> {
    type Output = (u32, Option<F::Output>);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.left == 0 {
            return Poll::Ready((self.polls, None));
        }
        self.left -= 1;
        self.polls += 1;
        let polls = self.polls;
        self.future.as_mut().poll(context).map(|output| (polls, Some(output)))
    }
}
