//! Channels: how people and programs are told of alerts.

words! {
    /// How a receiver is reached.
    pub enum ChannelKind {
        /// An HTTP request, signed.
        Webhook = "webhook",
        /// An e-mail.
        Email = "email",
        /// An incoming webhook of Microsoft Teams.
        Teams = "teams",
        /// An incoming webhook of Slack.
        Slack = "slack",
        /// A text message by Twilio.
        Sms = "sms",
    }
}
