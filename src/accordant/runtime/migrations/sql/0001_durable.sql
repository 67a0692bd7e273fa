-- Runs as the business sees them (the engine keeps its own tables), the gates they wait at, and who is alive.

create table run (
  id          text        primary key,           -- the engine's id: flow@version:key#generation
  flow        text        not null,
  version     int         not null,
  key         text        not null,              -- one piece of work, not a topic
  generation  int         not null,
  rank        bigint      not null default 0,    -- orders events of one key: a contract's version
  input       json        not null,              -- ids, versions and money; no personal field
  input_hash  text        not null,
  state       text        not null check (state in
    ('running', 'parked', 'done', 'failed', 'compensated', 'superseded', 'dismissed')),
  entity      text        not null default '',
  subject     text        not null default '',   -- correlation: the engagement it belongs to
  tier        text        not null default 'standard',
  snapshot    text        not null default '',   -- hash of the estate it started under
  attempt     int         not null default 0,    -- fencing token: raised each time a process takes the run
  executor    text        not null default '',
  freed       boolean     not null default false,
  started_at  timestamptz not null default clock_timestamp(),
  taken_at    timestamptz,
  ended_at    timestamptz,
  outcome     json
) with (fillfactor = 70);
create unique index run_key on run (flow, key) where not freed;
create unique index run_work on run (flow, key, generation);
create index run_started on run (started_at desc);
create index run_subject on run (subject, started_at);
create index run_live on run (state, started_at) where state in ('running', 'parked', 'failed');
select protect('run');

-- A newer event of a key whose run must not be overtaken: started when that run ends.
create table run_blocked (
  id         bigint generated always as identity primary key,
  flow       text        not null,
  key        text        not null,
  rank       bigint      not null,
  start      json        not null,
  blocked_at timestamptz not null default clock_timestamp(),
  unique (flow, key, rank)
);

-- What a run read or decided, by name: a replay, from wherever it comes, returns what is recorded here.
create table run_step (
  run_id text        not null,
  name   text        not null,                   -- unique within the run: 'facts:contract:2'
  result json        not null,
  at     timestamptz not null default clock_timestamp(),
  primary key (run_id, name)
);

-- What a run did, in its own words: stages, decisions, facts. Effects and gates have tables of their own.
create table run_note (
  run_id text        not null,
  seq    int         not null,                   -- the same at every replay
  kind   text        not null,
  name   text        not null,
  detail json        not null,
  at     timestamptz not null default clock_timestamp(),
  primary key (run_id, seq)
);

-- A parked run waits at exactly one open gate: a row, not a thread.
create table gate (
  run_id      text        not null,
  name        text        not null,              -- unique within the run: 'approval:invoice', 'case:post_invoice:2'
  kind        text        not null,              -- approval, case, event, date, system
  topic       text        not null default '',   -- what resolves it: an approval id, a case id, an event name
  due_at      timestamptz,                       -- resolved by time, at the latest
  opened_at   timestamptz not null default clock_timestamp(),
  resolved_at timestamptz,
  resolution  json,
  passed_at   timestamptz,
  primary key (run_id, name)
);
create index gate_topic on gate (topic) where resolved_at is null;
create index gate_ready on gate (resolved_at) where resolved_at is not null and passed_at is null;
create index gate_due on gate (due_at) where resolved_at is null and due_at is not null;

-- Processes that run flows; unique per boot, on the database's clock.
create table executor (
  id         text        primary key,
  role       text        not null default 'worker',
  lease_s    real        not null,
  started_at timestamptz not null default clock_timestamp(),
  beat_at    timestamptz not null default clock_timestamp(),
  reaped_at  timestamptz,
  reaped_by  text
);
create index executor_live on executor (beat_at) where reaped_at is null;
