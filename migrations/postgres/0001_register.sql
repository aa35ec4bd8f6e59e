-- The register: revisions, the things they change, and who may change them.
-- Text is compared by its bytes, so that pages and sorting mean the same on both engines.

-- The newest revision. Its one row is the first thing every write takes, so that one write runs at a time.
CREATE TABLE head (
    one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    epoch TEXT COLLATE "C" NOT NULL CHECK (length(epoch) > 0),
    revision BIGINT NOT NULL CHECK (revision >= 0),
    digest BYTEA NOT NULL CHECK (length(digest) = 32),
    recorded_at TIMESTAMPTZ NOT NULL,
    due_at TIMESTAMPTZ,
    copied BOOLEAN NOT NULL
);

CREATE TABLE revision (
    number BIGINT NOT NULL PRIMARY KEY CHECK (number >= 1),
    recorded_at TIMESTAMPTZ NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C",
    request_id TEXT COLLATE "C" NOT NULL,
    digest BYTEA NOT NULL CHECK (length(digest) = 32)
);
CREATE INDEX revision_recorded_at_idx ON revision (recorded_at, number);

CREATE TABLE change (
    revision BIGINT NOT NULL REFERENCES revision (number),
    ordinal BIGINT NOT NULL CHECK (ordinal >= 1),
    kind TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    action TEXT COLLATE "C" NOT NULL
        CHECK (action IN ('created', 'updated', 'retired', 'took_effect', 'ended', 'became_stale')),
    before TEXT COLLATE "C",
    after TEXT COLLATE "C",
    PRIMARY KEY (revision, ordinal),
    CONSTRAINT change_thing_key UNIQUE (kind, id, revision),
    CONSTRAINT change_created_check CHECK ((action = 'created') = (before IS NULL)),
    CONSTRAINT change_retired_check CHECK ((action = 'retired') = (after IS NULL))
);

-- What refers to what. An indirect row says only that a change of one touches the other.
CREATE TABLE reference (
    from_kind TEXT COLLATE "C" NOT NULL,
    from_id TEXT COLLATE "C" NOT NULL,
    to_kind TEXT COLLATE "C" NOT NULL,
    to_id TEXT COLLATE "C" NOT NULL,
    direct BOOLEAN NOT NULL,
    since BIGINT NOT NULL,
    until BIGINT,
    PRIMARY KEY (from_kind, from_id, to_kind, to_id, since),
    CONSTRAINT reference_until_check CHECK (until > since)
);
CREATE INDEX reference_to_idx ON reference (to_kind, to_id, from_kind, from_id);
CREATE UNIQUE INDEX reference_current_key ON reference (from_kind, from_id, to_kind, to_id) WHERE until IS NULL;

CREATE TABLE workflow_identity (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    created BIGINT NOT NULL CHECK (created >= 1)
);
CREATE TABLE workflow (
    id TEXT COLLATE "C" NOT NULL REFERENCES workflow_identity (id),
    since BIGINT NOT NULL CHECK (since >= 1),
    until BIGINT,
    name TEXT COLLATE "C" NOT NULL,
    document TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (id, since),
    CONSTRAINT workflow_until_check CHECK (until > since)
);
CREATE UNIQUE INDEX workflow_current_key ON workflow (id) WHERE until IS NULL;

-- The stages of each version of a workflow, so that lists can be filtered by what a stage means.
CREATE TABLE workflow_stage (
    workflow TEXT COLLATE "C" NOT NULL REFERENCES workflow_identity (id),
    stage TEXT COLLATE "C" NOT NULL,
    phase TEXT COLLATE "C" NOT NULL CHECK (phase IN ('none', 'pending', 'favourable', 'granted', 'adverse', 'ended')),
    since BIGINT NOT NULL CHECK (since >= 1),
    until BIGINT,
    PRIMARY KEY (workflow, stage, since),
    CONSTRAINT workflow_stage_until_check CHECK (until > since)
);
CREATE UNIQUE INDEX workflow_stage_current_key ON workflow_stage (workflow, stage) WHERE until IS NULL;

