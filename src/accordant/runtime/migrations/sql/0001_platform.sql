-- What every room's tables stand on: who may see a row, records with versions, raw pages, watermarks.

-- Entities of the current transaction, as a door has set them; nothing set is nothing seen.
create function may_see(entity text) returns boolean
  language sql stable parallel safe
  return entity = any (string_to_array(coalesce(current_setting('accordant.entities', true), ''), ','))
      or coalesce(current_setting('accordant.entities', true), '') = '*';

-- Put row-level security on a table that has an entity column: workers see all, doors what was set.
create function protect(target regclass) returns void language plpgsql as $$
begin
  execute format('alter table %s enable row level security', target);
  execute format('create policy door on %s for select to accordant_door using (may_see(entity))', target);
  execute format('create policy worker on %s to accordant_worker using (true) with check (true)', target);
end $$;

-- A raw page or envelope body as it came, kept once; versions point to (blob, position).
create table blob (
  id          bigint generated always as identity primary key,
  system      text        not null,
  kind        text        not null,
  received_at timestamptz not null default clock_timestamp(),
  body        bytea       not null
);

-- The current state of a canonical object; entity '' is firm-wide (a customer).
create table record (
  id          text        primary key,
  kind        text        not null,
  entity      text        not null default '',
  version     int         not null,
  hash        text        not null,
  changed_at  timestamptz not null,   -- the source's own instant of the change
  recorded_at timestamptz not null default clock_timestamp(),
  body        json        not null,
  deleted     boolean     not null default false
) with (fillfactor = 80);
create index record_kind on record (kind, recorded_at);
select protect('record');

-- Each version ever accepted, with where it came from (lineage = version + mapping).
create table record_version (
  id          text        not null,
  version     int         not null,
  entity      text        not null default '',
  hash        text        not null,
  system      text        not null,   -- the system that said so, or 'accordant'
  source_ref  text        not null,   -- its id there
  mapping     text        not null default '',
  blob        bigint,
  position    int,
  changed_at  timestamptz not null,
  recorded_at timestamptz not null default clock_timestamp(),
  body        json        not null,
  primary key (id, version)
);
select protect('record_version');

-- How far a feed has been read.
create table watermark (
  system     text        not null,
  feed       text        not null,
  value      text        not null,
  updated_at timestamptz not null default clock_timestamp(),
  primary key (system, feed)
);
