//! What a connection waits for on behalf of the links by which its peer receives.

use futures_util::FutureExt;
use tokio::time::timeout;

use super::{Connection, Done, SessionId};
use crate::servicebus::amqp::frame::{code, error};
use crate::servicebus::amqp::message::Message;
use crate::servicebus::amqp::session::{PullRequest, SessionRequest, Settling, condition};
use crate::servicebus::amqp::value::Value;
use crate::servicebus::engine::SessionKey;
use crate::servicebus::message::SessionLock;
use crate::servicebus::{BrokerError, Delivery};

/// No messages are fetched for a peer that has so many bytes to read.
const UNREAD_BYTES_MAX: usize = 1024 * 1024;

/// What a receiver waited for.
pub(super) struct Pulled {
    session: SessionId,
    handle: u32,
    link: u64,
    entity: String,
    what: What,
}

enum What {
    /// `None`: not wanted any more.
    Messages(Option<Result<Vec<Delivery>, BrokerError>>),
    /// `None`: not in time.
    Session(Option<Result<SessionLock, BrokerError>>),
}

impl Connection {
    /// Asks the broker for what links want, as long as the peer reads what it gets.
    pub(super) fn start_pulls(&mut self) {
        while self.out.len() < UNREAD_BYTES_MAX
            && let Some((channel, handle)) = self.wanting.pop_first()
        {
            let Some(session) = self.sessions.get_mut(&channel) else {
                continue;
            };
            let id = SessionId {
                channel,
                serial: session.serial,
            };
            let Some(request) = session.next_pull(handle) else {
                continue;
            };
            let PullRequest {
                link,
                entity,
                want,
                cancel,
            } = request;
            let broker = self.broker.clone();
            let pulled = async move {
                let messages = cancel.run_until_cancelled(broker.receive_wanted(&entity, want)).await;
                Pulled {
                    session: id,
                    handle,
                    link,
                    entity,
                    what: What::Messages(messages),
                }
            };
            self.pulls.push(pulled.boxed());
        }
    }

    /// Waits for a session that a link is to have.
    pub(super) fn wait_for_session(&mut self, session: SessionId, request: SessionRequest) {
        let SessionRequest {
            handle,
            link,
            entity,
            id,
            wait,
            cancel,
        } = request;
        let broker = self.broker.clone();
        let pulled = async move {
            let accepted = timeout(wait, broker.accept_session(&entity, id));
            let accepted = cancel.run_until_cancelled(accepted).await;
            Pulled {
                session,
                handle,
                link,
                entity,
                what: What::Session(accepted.and_then(Result::ok)),
            }
        };
        self.pulls.push(pulled.boxed());
    }

    pub(super) fn on_pulled(&mut self, pulled: Pulled) {
        let Pulled {
            session: id,
            handle,
            link,
            entity,
            what,
        } = pulled;
        let session = self.sessions.get_mut(&id.channel);
        let Some(session) = session.filter(|session| session.serial == id.serial) else {
            // The session has ended meanwhile.
            match what {
                What::Messages(Some(Ok(messages))) => {
                    let tokens = messages.iter().map(|message| message.lock_token).collect();
                    let returned = crate::servicebus::engine::Settlement::Return;
                    let _ = self.broker.begin_settle(&entity, tokens, returned);
                }
                What::Session(Some(Ok(lock))) => self.broker.release_session(&entity, lock.into()),
                What::Messages(_) | What::Session(_) => {}
            }
            return;
        };
        let wants = match what {
            What::Messages(messages) => session.pulled(handle, link, &entity, messages, &mut self.out),
            What::Session(accepted) => session.session_accepted(handle, link, &entity, accepted, &mut self.out),
        };
        if wants {
            self.wanting.insert((id.channel, handle));
        }
    }

    /// Does what a receiver says of a message.
    pub(super) fn on_settling(&mut self, session: SessionId, settling: Settling) {
        let Settling {
            delivery_id,
            settled,
            entity,
            session: held,
            token,
            settlement,
            outcome,
        } = settling;
        let begun = settlement.and_then(|settlement| self.broker.begin_settle(&entity, vec![token], settlement));
        let done = async move {
            let result = match begun {
                Ok(answer) => answer.await.unwrap_or(Err(BrokerError::Stopped)),
                Err(error) => Err(error),
            };
            let result = match (result, held) {
                (Err(BrokerError::LockLost { .. }), Some(session)) => {
                    Err(BrokerError::SessionLockLost(session.id.to_string()))
                }
                (result, _) => result,
            };
            Done::Settled {
                session,
                delivery_id,
                settled,
                outcome,
                result,
            }
        };
        self.settling += 1;
        self.under_way.push(done.boxed());
    }

    /// Tells a receiver that what it said of a message is done, or why not.
    pub(super) fn answer_receiver(
        &mut self,
        id: SessionId,
        delivery_id: u32,
        outcome: Value,
        result: Result<(), BrokerError>,
    ) {
        let state = match result {
            Ok(()) => outcome,
            Err(reason) => {
                let error = error(condition(&reason), &reason.to_string());
                Value::composite(code::REJECTED, vec![error])
            }
        };
        if let Some(session) = self.sessions.get(&id.channel)
            && session.serial == id.serial
        {
            session.settled(delivery_id, state, &mut self.out);
        }
    }

    /// The session that a request is about, if the peer holds it.
    pub(super) fn held_session(&self, entity: &str, request: &Message) -> Option<SessionKey> {
        let id = request.value.as_ref()?.get("session-id")?.as_str()?;
        self.sessions
            .values()
            .find_map(|session| session.held(entity, id).cloned())
    }

    /// See [`super::super::session::Session::give_back_unsent`].
    pub(super) fn give_back_unsent(&mut self) {
        for session in self.sessions.values_mut() {
            session.give_back_unsent();
        }
    }
}
