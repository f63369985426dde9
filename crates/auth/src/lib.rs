//! Identities, the certificate authority and tokens.
