//! API, sessions and roles, embedded page.
