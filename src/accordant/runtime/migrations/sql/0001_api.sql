-- The API's own memory: answers to repeated writes, and who still calls what will end. Doors see neither.

create table api_answer (
  client      text        not null,
  key         text        not null,              -- the caller's Idempotency-Key
  fingerprint text        not null,              -- of method, path and body: the same key is the same request
  status      int         not null,
  body        text        not null,
  at          timestamptz not null default clock_timestamp(),
  primary key (client, key)
);
create index api_answer_at on api_answer (at);
alter table api_answer enable row level security;
create policy worker on api_answer to accordant_worker using (true) with check (true);

create table api_deprecated_call (
  operation text not null,                       -- 'GET /v0/engagements/{id}'
  client    text not null,
  day       date not null,
  count     bigint not null,
  primary key (operation, client, day)
);
