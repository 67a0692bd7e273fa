-- The audit trail: rows in the transaction of the act; a sealer chains them in batches and writes each root outside.

create table audit (
  id     bigint generated always as identity primary key,
  at     timestamptz not null default clock_timestamp(),
  entity text        not null default '',
  actor  text        not null,                   -- worker id, 'system', or a client of the API
  action text        not null,                   -- 'case.resolved', 'approval.decided'
  subject text       not null,
  detail json        not null
);
create index audit_subject on audit (subject, id);
select protect('audit');

create table audit_seal (
  batch     bigint generated always as identity primary key,
  first_id  bigint      not null,
  last_id   bigint      not null,
  rows      int         not null,
  root      text        not null,                -- Merkle root over keyed hashes
  chained   text        not null,                -- hash of (previous chained, root)
  sealed_at timestamptz not null default clock_timestamp()
);

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'rows of % are never changed', tg_table_name using errcode = 'integrity_constraint_violation';
end $$;
create trigger audit_is_append_only before update or delete or truncate on audit
  for each statement execute function refuse_change();
create trigger audit_seal_is_append_only before update or delete or truncate on audit_seal
  for each statement execute function refuse_change();
