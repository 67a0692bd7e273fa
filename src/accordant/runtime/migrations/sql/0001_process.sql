-- The door-bell's inbox, and the business states of an engagement.

-- One observation from outside, as it was received; it ends in exactly one outcome.
create table envelope (
  id          bigint generated always as identity primary key,
  system      text        not null,
  kind        text        not null,               -- what rang: 'opportunity.closed_won', 'time_entries.page'
  dedupe_key  text        not null,               -- the vendor's own id of the notification
  subject     text        not null default '',    -- the record to fetch
  received_at timestamptz not null default clock_timestamp(),
  body        bytea       not null,
  state       text        not null default 'open' check (state in
    ('open', 'applied', 'duplicate', 'echo', 'superseded', 'refused', 'dead')),
  attempts    int         not null default 0,
  next_at     timestamptz not null default clock_timestamp(),
  error       text        not null default '',
  ended_at    timestamptz,
  unique (system, dedupe_key)
);
create index envelope_open on envelope (next_at) where state = 'open';

-- Sold, activated, financially approved, ready to bill: apart from any run's state, each with its evidence.
create table engagement_state (
  engagement text        not null,                -- contract id; the deal's id until a contract is known
  state      text        not null check (state in ('sold', 'activated', 'financially_approved', 'ready_to_bill')),
  status     text        not null check (status in ('reached', 'in_progress', 'blocked')),
  entity     text        not null default '',
  at         timestamptz not null default clock_timestamp(),
  source     text        not null,                -- the system or person that says so
  evidence   json        not null,
  run_id     text        not null default '',
  primary key (engagement, state)
);
select protect('engagement_state');

-- What became of each observation, counted per feed and hour: in = applied + duplicate + echo + superseded + refused + open.
create table observation_count (
  system   text        not null,
  kind     text        not null,
  outcome  text        not null,
  hour     timestamptz not null,
  count    bigint      not null,
  primary key (system, kind, outcome, hour)
);

-- Approved lines, claimed by one batch of time-to-bill in the intake transaction.
create sequence time_batch;
create table time_claim (
  batch      bigint not null,
  line_id    text   not null,
  version    int    not null,
  project_id text   not null,
  primary key (batch, line_id)
);
create unique index time_claim_once on time_claim (line_id, version);
