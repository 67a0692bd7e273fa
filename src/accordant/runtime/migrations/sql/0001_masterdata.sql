-- Identity of what several systems know: one canonical id, many ids there; merges, matches, echoes, segments.

-- Which canonical id a record of a connected system stands for. Rows never move to another id (R-MDM-02).
create table xref (
  system      text        not null,
  type        text        not null,
  external_id text        not null,
  id          text        not null,
  kind        text        not null,
  entity      text        not null default '',
  since       timestamptz not null default clock_timestamp(),
  until       timestamptz,             -- the record is gone there
  primary key (system, type, external_id)
);
create index xref_id on xref (id);
select protect('xref');

-- A merge: from_id is read as to_id while the row is open; ending it is the unmerge (R-MDM-11).
create table alias (
  from_id      text        not null,
  to_id        text        not null,
  at           timestamptz not null,
  by           text        not null,
  reason       text        not null,
  ended_at     timestamptz,
  ended_by     text,
  ended_reason text,
  check (from_id <> to_id)
);
create unique index alias_open on alias (from_id) where ended_at is null;
create index alias_to on alias (to_id) where ended_at is null;

-- What a customer is found by, normalized; one row per canonical id, aliased ones included.
create table customer_key (
  id        text primary key,
  name      text not null,             -- legal name without its legal form, folded
  country   text not null default '',
  vat       text not null default '',  -- with country prefix; '' when absent
  vat_valid boolean not null default false,
  lei       text not null default '',
  parent_id text
);
create index customer_key_vat on customer_key (vat) where vat <> '';
create index customer_key_lei on customer_key (lei) where lei <> '';
create index customer_key_country on customer_key (country);

-- The steward's queue: pairs that may be one client. A decided pair is never asked again.
create table match_candidate (
  id         text        primary key,
  left_id    text        not null,
  right_id   text        not null,
  score      int         not null,
  reasons    json        not null,
  state      text        not null default 'open' check (state in ('open', 'merged', 'rejected')),
  opened_at  timestamptz not null default clock_timestamp(),
  decided_at timestamptz,
  decided_by text,
  decision   text,
  unique (left_id, right_id),
  check (left_id < right_id)
);
create index match_candidate_open on match_candidate (opened_at) where state = 'open';

-- What a record looked like, read back after our own write: keyed hash per field.
create table echo (
  system      text        not null,
  type        text        not null,
  external_id text        not null,
  hashes      jsonb       not null,
  at          timestamptz not null default clock_timestamp(),
  primary key (system, type, external_id)
);

-- Changes of the last hour per field, to see two systems overwrite each other.
create table field_change (
  id     text        not null,
  field  text        not null,
  before text        not null,         -- keyed hashes
  after  text        not null,
  system text        not null,
  at     timestamptz not null
);
create index field_change_field on field_change (id, field, at);

-- Fields that flipped too often: nothing is written to them until a person releases them.
create table field_stop (
  id          text        not null,
  field       text        not null,
  at          timestamptz not null,
  released_at timestamptz,
  released_by text
);
create unique index field_stop_open on field_stop (id, field) where released_at is null;

-- What holds from a civil day on (valid_from), as its source entered it at an instant (entered_at). Append-only.
create table segment (
  kind        text        not null,
  key         text        not null,
  valid_from  date        not null,
  entered_at  timestamptz not null,
  version     int         not null,    -- of one entry: a re-read through another mapping
  entity      text        not null default '',
  body        json,                    -- null: the entry was withdrawn
  recorded_at timestamptz not null default clock_timestamp(),
  primary key (kind, key, valid_from, entered_at, version)
);
select protect('segment');
