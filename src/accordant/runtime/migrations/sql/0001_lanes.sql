-- The budget of calls to each connected system, shared by all workers, and the breakers. Every instant is this database's.

create table lane (
  system       text             primary key,
  concurrency  int              not null,
  requests     int,                                   -- calls per window; null for no limit
  window_s     double precision not null,
  per_day      int,                                   -- calls per day in UTC; null for no limit
  level        double precision not null default 0,   -- of the token bucket, at refilled_at
  refilled_at  timestamptz,
  day          date             not null default (clock_timestamp() at time zone 'UTC')::date,
  used_today   bigint           not null default 0,
  paused_until timestamptz,
  saved        json             not null default '{}' -- what each waiting tier has saved of its reserved share
) with (fillfactor = 50);

-- What a process may do without asking again: so many calls at a time, so many in all, until the lease ends.
create table lane_lease (
  system     text        not null references lane on delete cascade,
  holder     text        not null,
  slots      int         not null,
  calls      int         not null,
  in_use     int         not null,                    -- of the slots, when it was written
  expires_at timestamptz not null,
  primary key (system, holder)
) with (fillfactor = 50);

-- How many calls of a tier a process has waiting, and the most urgent of them.
create table lane_wait (
  system     text        not null references lane on delete cascade,
  holder     text        not null,
  tier       int         not null,
  wanted     int         not null,
  deadline   timestamptz not null,                    -- 'infinity' for none
  exposure   numeric     not null,
  since      timestamptz not null,                    -- when the first of them came
  expires_at timestamptz not null,
  primary key (system, holder, tier)
) with (fillfactor = 50);

create table breaker (
  system      text        not null,
  operation   text        not null,
  state       text        not null check (state in ('closed', 'open', 'half_open')),
  open_until  timestamptz not null,                   -- of a probe: when another process may probe instead
  changed_at  timestamptz not null default clock_timestamp(),
  changed_by  text        not null,
  primary key (system, operation)
);
