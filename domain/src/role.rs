//! Roles: what a caller may do.

words! {
    /// What a caller may do; each role may do what those before it may.
    pub enum Role {
        /// Only what everybody may: nobody is given this role, who is not known has it.
        Public = "public",
        /// May read.
        Viewer = "viewer",
        /// May change stock and orders.
        Clerk = "clerk",
        /// May change the catalogue and deal with alerts.
        Manager = "manager",
        /// May do everything: accounts, audit, parked messages.
        Admin = "admin",
    }
}

impl Role {
    /// The role of this name, of those that somebody can be given.
    pub fn grantable(name: &str) -> Option<Self> {
        Self::parse(name).filter(|role| *role > Self::Public)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_ordered_and_public_is_nobodys() {
        assert!(Role::ALL.is_sorted());
        assert_eq!(Role::grantable("admin"), Some(Role::Admin));
        for text in ["public", "root", "Admin", ""] {
            assert_eq!(Role::grantable(text), None, "{text}");
        }
    }
}
