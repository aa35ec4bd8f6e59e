-- The register: revisions, the things they change, and who may change them.
-- Moments are microseconds since 1970, documents are text, truth values are 0 and 1.

-- The newest revision. Its one row is the first thing every write takes, so that one write runs at a time.
CREATE TABLE head (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    epoch TEXT NOT NULL CHECK (length(epoch) > 0),
    revision INTEGER NOT NULL CHECK (revision >= 0),
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    recorded_at INTEGER NOT NULL,
    due_at INTEGER,
    copied INTEGER NOT NULL CHECK (copied IN (0, 1))
) STRICT;

CREATE TABLE revision (
    number INTEGER NOT NULL PRIMARY KEY CHECK (number >= 1),
    recorded_at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT,
    request_id TEXT NOT NULL,
    digest BLOB NOT NULL CHECK (length(digest) = 32)
) STRICT;
CREATE INDEX revision_recorded_at_idx ON revision (recorded_at, number);

CREATE TABLE change (
    revision INTEGER NOT NULL REFERENCES revision (number),
    ordinal INTEGER NOT NULL CHECK (ordinal >= 1),
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    action TEXT NOT NULL
        CHECK (action IN ('created', 'updated', 'retired', 'took_effect', 'ended', 'became_stale')),
    before TEXT,
    after TEXT,
    PRIMARY KEY (revision, ordinal),
    CONSTRAINT change_thing_key UNIQUE (kind, id, revision),
    CONSTRAINT change_created_check CHECK ((action = 'created') = (before IS NULL)),
    CONSTRAINT change_retired_check CHECK ((action = 'retired') = (after IS NULL))
) STRICT;

-- What refers to what. An indirect row says only that a change of one touches the other.
CREATE TABLE reference (
    from_kind TEXT NOT NULL,
    from_id TEXT NOT NULL,
    to_kind TEXT NOT NULL,
    to_id TEXT NOT NULL,
    direct INTEGER NOT NULL CHECK (direct IN (0, 1)),
    since INTEGER NOT NULL,
    until INTEGER,
    PRIMARY KEY (from_kind, from_id, to_kind, to_id, since),
    CONSTRAINT reference_until_check CHECK (until > since)
) STRICT;
CREATE INDEX reference_to_idx ON reference (to_kind, to_id, from_kind, from_id);
CREATE UNIQUE INDEX reference_current_key ON reference (from_kind, from_id, to_kind, to_id) WHERE until IS NULL;

CREATE TABLE workflow_identity (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    created INTEGER NOT NULL CHECK (created >= 1)
) STRICT;
CREATE TABLE workflow (
    id TEXT NOT NULL REFERENCES workflow_identity (id),
    since INTEGER NOT NULL CHECK (since >= 1),
    until INTEGER,
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (id, since),
    CONSTRAINT workflow_until_check CHECK (until > since)
) STRICT;
CREATE UNIQUE INDEX workflow_current_key ON workflow (id) WHERE until IS NULL;

-- The stages of each version of a workflow, so that lists can be filtered by what a stage means.
CREATE TABLE workflow_stage (
    workflow TEXT NOT NULL REFERENCES workflow_identity (id),
    stage TEXT NOT NULL,
    phase TEXT NOT NULL CHECK (phase IN ('none', 'pending', 'favourable', 'granted', 'adverse', 'ended')),
    since INTEGER NOT NULL CHECK (since >= 1),
    until INTEGER,
    PRIMARY KEY (workflow, stage, since),
    CONSTRAINT workflow_stage_until_check CHECK (until > since)
) STRICT;
CREATE UNIQUE INDEX workflow_stage_current_key ON workflow_stage (workflow, stage) WHERE until IS NULL;

CREATE TABLE authority_identity (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    created INTEGER NOT NULL CHECK (created >= 1)
) STRICT;
CREATE TABLE authority (
    id TEXT NOT NULL REFERENCES authority_identity (id),
    since INTEGER NOT NULL CHECK (since >= 1),
    until INTEGER,
    name TEXT NOT NULL,
    jurisdiction TEXT NOT NULL CHECK (length(jurisdiction) = 2),
    gate TEXT NOT NULL CHECK (gate IN ('export', 'import')),
    workflow TEXT NOT NULL REFERENCES workflow_identity (id),
    unspecified INTEGER NOT NULL CHECK (unspecified IN (0, 1)),
    document TEXT NOT NULL,
    PRIMARY KEY (id, since),
    CONSTRAINT authority_until_check CHECK (until > since)
) STRICT;
CREATE UNIQUE INDEX authority_current_key ON authority (id) WHERE until IS NULL;
CREATE INDEX authority_workflow_idx ON authority (workflow);

CREATE TABLE company_identity (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    created INTEGER NOT NULL CHECK (created >= 1)
) STRICT;
CREATE TABLE company (
    id TEXT NOT NULL REFERENCES company_identity (id),
    since INTEGER NOT NULL CHECK (since >= 1),
    until INTEGER,
    name TEXT NOT NULL,
    jurisdiction TEXT NOT NULL CHECK (length(jurisdiction) = 2),
    roles TEXT NOT NULL,
    parent TEXT REFERENCES company_identity (id),
    document TEXT NOT NULL,
    PRIMARY KEY (id, since),
    CONSTRAINT company_until_check CHECK (until > since)
) STRICT;
CREATE UNIQUE INDEX company_current_key ON company (id) WHERE until IS NULL;
CREATE INDEX company_name_idx ON company (name, id) WHERE until IS NULL;

