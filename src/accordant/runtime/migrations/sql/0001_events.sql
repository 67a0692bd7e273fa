-- Events out: writers insert into event_fresh; one sequencer moves rows to event_log in commit order and alone notifies.

create table event_fresh (
  id      bigint generated always as identity primary key,
  key     text        not null,                  -- order is kept per key
  type    text        not null,
  subject text        not null default '',
  entity  text        not null default '',
  at      timestamptz not null default clock_timestamp(),
  data    json        not null
);
select protect('event_fresh');

create table event_log (
  position bigint generated always as identity primary key,
  id       bigint      not null,
  key      text        not null,
  type     text        not null,
  subject  text        not null default '',
  entity   text        not null default '',
  at       timestamptz not null,
  logged_at timestamptz not null default clock_timestamp(),
  data     json        not null
);
create index event_log_key on event_log (key, position);
create index event_log_subject on event_log (subject, position) where subject <> '';
create index event_log_type on event_log (type, position);
create index event_log_at on event_log using brin (at);
select protect('event_log');

create table subscription (
  id         text        primary key,
  owner      text        not null,
  types      text[]      not null,               -- patterns: 'invoice.*'
  target     text        not null,               -- https://… or nats:subject
  secret_ref text        not null default '',
  entities   text[]      not null default '{}',  -- whose events it may see; '*' is all, none is nothing
  position   bigint      not null default 0,     -- taken up to here; what is not done has a row in delivery
  paused     boolean     not null default false,
  created_at timestamptz not null default clock_timestamp()
);

-- Only what is not simply done: in flight, failed and to be tried again, or dead.
create table delivery (
  subscription text        not null references subscription (id),
  position     bigint      not null,
  key          text        not null,
  state        text        not null check (state in ('in_flight', 'failed', 'dead')),
  attempts     int         not null default 0,
  next_at      timestamptz not null default clock_timestamp(),
  error        text        not null default '',
  primary key (subscription, position)
);
create index delivery_open on delivery (subscription, key, position) where state <> 'dead';
