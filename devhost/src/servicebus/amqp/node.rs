//! The addresses that links are attached to.

/// What an address means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    /// Where tokens are put.
    Cbs,
    /// Where an entity is managed, for example where messages are scheduled.
    Management(String),
    Entity(String),
}

impl Node {
    /// Understands `$cbs`, `orders`, `orders/$management` and full URIs (`amqps://localhost:5672/orders`).
    pub(super) fn parse(address: &str) -> Self {
        let path = path(address);
        match path.strip_suffix("$management").and_then(|rest| rest.strip_suffix('/')) {
            Some(entity) => Self::Management(entity.to_owned()),
            None if path == "$cbs" => Self::Cbs,
            None => Self::Entity(path.to_owned()),
        }
    }

    /// The entity that must exist for a link to this node.
    pub(super) fn entity(&self) -> Option<&str> {
        match self {
            Self::Cbs => None,
            Self::Management(entity) | Self::Entity(entity) => Some(entity),
        }
    }
}

/// An address without scheme, host and query.
pub(super) fn path(address: &str) -> &str {
    let path = match address.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
        None => address,
    };
    path.split(['?', '#']).next().unwrap_or_default().trim_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_sdks() {
        let orders = Node::Entity("orders".to_owned());
        assert_eq!(Node::parse("orders"), orders);
        assert_eq!(Node::parse("amqps://localhost:5672/orders"), orders);
        assert_eq!(Node::parse("sb://localhost:5672/orders/"), orders);
        assert_eq!(Node::parse("$cbs"), Node::Cbs);
        assert_eq!(Node::parse("orders/$management"), Node::Management("orders".to_owned()));
        assert_eq!(Node::parse("amqps://localhost"), Node::Entity(String::new()));
    }
}