CREATE TABLE chip_identity (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    created INTEGER NOT NULL CHECK (created >= 1)
) STRICT;
CREATE TABLE chip (
    id TEXT NOT NULL REFERENCES chip_identity (id),
    since INTEGER NOT NULL CHECK (since >= 1),
    until INTEGER,
    name TEXT NOT NULL,
    designer TEXT NOT NULL REFERENCES company_identity (id),
    origin TEXT NOT NULL CHECK (length(origin) = 2),
    eccn_published TEXT,
    document TEXT NOT NULL,
    PRIMARY KEY (id, since),
    CONSTRAINT chip_until_check CHECK (until > since)
) STRICT;
CREATE UNIQUE INDEX chip_current_key ON chip (id) WHERE until IS NULL;
CREATE INDEX chip_name_idx ON chip (name, id) WHERE until IS NULL;

-- Every name, alias and identifier of a company or chip, folded for searching.
CREATE TABLE label (
    kind TEXT NOT NULL CHECK (kind IN ('company', 'chip')),
    id TEXT NOT NULL,
    text TEXT NOT NULL,
    folded TEXT NOT NULL,
    since INTEGER NOT NULL CHECK (since >= 1),
    until INTEGER,
    PRIMARY KEY (kind, id, text, since),
    CONSTRAINT label_until_check CHECK (until > since)
) STRICT;
CREATE INDEX label_current_idx ON label (kind, id) WHERE until IS NULL;

CREATE TABLE source_identity (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    created INTEGER NOT NULL CHECK (created >= 1)
) STRICT;
CREATE TABLE source (
    id TEXT NOT NULL REFERENCES source_identity (id),
    since INTEGER NOT NULL CHECK (since >= 1),
    until INTEGER,
    publisher TEXT NOT NULL,
    title TEXT NOT NULL,
    published_on TEXT CHECK (length(published_on) = 10),
    language TEXT,
    republishes TEXT REFERENCES source_identity (id),
    stale_at INTEGER,
    document TEXT NOT NULL,
    PRIMARY KEY (id, since),
    CONSTRAINT source_until_check CHECK (until > since)
) STRICT;
CREATE UNIQUE INDEX source_current_key ON source (id) WHERE until IS NULL;
CREATE INDEX source_stale_at_idx ON source (stale_at) WHERE until IS NULL;

CREATE TABLE approval_identity (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    created INTEGER NOT NULL CHECK (created >= 1)
) STRICT;
CREATE TABLE approval (
    id TEXT NOT NULL REFERENCES approval_identity (id),
    since INTEGER NOT NULL CHECK (since >= 1),
    until INTEGER,
    company TEXT NOT NULL REFERENCES company_identity (id),
    chip TEXT NOT NULL REFERENCES chip_identity (id),
    authority TEXT NOT NULL REFERENCES authority_identity (id),
    exporter TEXT REFERENCES company_identity (id),
    reference TEXT,
    supersedes TEXT REFERENCES approval_identity (id),
    stage TEXT NOT NULL,
    stage_since TEXT CHECK (length(stage_since) = 10),
    disputed INTEGER NOT NULL CHECK (disputed IN (0, 1)),
    valid_from INTEGER,
    valid_until INTEGER,
    document TEXT NOT NULL,
    PRIMARY KEY (id, since),
    CONSTRAINT approval_valid_check CHECK (valid_until > valid_from),
    CONSTRAINT approval_until_check CHECK (until > since)
) STRICT;
CREATE UNIQUE INDEX approval_current_key ON approval (id) WHERE until IS NULL;
CREATE INDEX approval_case_idx ON approval (company, chip, authority) WHERE until IS NULL;
CREATE INDEX approval_chip_idx ON approval (chip) WHERE until IS NULL;
CREATE INDEX approval_authority_idx ON approval (authority) WHERE until IS NULL;
CREATE INDEX approval_valid_from_idx ON approval (valid_from) WHERE until IS NULL;
CREATE INDEX approval_valid_until_idx ON approval (valid_until) WHERE until IS NULL;

-- The stage of an approval between two dates of the world, as known between two revisions. The empty text
-- stands for the beginning of time, so that it sorts before every date.
CREATE TABLE stage_span (
    approval TEXT NOT NULL REFERENCES approval_identity (id),
    valid_from TEXT NOT NULL CHECK (length(valid_from) IN (0, 10)),
    valid_to TEXT CHECK (length(valid_to) = 10),
    stage TEXT NOT NULL,
    since INTEGER NOT NULL CHECK (since >= 1),
    until INTEGER,
    PRIMARY KEY (approval, valid_from, since),
    CONSTRAINT stage_span_valid_check CHECK (valid_to > valid_from),
    CONSTRAINT stage_span_until_check CHECK (until > since)
) STRICT;
CREATE UNIQUE INDEX stage_span_current_key ON stage_span (approval, valid_from) WHERE until IS NULL;
CREATE INDEX stage_span_stage_idx ON stage_span (stage, approval);
CREATE INDEX stage_span_valid_from_idx ON stage_span (valid_from) WHERE until IS NULL;