CREATE TABLE authority_identity (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    created BIGINT NOT NULL CHECK (created >= 1)
);
CREATE TABLE authority (
    id TEXT COLLATE "C" NOT NULL REFERENCES authority_identity (id),
    since BIGINT NOT NULL CHECK (since >= 1),
    until BIGINT,
    name TEXT COLLATE "C" NOT NULL,
    jurisdiction TEXT COLLATE "C" NOT NULL CHECK (length(jurisdiction) = 2),
    gate TEXT COLLATE "C" NOT NULL CHECK (gate IN ('export', 'import')),
    workflow TEXT COLLATE "C" NOT NULL REFERENCES workflow_identity (id),
    unspecified BOOLEAN NOT NULL,
    document TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (id, since),
    CONSTRAINT authority_until_check CHECK (until > since)
);
CREATE UNIQUE INDEX authority_current_key ON authority (id) WHERE until IS NULL;
CREATE INDEX authority_workflow_idx ON authority (workflow);

CREATE TABLE company_identity (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    created BIGINT NOT NULL CHECK (created >= 1)
);
CREATE TABLE company (
    id TEXT COLLATE "C" NOT NULL REFERENCES company_identity (id),
    since BIGINT NOT NULL CHECK (since >= 1),
    until BIGINT,
    name TEXT COLLATE "C" NOT NULL,
    jurisdiction TEXT COLLATE "C" NOT NULL CHECK (length(jurisdiction) = 2),
    roles TEXT COLLATE "C" NOT NULL,
    parent TEXT COLLATE "C" REFERENCES company_identity (id),
    document TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (id, since),
    CONSTRAINT company_until_check CHECK (until > since)
);
CREATE UNIQUE INDEX company_current_key ON company (id) WHERE until IS NULL;
CREATE INDEX company_name_idx ON company (name, id) WHERE until IS NULL;

CREATE TABLE chip_identity (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    created BIGINT NOT NULL CHECK (created >= 1)
);
CREATE TABLE chip (
    id TEXT COLLATE "C" NOT NULL REFERENCES chip_identity (id),
    since BIGINT NOT NULL CHECK (since >= 1),
    until BIGINT,
    name TEXT COLLATE "C" NOT NULL,
    designer TEXT COLLATE "C" NOT NULL REFERENCES company_identity (id),
    origin TEXT COLLATE "C" NOT NULL CHECK (length(origin) = 2),
    eccn_published TEXT COLLATE "C",
    document TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (id, since),
    CONSTRAINT chip_until_check CHECK (until > since)
);
CREATE UNIQUE INDEX chip_current_key ON chip (id) WHERE until IS NULL;
CREATE INDEX chip_name_idx ON chip (name, id) WHERE until IS NULL;

-- Every name, alias and identifier of a company or chip, folded for searching.
CREATE TABLE label (
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('company', 'chip')),
    id TEXT COLLATE "C" NOT NULL,
    text TEXT COLLATE "C" NOT NULL,
    folded TEXT COLLATE "C" NOT NULL,
    since BIGINT NOT NULL CHECK (since >= 1),
    until BIGINT,
    PRIMARY KEY (kind, id, text, since),
    CONSTRAINT label_until_check CHECK (until > since)
);
CREATE INDEX label_current_idx ON label (kind, id) WHERE until IS NULL;

CREATE TABLE source_identity (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    created BIGINT NOT NULL CHECK (created >= 1)
);
CREATE TABLE source (
    id TEXT COLLATE "C" NOT NULL REFERENCES source_identity (id),
    since BIGINT NOT NULL CHECK (since >= 1),
    until BIGINT,
    publisher TEXT COLLATE "C" NOT NULL,
    title TEXT COLLATE "C" NOT NULL,
    published_on TEXT COLLATE "C" CHECK (length(published_on) = 10),
    language TEXT COLLATE "C",
    republishes TEXT COLLATE "C" REFERENCES source_identity (id),
    stale_at TIMESTAMPTZ,
    document TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (id, since),
    CONSTRAINT source_until_check CHECK (until > since)
);
CREATE UNIQUE INDEX source_current_key ON source (id) WHERE until IS NULL;
CREATE INDEX source_stale_at_idx ON source (stale_at) WHERE until IS NULL;

