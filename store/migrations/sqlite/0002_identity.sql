-- Who may sign in. Secrets are kept as hashes only.

-- Programs (clients) and people (users).
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CONSTRAINT accounts_kind_known CHECK (kind IN ('client', 'user')),
    name TEXT NOT NULL,
    role TEXT NOT NULL CONSTRAINT accounts_role_known CHECK (role IN ('viewer', 'clerk', 'manager', 'admin')),
    enabled INTEGER NOT NULL DEFAULT 1,
    -- Tokens carry it; they are void once it has grown.
    generation INTEGER NOT NULL DEFAULT 1,
    version INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX accounts_name_key ON accounts (kind, name);

-- A user's password (hint ''), or the secrets of a client, told apart by their hints.
CREATE TABLE account_secrets (
    account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    hint TEXT NOT NULL,
    hash TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    PRIMARY KEY (account_id, hint)
) STRICT;

-- Failed attempts to sign in, by a hash of whose name or which address it was.
CREATE TABLE sign_in_failures (
    subject TEXT PRIMARY KEY,
    failures INTEGER NOT NULL,
    last_at INTEGER NOT NULL
) STRICT;
CREATE INDEX sign_in_failures_last ON sign_in_failures (last_at);

-- Tokens that are void before they expire.
CREATE TABLE revoked_tokens (
    token_id BLOB PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX revoked_tokens_account ON revoked_tokens (account_id);
CREATE INDEX revoked_tokens_expired ON revoked_tokens (expires_at);

CREATE TABLE api_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    prefix TEXT NOT NULL,
    -- SHA-256 in hexadecimal: the key has 256 bits of chance, nobody guesses it from its hash.
    hash TEXT NOT NULL,
    role TEXT NOT NULL CONSTRAINT api_keys_role_known CHECK (role IN ('viewer', 'clerk', 'manager', 'admin')),
    created_by TEXT NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    last_used_at INTEGER,
    revoked_at INTEGER
) STRICT;
CREATE UNIQUE INDEX api_keys_prefix_key ON api_keys (prefix);
CREATE UNIQUE INDEX api_keys_name_key ON api_keys (name) WHERE revoked_at IS NULL;
