-- Exports and imports: what is to be done with which file, how far it is, and who is at it (docs/adr/0007).

CREATE TABLE file_jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    work TEXT NOT NULL CONSTRAINT file_jobs_work_known CHECK (work IN ('export', 'import')),
    -- What an export holds; what an import brings.
    kind TEXT NOT NULL,
    request TEXT NOT NULL,
    status TEXT NOT NULL CONSTRAINT file_jobs_status_known CHECK (status IN ('queued', 'running', 'done', 'failed', 'expired')),
    -- The file's name; of an export that of the newest try, so that two tries never write one file.
    file BLOB,
    -- Who is at it, and until when nobody else may be.
    owner BLOB,
    lease_until INTEGER NOT NULL DEFAULT 0,
    next_at INTEGER NOT NULL DEFAULT 0,
    -- Tries that ended with something being away, and tries whose program died.
    attempts INTEGER NOT NULL DEFAULT 0,
    deaths INTEGER NOT NULL DEFAULT 0,
    done_rows INTEGER NOT NULL DEFAULT 0,
    size_bytes INTEGER,
    done_bytes INTEGER NOT NULL DEFAULT 0,
    counts TEXT NOT NULL DEFAULT '{}',
    refused_lines TEXT NOT NULL DEFAULT '[]',
    problem TEXT,
    actor TEXT NOT NULL,
    address TEXT,
    request_id TEXT NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX file_jobs_work ON file_jobs (work, id);
CREATE INDEX file_jobs_open ON file_jobs (id) WHERE status IN ('queued', 'running');
CREATE INDEX file_jobs_expires ON file_jobs (expires_at);
