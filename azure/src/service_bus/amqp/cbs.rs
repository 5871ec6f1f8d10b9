//! Claims-based security: tokens are put at the node `$cbs`, one for each entity, before its link is attached.

use std::time::Duration;

use fe2o3_amqp::session::SessionHandle;
use fe2o3_amqp_cbs::client::CbsClient;
use fe2o3_amqp_cbs::token::CbsToken;
use fe2o3_amqp_management::error::Error as ManagementError;
use fe2o3_amqp_types::primitives::Timestamp;
use time::OffsetDateTime;
use tokio::time::timeout;

use super::refresh::Authority;
use crate::service_bus::error::SendError;
use crate::service_bus::tokens::Tokens;

/// The node `$cbs` of a connection.
pub(super) struct Cbs {
    client: CbsClient,
    tokens: Tokens,
    host: String,
    /// How long a token may take to get, and to put.
    patience: Duration,
}

impl Cbs {
    /// Attaches its two links. The caller limits the time.
    pub(super) async fn attach(
        session: &mut SessionHandle<()>,
        host: &str,
        tokens: Tokens,
        patience: Duration,
    ) -> Result<Self, SendError> {
        let client = CbsClient::attach(session)
            .await
            .map_err(|error| SendError::NotConnected(format!("the node for tokens cannot be reached: {error}")))?;
        Ok(Self {
            client,
            tokens,
            host: host.to_owned(),
            patience,
        })
    }
}

impl Authority for Cbs {
    /// [`SendError::Unanswered`]: the answer may still come, and would be taken for that to the next request.
    async fn put(&mut self, entity: &str) -> Result<Duration, SendError> {
        let resource = format!("sb://{}/{entity}", self.host);
        let token = timeout(self.patience, self.tokens.token(&resource))
            .await
            .map_err(|_| SendError::NotConnected("Entra ID did not answer in time".to_owned()))??;
        let expires = OffsetDateTime::now_utc() + token.lifetime;
        let milliseconds = (expires.unix_timestamp_nanos() / 1_000_000) as i64;
        let put = self.client.put_token(
            resource.as_str(),
            CbsToken::new(
                token.value.secret(),
                token.kind.as_cbs(),
                Timestamp::from_milliseconds(milliseconds),
            ),
        );
        match timeout(self.patience, put).await {
            Ok(Ok(())) => Ok(token.lifetime),
            Ok(Err(ManagementError::Status(status))) => {
                let description = status.description.unwrap_or_default();
                Err(match status.code.0.get() {
                    401 | 403 => SendError::Unauthorized(description),
                    404 => SendError::EntityNotFound(entity.to_owned()),
                    code => SendError::Busy(format!("it answers a token with {code}: {description}")),
                })
            }
            Ok(Err(error)) => Err(SendError::Unanswered(format!("a token was not taken: {error}"))),
            Err(_) => Err(SendError::Unanswered("a token was not answered in time".to_owned())),
        }
    }
}
