-- What waits for a person: exceptions with a price, approvals, and the timeline of both.

create table exception_case (
  id               text        primary key,
  code             text        not null,               -- dotted, stable: erp.invoice.period_closed
  sentence         text        not null,
  remedy           text        not null default '',
  entity           text        not null default '',
  client_id        text,
  client           text        not null default '',    -- the client's name, as shown
  project_id       text,
  contract_id      text,
  contract_version int,
  engagement       text        not null default '',
  invoice_id       text,
  billing_cycle    text        not null default '',    -- 2026-11
  stage            text        not null,
  exposure_minor   bigint,                             -- in the entity's currency; null: no money hangs on it
  currency         text,
  group_minor      bigint,                             -- the same in the group's currency
  group_currency   text,
  deadline         timestamptz,
  tier             int         not null check (tier between 1 and 3),
  role             text        not null,               -- who can act
  actions          text[]      not null,               -- how
  replay_roles     text[]      not null default '{}',  -- who else may retry and reprocess
  editable         text[]      not null default '{}',  -- fields that an edit may touch: contract.po_number
  owner            text        not null default '',    -- worker number of who took it
  tags             text[]      not null default '{}',
  state            text        not null default 'open' check (state in ('open', 'waiting', 'replaying', 'resolved')),
  run_id           text,
  effect_key       text,
  cause_key        text        not null,               -- what has the same cause has the same key
  subject          text        not null,               -- what it is about: with the cause, the identity of the problem
  seen_count       int         not null default 1,
  details          json        not null,               -- masked
  opened_at        timestamptz not null,
  seen_at          timestamptz not null,
  escalated_at     timestamptz,
  waits_until      timestamptz,                        -- parked by a person
  proposal         json,                               -- waits for a second person
  resolution       json,
  closed_at        timestamptz,
  closed_by        text,
  root_cause       text,
  previous_id      text,                               -- the resolved case of the same problem before
  check ((exposure_minor is null) = (currency is null)),
  check ((group_minor is null) = (group_currency is null)),
  check ((state = 'resolved') = (closed_at is not null))
) with (fillfactor = 80);
create unique index exception_case_live on exception_case (cause_key, subject) where state <> 'resolved';
create index exception_case_past on exception_case (cause_key, subject, closed_at) where state = 'resolved';
create index exception_case_cause on exception_case (cause_key) where state <> 'resolved';
create index exception_case_run on exception_case (run_id) where run_id is not null;
create index exception_case_project on exception_case (project_id) where project_id is not null;
create index exception_case_closed on exception_case (closed_at) where state = 'resolved';
select protect('exception_case');

create table approval (
  id           text        primary key,
  kind         text        not null,                   -- what is approved: post_invoice, activate_project
  subject      text        not null,                   -- about which object
  view         json        not null,                   -- canonical JSON of what the approver sees
  view_hash    text        not null,
  entity       text        not null default '',
  amount_minor bigint,
  currency     text,
  requester    text        not null,                   -- worker number
  role         text        not null,                   -- who may decide
  delegates    text[]      not null default '{}',      -- worker numbers
  rule         text        not null,                   -- the policy row that asked
  deadline     timestamptz,
  run_id       text        not null default '',
  state        text        not null default 'open'
               check (state in ('open', 'approved', 'rejected', 'superseded', 'withdrawn')),
  asked_at     timestamptz not null,
  decided_by   text,                                   -- worker number
  decided_at   timestamptz,
  reason       text,
  check ((amount_minor is null) = (currency is null)),
  -- The last door: whatever code path wrote it, nobody approves for himself.
  constraint approval_two_people check (state <> 'approved' or decided_by <> requester),
  check ((state = 'open') = (decided_at is null))
) with (fillfactor = 80);
create unique index approval_live on approval (run_id, kind, subject) where state = 'open';
create unique index approval_view on approval (run_id, kind, subject, view_hash) where state in ('open', 'approved', 'rejected');
create index approval_open on approval (deadline) where state = 'open';
select protect('approval');

-- What happened to a case or an approval, and who did it; append-only.
create table case_event (
  id      bigint generated always as identity primary key,
  subject text        not null,                        -- id of the case or approval
  entity  text        not null default '',
  at      timestamptz not null,
  actor   text        not null,                        -- worker number, or accordant
  kind    text        not null,
  detail  json        not null
);
create index case_event_subject on case_event (subject, id);
select protect('case_event');
