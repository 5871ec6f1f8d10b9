//! In which order messages are sent.
//!
//! Messages are sent without waiting for the answers of those before, except within a session: there the next one goes
//! only when the one before has arrived. Otherwise a busy service could refuse one and take the next.

use std::collections::{HashMap, HashSet, VecDeque};

use super::error::SendError;
use super::message::OutgoingMessage;

/// What became of a message.
pub(super) type Outcome = Result<(), SendError>;

/// The messages of one call, and what became of them so far.
pub(super) struct Rounds<'a> {
    messages: &'a [OutgoingMessage],
    outcomes: Vec<Option<Outcome>>,
    /// Indices of messages: in a round no two are of one session.
    to_go: VecDeque<Vec<usize>>,
    /// Sessions of which a message has not arrived; those behind it wait for another call.
    held: HashSet<&'a str>,
}

impl<'a> Rounds<'a> {
    pub(super) fn new(messages: &'a [OutgoingMessage]) -> Self {
        let mut to_go: VecDeque<Vec<usize>> = VecDeque::new();
        let mut seen: HashMap<&str, usize> = HashMap::new();
        for (index, message) in messages.iter().enumerate() {
            let round = match &message.session_id {
                None => 0,
                Some(session) => {
                    let count = seen.entry(session).or_default();
                    *count += 1;
                    *count - 1
                }
            };
            match to_go.get_mut(round) {
                Some(round) => round.push(index),
                None => to_go.push_back(vec![index]),
            }
        }
        Self {
            messages,
            outcomes: vec![None; messages.len()],
            to_go,
            held: HashSet::new(),
        }
    }

    /// The messages that may go now.
    pub(super) fn next(&mut self) -> Option<Vec<usize>> {
        let mut round = self.to_go.pop_front()?;
        round.retain(|index| {
            let session = self.messages[*index].session_id.as_deref();
            let goes = session.is_none_or(|session| !self.held.contains(session));
            if !goes {
                let reason = "an earlier message of its session has not arrived".to_owned();
                self.outcomes[*index] = Some(Err(SendError::NotConnected(reason)));
            }
            goes
        });
        Some(round)
    }

    /// What became of a message. One that is refused for ever holds nobody back.
    pub(super) fn record(&mut self, index: usize, outcome: Outcome) {
        if let Err(error) = &outcome
            && !error.concerns_message()
            && let Some(session) = &self.messages[index].session_id
        {
            self.held.insert(session);
        }
        self.outcomes[index] = Some(outcome);
    }

    /// These go once more, before any other.
    pub(super) fn again(&mut self, indices: Vec<usize>) {
        self.to_go.push_front(indices);
    }

    /// The outcomes of all messages; of those that were not sent it is `rest`.
    pub(super) fn finish(self, rest: &SendError) -> Vec<Outcome> {
        self.outcomes
            .into_iter()
            .map(|outcome| outcome.unwrap_or_else(|| Err(rest.clone())))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(sessions: &[Option<&str>]) -> Vec<OutgoingMessage> {
        let message = |session: Option<&str>| OutgoingMessage {
            session_id: session.map(ToOwned::to_owned),
            ..OutgoingMessage::default()
        };
        sessions.iter().copied().map(message).collect()
    }

    #[test]
    fn a_session_goes_one_by_one_and_the_rest_at_once() {
        let messages = messages(&[Some("a"), None, Some("a"), Some("b"), None, Some("a")]);
        let mut rounds = Rounds::new(&messages);
        assert_eq!(rounds.next(), Some(vec![0, 1, 3, 4]));
        assert_eq!(rounds.next(), Some(vec![2]));
        assert_eq!(rounds.next(), Some(vec![5]));
        assert_eq!(rounds.next(), None);
    }

    #[test]
    fn a_message_that_has_not_arrived_holds_its_session_back() {
        let messages = messages(&[Some("a"), Some("b"), Some("a"), Some("b"), Some("b")]);
        let mut rounds = Rounds::new(&messages);
        assert_eq!(rounds.next(), Some(vec![0, 1]));
        rounds.record(0, Err(SendError::TimedOut));
        rounds.record(1, Err(SendError::TooLarge(String::new())));
        assert_eq!(rounds.next(), Some(vec![3]));
        rounds.record(3, Ok(()));
        let outcomes = rounds.finish(&SendError::TimedOut);
        let expected = [false, false, false, true, false];
        assert_eq!(outcomes.iter().map(Result::is_ok).collect::<Vec<_>>(), expected);
        assert!(matches!(outcomes[2], Err(SendError::NotConnected(_))));
    }
}