CREATE TABLE transition_identity (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    created INTEGER NOT NULL CHECK (created >= 1)
) STRICT;
CREATE TABLE transition (
    id TEXT NOT NULL REFERENCES transition_identity (id),
    since INTEGER NOT NULL CHECK (since >= 1),
    until INTEGER,
    approval TEXT NOT NULL REFERENCES approval_identity (id),
    stage TEXT NOT NULL,
    effective_on TEXT NOT NULL CHECK (length(effective_on) = 10),
    retracted INTEGER NOT NULL CHECK (retracted IN (0, 1)),
    document TEXT NOT NULL,
    PRIMARY KEY (id, since),
    CONSTRAINT transition_until_check CHECK (until > since)
) STRICT;
CREATE UNIQUE INDEX transition_current_key ON transition (id) WHERE until IS NULL;
CREATE INDEX transition_approval_idx ON transition (approval, effective_on) WHERE until IS NULL;

CREATE TABLE report_identity (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    created INTEGER NOT NULL CHECK (created >= 1)
) STRICT;
CREATE TABLE report (
    id TEXT NOT NULL REFERENCES report_identity (id),
    since INTEGER NOT NULL CHECK (since >= 1),
    until INTEGER,
    company TEXT REFERENCES company_identity (id),
    chip TEXT REFERENCES chip_identity (id),
    authority TEXT REFERENCES authority_identity (id),
    stage TEXT,
    on_date TEXT NOT NULL CHECK (length(on_date) = 10),
    modality TEXT NOT NULL CHECK (modality IN ('states', 'plans', 'expects', 'denies', 'declines', 'silent')),
    status TEXT NOT NULL CHECK (status IN ('open', 'settled')),
    document TEXT NOT NULL,
    PRIMARY KEY (id, since),
    CONSTRAINT report_about_check CHECK (company IS NOT NULL OR chip IS NOT NULL OR authority IS NOT NULL),
    CONSTRAINT report_until_check CHECK (until > since)
) STRICT;
CREATE UNIQUE INDEX report_current_key ON report (id) WHERE until IS NULL;
CREATE INDEX report_case_idx ON report (company, chip, authority) WHERE until IS NULL;
CREATE INDEX report_on_date_idx ON report (on_date) WHERE until IS NULL;

CREATE TABLE condition_identity (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    created INTEGER NOT NULL CHECK (created >= 1)
) STRICT;
CREATE TABLE condition (
    id TEXT NOT NULL REFERENCES condition_identity (id),
    since INTEGER NOT NULL CHECK (since >= 1),
    until INTEGER,
    authority TEXT REFERENCES authority_identity (id),
    approval TEXT REFERENCES approval_identity (id),
    company TEXT REFERENCES company_identity (id),
    chip TEXT REFERENCES chip_identity (id),
    kind TEXT NOT NULL CHECK (kind IN ('domestic_share', 'unit_cap', 'relative_cap', 'specification_limit', 'exclusion', 'location_of_use', 'requirement', 'prohibition', 'payment', 'other')),
    force TEXT NOT NULL CHECK (force IN ('encouraged', 'may_be_required', 'required')),
    status TEXT NOT NULL CHECK (status IN ('proposed', 'in_force', 'waived')),
    in_force_from INTEGER,
    in_force_until INTEGER,
    document TEXT NOT NULL,
    PRIMARY KEY (id, since),
    CONSTRAINT condition_scope_check
        CHECK (authority IS NOT NULL OR approval IS NOT NULL OR company IS NOT NULL OR chip IS NOT NULL),
    CONSTRAINT condition_in_force_check CHECK (in_force_until > in_force_from),
    CONSTRAINT condition_until_check CHECK (until > since)
) STRICT;
CREATE UNIQUE INDEX condition_current_key ON condition (id) WHERE until IS NULL;
CREATE INDEX condition_in_force_from_idx ON condition (in_force_from) WHERE until IS NULL;
CREATE INDEX condition_in_force_until_idx ON condition (in_force_until) WHERE until IS NULL;

-- Keys and kept replies are no register data: they make no revision and are never exported.
CREATE TABLE api_key (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    owner TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('reader', 'editor', 'admin')),
    authorities TEXT NOT NULL,
    secret_digest BLOB NOT NULL CHECK (length(secret_digest) = 32),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER,
    last_used_at INTEGER,
    CONSTRAINT api_key_expires_check CHECK (expires_at > created_at)
) STRICT;

CREATE TABLE reply (
    actor TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    request_digest BLOB NOT NULL CHECK (length(request_digest) = 32),
    status INTEGER NOT NULL CHECK (status BETWEEN 200 AND 499),
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    kept_at INTEGER NOT NULL,
    PRIMARY KEY (actor, idempotency_key)
) STRICT;
CREATE INDEX reply_kept_at_idx ON reply (kept_at);