CREATE TABLE approval_identity (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    created BIGINT NOT NULL CHECK (created >= 1)
);
CREATE TABLE approval (
    id TEXT COLLATE "C" NOT NULL REFERENCES approval_identity (id),
    since BIGINT NOT NULL CHECK (since >= 1),
    until BIGINT,
    company TEXT COLLATE "C" NOT NULL REFERENCES company_identity (id),
    chip TEXT COLLATE "C" NOT NULL REFERENCES chip_identity (id),
    authority TEXT COLLATE "C" NOT NULL REFERENCES authority_identity (id),
    exporter TEXT COLLATE "C" REFERENCES company_identity (id),
    reference TEXT COLLATE "C",
    supersedes TEXT COLLATE "C" REFERENCES approval_identity (id),
    stage TEXT COLLATE "C" NOT NULL,
    stage_since TEXT COLLATE "C" CHECK (length(stage_since) = 10),
    disputed BOOLEAN NOT NULL,
    valid_from TIMESTAMPTZ,
    valid_until TIMESTAMPTZ,
    document TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (id, since),
    CONSTRAINT approval_valid_check CHECK (valid_until > valid_from),
    CONSTRAINT approval_until_check CHECK (until > since)
);
CREATE UNIQUE INDEX approval_current_key ON approval (id) WHERE until IS NULL;
CREATE INDEX approval_case_idx ON approval (company, chip, authority) WHERE until IS NULL;
CREATE INDEX approval_chip_idx ON approval (chip) WHERE until IS NULL;
CREATE INDEX approval_authority_idx ON approval (authority) WHERE until IS NULL;
CREATE INDEX approval_valid_from_idx ON approval (valid_from) WHERE until IS NULL;
CREATE INDEX approval_valid_until_idx ON approval (valid_until) WHERE until IS NULL;

-- The stage of an approval between two dates of the world, as known between two revisions. The empty text
-- stands for the beginning of time, so that it sorts before every date.
CREATE TABLE stage_span (
    approval TEXT COLLATE "C" NOT NULL REFERENCES approval_identity (id),
    valid_from TEXT COLLATE "C" NOT NULL CHECK (length(valid_from) IN (0, 10)),
    valid_to TEXT COLLATE "C" CHECK (length(valid_to) = 10),
    stage TEXT COLLATE "C" NOT NULL,
    since BIGINT NOT NULL CHECK (since >= 1),
    until BIGINT,
    PRIMARY KEY (approval, valid_from, since),
    CONSTRAINT stage_span_valid_check CHECK (valid_to > valid_from),
    CONSTRAINT stage_span_until_check CHECK (until > since)
);
CREATE UNIQUE INDEX stage_span_current_key ON stage_span (approval, valid_from) WHERE until IS NULL;
CREATE INDEX stage_span_stage_idx ON stage_span (stage, approval);
CREATE INDEX stage_span_valid_from_idx ON stage_span (valid_from) WHERE until IS NULL;

CREATE TABLE transition_identity (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    created BIGINT NOT NULL CHECK (created >= 1)
);
CREATE TABLE transition (
    id TEXT COLLATE "C" NOT NULL REFERENCES transition_identity (id),
    since BIGINT NOT NULL CHECK (since >= 1),
    until BIGINT,
    approval TEXT COLLATE "C" NOT NULL REFERENCES approval_identity (id),
    stage TEXT COLLATE "C" NOT NULL,
    effective_on TEXT COLLATE "C" NOT NULL CHECK (length(effective_on) = 10),
    retracted BOOLEAN NOT NULL,
    document TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (id, since),
    CONSTRAINT transition_until_check CHECK (until > since)
);
CREATE UNIQUE INDEX transition_current_key ON transition (id) WHERE until IS NULL;
CREATE INDEX transition_approval_idx ON transition (approval, effective_on) WHERE until IS NULL;

