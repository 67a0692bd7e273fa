-- Writes outside: the intent is stored before the call, the outcome after it; nothing else repeats a write.

create table effect (
  system       text        not null,
  operation    text        not null,
  base         text        not null,             -- canonical id, fields + version, or document + transition
  generation   int         not null,             -- raised only after an undo by another run
  target       text        not null default '', -- one put at a time on a record, so that the later one wins
  kind         text        not null check (kind in ('create', 'put', 'act')),
  run_id       text        not null,
  try_no       int         not null default 0,   -- raised when a person said: again
  entity       text        not null default '',
  payload_hash text        not null,
  state        text        not null check (state in ('intent', 'unsure', 'done', 'failed', 'undone')),
  ref          text,                             -- the record it made or touched
  facts        json,
  error        json,
  adopted      boolean     not null default false,
  calls        int         not null default 0,
  holder       text        not null default '',  -- the executor that works on it now
  intent_at    timestamptz not null default clock_timestamp(),
  called_at    timestamptz,                      -- the last call that may have happened
  ended_at     timestamptz,
  primary key (system, operation, base, generation)
) with (fillfactor = 60);
create index effect_target on effect (system, operation, target) where state = 'intent' and target <> '';
create index effect_run on effect (run_id);
create index effect_open on effect (state, called_at) where state in ('intent', 'unsure');
create index effect_base on effect (base);
select protect('effect');
