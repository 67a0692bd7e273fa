-- Estates as they were: a run retries under the snapshot it began with.

create table estate_file (
  hash        text        not null,    -- of the whole estate
  path        text        not null,
  body        bytea       not null,
  recorded_at timestamptz not null default clock_timestamp(),
  primary key (hash, path)
);