CREATE TABLE report_identity (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    created BIGINT NOT NULL CHECK (created >= 1)
);
CREATE TABLE report (
    id TEXT COLLATE "C" NOT NULL REFERENCES report_identity (id),
    since BIGINT NOT NULL CHECK (since >= 1),
    until BIGINT,
    company TEXT COLLATE "C" REFERENCES company_identity (id),
    chip TEXT COLLATE "C" REFERENCES chip_identity (id),
    authority TEXT COLLATE "C" REFERENCES authority_identity (id),
    stage TEXT COLLATE "C",
    on_date TEXT COLLATE "C" NOT NULL CHECK (length(on_date) = 10),
    modality TEXT COLLATE "C" NOT NULL CHECK (modality IN ('states', 'plans', 'expects', 'denies', 'declines', 'silent')),
    status TEXT COLLATE "C" NOT NULL CHECK (status IN ('open', 'settled')),
    document TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (id, since),
    CONSTRAINT report_about_check CHECK (company IS NOT NULL OR chip IS NOT NULL OR authority IS NOT NULL),
    CONSTRAINT report_until_check CHECK (until > since)
);
CREATE UNIQUE INDEX report_current_key ON report (id) WHERE until IS NULL;
CREATE INDEX report_case_idx ON report (company, chip, authority) WHERE until IS NULL;
CREATE INDEX report_on_date_idx ON report (on_date) WHERE until IS NULL;

CREATE TABLE condition_identity (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    created BIGINT NOT NULL CHECK (created >= 1)
);
CREATE TABLE condition (
    id TEXT COLLATE "C" NOT NULL REFERENCES condition_identity (id),
    since BIGINT NOT NULL CHECK (since >= 1),
    until BIGINT,
    authority TEXT COLLATE "C" REFERENCES authority_identity (id),
    approval TEXT COLLATE "C" REFERENCES approval_identity (id),
    company TEXT COLLATE "C" REFERENCES company_identity (id),
    chip TEXT COLLATE "C" REFERENCES chip_identity (id),
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('domestic_share', 'unit_cap', 'relative_cap', 'specification_limit', 'exclusion', 'location_of_use', 'requirement', 'prohibition', 'payment', 'other')),
    force TEXT COLLATE "C" NOT NULL CHECK (force IN ('encouraged', 'may_be_required', 'required')),
    status TEXT COLLATE "C" NOT NULL CHECK (status IN ('proposed', 'in_force', 'waived')),
    in_force_from TIMESTAMPTZ,
    in_force_until TIMESTAMPTZ,
    document TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (id, since),
    CONSTRAINT condition_scope_check
        CHECK (authority IS NOT NULL OR approval IS NOT NULL OR company IS NOT NULL OR chip IS NOT NULL),
    CONSTRAINT condition_in_force_check CHECK (in_force_until > in_force_from),
    CONSTRAINT condition_until_check CHECK (until > since)
);
CREATE UNIQUE INDEX condition_current_key ON condition (id) WHERE until IS NULL;
CREATE INDEX condition_in_force_from_idx ON condition (in_force_from) WHERE until IS NULL;
CREATE INDEX condition_in_force_until_idx ON condition (in_force_until) WHERE until IS NULL;

-- Keys and kept replies are no register data: they make no revision and are never exported.
CREATE TABLE api_key (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    owner TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C" NOT NULL CHECK (role IN ('reader', 'editor', 'admin')),
    authorities TEXT COLLATE "C" NOT NULL,
    secret_digest BYTEA NOT NULL CHECK (length(secret_digest) = 32),
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    revoked_at TIMESTAMPTZ,
    last_used_at TIMESTAMPTZ,
    CONSTRAINT api_key_expires_check CHECK (expires_at > created_at)
);

CREATE TABLE reply (
    actor TEXT COLLATE "C" NOT NULL,
    idempotency_key TEXT COLLATE "C" NOT NULL,
    request_digest BYTEA NOT NULL CHECK (length(request_digest) = 32),
    status BIGINT NOT NULL CHECK (status BETWEEN 200 AND 499),
    headers TEXT COLLATE "C" NOT NULL,
    body BYTEA NOT NULL,
    kept_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (actor, idempotency_key)
);
CREATE INDEX reply_kept_at_idx ON reply (kept_at);
