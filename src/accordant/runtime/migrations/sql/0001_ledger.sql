-- Billing truth per line. The line is the door: whoever changes a balance names an act, and a trigger writes the
-- journal. Suffix _q is a quantity (hours, pieces), _m is money in minor units of the line's currency.

-- What each kind of act may do. The guard below reads it; nobody changes it outside a migration.
create table ledger_act_kind (
  kind           text    primary key,
  moves          text    not null,   -- the one balance it moves; a post also takes the same from `drafted`
  grows          boolean not null,   -- the balance may only grow in size
  has_invoice    boolean not null,
  has_accounting boolean not null,   -- touches the books: carries `accounting_on`
  leaves_over    boolean not null    -- may end with more used than approved (the world changed, or it is being mended)
);
insert into ledger_act_kind values
  ('approve',    'approved',     false, false, false, false),
  ('adjust',     'approved',     false, false, false, true),
  ('price',      'approved',     false, false, false, false),
  ('hold',       'none',         false, false, false, true),
  ('release',    'none',         false, false, false, true),
  ('draft',      'drafted',      true,  true,  false, false),
  ('undraft',    'drafted',      false, true,  false, true),
  ('post',       'billed',       true,  true,  true,  false),
  ('credit',     'credited',     true,  true,  true,  true),
  ('relieve',    'relieved',     true,  false, true,  false),
  ('write_down', 'written_down', true,  false, true,  false),
  ('write_off',  'written_off',  true,  false, true,  false);

-- One row per business act; its lines are in the journal.
create table ledger_act (
  id            bigint      generated always as identity primary key,
  kind          text        not null references ledger_act_kind,
  entity        text        not null,
  invoice_id    text,
  currency      text,                            -- of the invoice
  document_ref  text        not null default '', -- post: the ERP's number; credit: the id of the credit note
  accounting_on date,
  cause         text        not null,            -- the event or decision behind it
  actor         text        not null,
  run           text        not null default '',
  at            timestamptz not null default clock_timestamp(),
  xid           xid8        not null default pg_current_xact_id(),
  constraint ledger_act_invoice check ((invoice_id is null) = (currency is null))
);
create index ledger_act_of_invoice on ledger_act (invoice_id) where invoice_id is not null;
create unique index ledger_act_posted_once on ledger_act (invoice_id) where kind = 'post';
create unique index ledger_act_credited_once on ledger_act (document_ref) where kind = 'credit';
select protect('ledger_act');

-- Days of an entity that are closed for good.
create table ledger_period (
  entity        text        not null,
  start_on      date        not null,
  end_on        date        not null,
  signed_off_at timestamptz not null default clock_timestamp(),
  signed_off_by text        not null,
  primary key (entity, start_on, end_on),
  constraint ledger_period_ordered check (start_on <= end_on)
);
select protect('ledger_period');

create table ledger_line (
  id               text          primary key,
  kind             text          not null,
  entity           text          not null,
  currency         text          not null,
  contract_id      text          not null,
  contract_version int           not null,
  project_id       text          not null,
  worker_id        text,
  role             text,
  worked_on        date          not null,
  source_ref       text          not null constraint ledger_line_source unique,
  unit_price       numeric(20,6),               -- minor units per unit; null: not priced yet
  approved_q       numeric(14, 6) not null default 0,
  approved_m       bigint        not null default 0,
  drafted_q        numeric(14, 6) not null default 0,
  drafted_m        bigint        not null default 0,
  billed_q         numeric(14, 6) not null default 0,
  billed_m         bigint        not null default 0,
  credited_q       numeric(14, 6) not null default 0,
  credited_m       bigint        not null default 0,
  relieved_q       numeric(14, 6) not null default 0,
  relieved_m       bigint        not null default 0,
  written_down_q   numeric(14, 6) not null default 0,
  written_down_m   bigint        not null default 0,
  written_off_q    numeric(14, 6) not null default 0,
  written_off_m    bigint        not null default 0,
  hold_reason      text          not null default '',
  open_invoice     text,                        -- the draft that `drafted` stands on
  act              bigint        not null,      -- the last act

  constraint ledger_line_kind check (kind in ('time', 'expense', 'milestone', 'fee', 'retainer', 'discount', 'retention',
                                              'rounding')),
  constraint ledger_line_currency check (currency ~ '^[A-Z]{3}$'),
  constraint ledger_line_price check (approved_m = coalesce(round(approved_q * unit_price), 0)),
  constraint ledger_line_rounding_limit check (kind <> 'rounding' or abs(approved_m) <= 100),
  -- Corrections are negative lines: every balance of a line stands on the same side of zero.
  constraint ledger_line_sides_q check (
    least(drafted_q, billed_q, credited_q, relieved_q, written_down_q, written_off_q) >= 0
    or greatest(drafted_q, billed_q, credited_q, relieved_q, written_down_q, written_off_q) <= 0),
  constraint ledger_line_sides_m check (
    least(drafted_m, billed_m, credited_m, relieved_m, written_down_m, written_off_m) >= 0
    or greatest(drafted_m, billed_m, credited_m, relieved_m, written_down_m, written_off_m) <= 0),
  constraint ledger_line_credit check (abs(credited_q) <= abs(billed_q) and abs(credited_m) <= abs(billed_m)),
  constraint ledger_line_one_draft check ((drafted_q = 0 and drafted_m = 0) = (open_invoice is null)),
  constraint ledger_line_unpriced check (open_invoice is null or unit_price is not null),
  constraint ledger_line_held check (hold_reason = '' or open_invoice is null)
) with (fillfactor = 50);   -- room for HOT updates: no index touches a balance
create index ledger_line_of_contract on ledger_line (contract_id, worked_on);
select protect('ledger_line');

-- What may be billed of a contract at most, net of credits.
create table ledger_cap (
  contract_id text   not null,
  currency    text   not null,
  entity      text   not null,
  cap_m       bigint not null constraint ledger_cap_positive check (cap_m >= 0),
  primary key (contract_id, currency)
);
select protect('ledger_cap');

-- What an act did to a line; the act's kind says which balance the quantity and the amount moved.
create table ledger_journal (
  act      bigint        not null,
  line_id  text          not null,
  quantity numeric(14, 6) not null,
  amount   bigint        not null,
  primary key (line_id, act)
);
create index ledger_journal_of_act on ledger_journal (act);
-- Only the triggers write here, as the owner: workers and doors read, doors only acts that they may see.
alter table ledger_journal enable row level security;
create policy worker on ledger_journal for select to accordant_worker using (true);
create policy door on ledger_journal for select to accordant_door using (exists (select from ledger_act a where a.id = act));
alter table ledger_act_kind enable row level security;
create policy reader on ledger_act_kind for select to accordant_worker, accordant_door using (true);

-- The lines with what follows from their balances. over_*: used beyond what is approved = the credit that is due.
create view ledger_state with (security_invoker = true) as
select l.*,
       approved_q - used_q as open_q,
       approved_m - used_m as open_m,
       used_q - greatest(least(used_q, greatest(approved_q, 0)), least(approved_q, 0)) as over_q,
       used_m - greatest(least(used_m, greatest(approved_m, 0)), least(approved_m, 0)) as over_m
from ledger_line l
cross join lateral (
  select drafted_q + billed_q - credited_q + relieved_q + written_down_q + written_off_q as used_q,
         drafted_m + billed_m - credited_m + relieved_m + written_down_m + written_off_m as used_m) u;

-- Raise a refusal under a constraint's name; boolean, so that it can stand in a condition.
create function ledger_refuse(rule text, message text) returns boolean language plpgsql as $$
begin
  raise exception using errcode = 'check_violation', constraint = rule, message = message;
end $$;

create function ledger_append_only() returns trigger language plpgsql
  set search_path = accordant, pg_temp as $$
begin
  perform ledger_refuse('ledger_append_only', format('%s is append-only: %s is refused.', tg_table_name, lower(tg_op)));
  return null;
end $$;
create trigger append_only before update or delete or truncate on ledger_journal
  for each statement execute function ledger_append_only();
create trigger append_only before update or delete or truncate on ledger_act
  for each statement execute function ledger_append_only();
create trigger append_only before update or delete or truncate on ledger_period
  for each statement execute function ledger_append_only();
create trigger append_only before insert or update or delete or truncate on ledger_act_kind
  for each statement execute function ledger_append_only();
create trigger append_only before delete or truncate on ledger_line
  for each statement execute function ledger_append_only();

-- Guards set search_path, so that nobody puts a temporary table in the way.

-- An act is dated in open days, belongs to this transaction, and agrees with the other acts of its invoice.
create function ledger_guard_act() returns trigger language plpgsql
  set search_path = accordant, pg_temp as $$
declare
  k ledger_act_kind;
begin
  new.at := clock_timestamp();
  new.xid := pg_current_xact_id();
  select * into k from ledger_act_kind where kind = new.kind;
  if (new.invoice_id is not null) <> k.has_invoice or (new.accounting_on is not null) <> k.has_accounting then
    perform ledger_refuse('ledger_act_shape', format('An act of kind %s lacks its invoice or accounting day.', new.kind));
  end if;
  if new.invoice_id is not null then
    perform pg_advisory_xact_lock(hashtextextended('ledger.invoice:' || new.invoice_id, 0));
    if exists (select from ledger_act a where a.invoice_id = new.invoice_id
               and (a.entity <> new.entity or a.currency <> new.currency)) then
      perform ledger_refuse('ledger_invoice_mixed',
        format('Invoice %s belongs to another entity or currency than %s %s.', new.invoice_id, new.entity, new.currency));
    end if;
    if new.kind in ('draft', 'undraft')
       and exists (select from ledger_act a where a.invoice_id = new.invoice_id and a.kind = 'post') then
      perform ledger_refuse('ledger_invoice_posted', format('Invoice %s is posted.', new.invoice_id));
    end if;
  end if;
  if new.accounting_on is not null then
    perform pg_advisory_xact_lock_shared(hashtextextended('ledger.period:' || new.entity, 0));
    if exists (select from ledger_period p where p.entity = new.entity
               and new.accounting_on between p.start_on and p.end_on) then
      perform ledger_refuse('ledger_period_signed_off',
        format('%s lies in a period of %s that is signed off.', new.accounting_on, new.entity));
    end if;
  end if;
  return new;
end $$;
create trigger guard before insert on ledger_act for each row execute function ledger_guard_act();

-- Signing off waits for the acts that are on their way into the books of the entity.
create function ledger_guard_period() returns trigger language plpgsql
  set search_path = accordant, pg_temp as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('ledger.period:' || new.entity, 0));
  new.signed_off_at := clock_timestamp();
  return new;
end $$;
create trigger guard before insert on ledger_period for each row execute function ledger_guard_period();

-- What a line is does not change under its money: identity never, the rest while nothing of it is in use.
-- Names are qualified instead of setting search_path, which would cost several microseconds per row.
create function ledger_guard_facts() returns trigger language plpgsql as $$
declare
  act_kind text;
begin
  if (new.id, new.kind, new.entity, new.currency, new.source_ref)
     is distinct from (old.id, old.kind, old.entity, old.currency, old.source_ref) then
    perform accordant.ledger_refuse('ledger_line_identity', format('Line %s keeps its kind, entity, currency and source.', old.id));
  end if;
  select a.kind into act_kind from accordant.ledger_act a where a.id = new.act;
  if (new.contract_id, new.project_id, new.worker_id, new.role, new.worked_on)
     is distinct from (old.contract_id, old.project_id, old.worker_id, old.role, old.worked_on)
     and not (act_kind = 'adjust' and accordant.ledger_untouched(new, true)) then
    perform accordant.ledger_refuse('ledger_line_moved', format('Line %s of contract %s is in use.', old.id, old.contract_id));
  end if;
  if (new.unit_price, new.contract_version) is distinct from (old.unit_price, old.contract_version)
     and not (act_kind in ('adjust', 'price') and (new.unit_price is not distinct from old.unit_price
       or new.kind <> 'time' and act_kind = 'adjust' or accordant.ledger_untouched(new, false))) then
    perform accordant.ledger_refuse('ledger_line_repriced', format('Line %s of contract %s is in use.', old.id, old.contract_id));
  end if;
  return new;
end $$;

-- Is nothing of the line in use; strictly: was it never billed?
create function ledger_untouched(line ledger_line, strictly boolean) returns boolean language sql immutable as $$
  select (line.drafted_q, line.drafted_m, line.relieved_q, line.relieved_m, line.written_down_q, line.written_down_m,
          line.written_off_q, line.written_off_m) = (0, 0, 0, 0, 0, 0, 0, 0)
     and (line.billed_q, line.billed_m) = (line.credited_q, line.credited_m)
     and (not strictly or (line.billed_q, line.billed_m) = (0, 0))
$$;
create trigger guard_facts before update of id, kind, entity, currency, source_ref, contract_id, contract_version, project_id,
                                            worker_id, role, worked_on, unit_price
  on ledger_line for each row execute function ledger_guard_facts();

-- The act behind a statement: one, of this transaction.
create function ledger_act_behind(first bigint, last bigint) returns ledger_act language plpgsql as $$
declare
  a ledger_act;
begin
  select * into a from ledger_act where id = first;
  if a.id is null or first <> last or a.xid <> pg_current_xact_id() then
    perform ledger_refuse('ledger_act_missing', 'Lines change under one act of the same transaction.');
  end if;
  return a;
end $$;

create function ledger_journal_inserts() returns trigger language plpgsql security definer
  set search_path = accordant, pg_temp as $$
declare
  a ledger_act;
begin
  if not exists (select from new_rows) then
    return null;
  end if;
  a := ledger_act_behind((select min(act) from new_rows), (select max(act) from new_rows));
  insert into ledger_journal (act, line_id, quantity, amount)
  select a.id, n.id, n.approved_q, n.approved_m
  from new_rows n
  where case when a.kind = 'approve' and n.entity = a.entity and n.hold_reason = '' and n.open_invoice is null
                  and (n.billed_q, n.billed_m, n.relieved_q, n.relieved_m) = (0, 0, 0, 0)
                  and (n.written_down_q, n.written_down_m, n.written_off_q, n.written_off_m) = (0, 0, 0, 0)
             then true
             else ledger_refuse('ledger_move', format('Line %s begins with an approval of %s only.', n.id, a.entity)) end;
  return null;
end $$;
create trigger journal_inserts after insert on ledger_line referencing new table as new_rows
  for each statement execute function ledger_journal_inserts();

-- The guard and the journal of every change. Quantity and amount of an entry are what the act's balance gained.
-- A nested loop over the two transition tables is quadratic, and a cached plan of a small statement would choose it.
create function ledger_journal_updates() returns trigger language plpgsql security definer
  set search_path = accordant, pg_temp set enable_nestloop = off as $$
declare
  a ledger_act;
  k ledger_act_kind;
begin
  if not exists (select from new_rows) then
    return null;
  end if;
  a := ledger_act_behind((select min(act) from new_rows), (select max(act) from new_rows));
  select * into k from ledger_act_kind where kind = a.kind;
  insert into ledger_journal (act, line_id, quantity, amount)
  select a.id, n.id, t.new_q - t.old_q, t.new_m - t.old_m
  from new_rows n join old_rows o on o.id = n.id
  cross join lateral (
    select n.drafted_q + n.billed_q - n.credited_q + n.relieved_q + n.written_down_q + n.written_off_q as q,
           n.drafted_m + n.billed_m - n.credited_m + n.relieved_m + n.written_down_m + n.written_off_m as m) used
  cross join lateral (
    select case k.moves when 'approved' then n.approved_q when 'drafted' then n.drafted_q when 'billed' then n.billed_q
                        when 'credited' then n.credited_q when 'relieved' then n.relieved_q
                        when 'written_down' then n.written_down_q when 'written_off' then n.written_off_q else 0 end as new_q,
           case k.moves when 'approved' then n.approved_m when 'drafted' then n.drafted_m when 'billed' then n.billed_m
                        when 'credited' then n.credited_m when 'relieved' then n.relieved_m
                        when 'written_down' then n.written_down_m when 'written_off' then n.written_off_m else 0 end as new_m,
           case k.moves when 'approved' then o.approved_q when 'drafted' then o.drafted_q when 'billed' then o.billed_q
                        when 'credited' then o.credited_q when 'relieved' then o.relieved_q
                        when 'written_down' then o.written_down_q when 'written_off' then o.written_off_q else 0 end as old_q,
           case k.moves when 'approved' then o.approved_m when 'drafted' then o.drafted_m when 'billed' then o.billed_m
                        when 'credited' then o.credited_m when 'relieved' then o.relieved_m
                        when 'written_down' then o.written_down_m when 'written_off' then o.written_off_m else 0 end as old_m) t
  where case
    when n.entity <> a.entity or n.currency <> coalesce(a.currency, n.currency) then
      ledger_refuse('ledger_invoice_mixed', format('Line %s is of another entity or currency than its act.', n.id))
    when o.act >= a.id then
      ledger_refuse('ledger_act_missing', format('Line %s has a newer act.', n.id))
    when a.kind = 'approve' or a.kind = 'price' and n.approved_q <> o.approved_q
      or not ((k.moves = 'approved' or n.approved_q = o.approved_q and n.approved_m = o.approved_m)
          and case when a.kind = 'post' then n.drafted_q + n.billed_q = o.drafted_q + o.billed_q
                                         and n.drafted_m + n.billed_m = o.drafted_m + o.billed_m
                   else k.moves = 'drafted' or n.drafted_q = o.drafted_q and n.drafted_m = o.drafted_m end
          and (k.moves = 'billed' or n.billed_q = o.billed_q and n.billed_m = o.billed_m)
          and (k.moves = 'credited' or n.credited_q = o.credited_q and n.credited_m = o.credited_m)
          and (k.moves = 'relieved' or n.relieved_q = o.relieved_q and n.relieved_m = o.relieved_m)
          and (k.moves = 'written_down' or n.written_down_q = o.written_down_q and n.written_down_m = o.written_down_m)
          and (k.moves = 'written_off' or n.written_off_q = o.written_off_q and n.written_off_m = o.written_off_m)
          and (n.hold_reason = o.hold_reason or k.moves = 'none')
          and (not k.grows or abs(t.new_q) >= abs(t.old_q) and abs(t.new_m) >= abs(t.old_m))) then
      ledger_refuse('ledger_move', format('An act of kind %s cannot do this to line %s.', a.kind, n.id))
    when a.kind in ('undraft', 'post') and (o.open_invoice is distinct from a.invoice_id or n.open_invoice is not null)
      or a.kind = 'draft' and (coalesce(o.open_invoice, a.invoice_id) <> a.invoice_id
                               or n.open_invoice is distinct from a.invoice_id)
      or a.kind not in ('draft', 'undraft', 'post') and n.open_invoice is distinct from o.open_invoice then
      ledger_refuse('ledger_other_invoice', format('Line %s of contract %s is on invoice %s.', n.id, n.contract_id,
                                                   coalesce(o.open_invoice, '(none)')))
    when not k.leaves_over and (used.q not between least(n.approved_q, 0) and greatest(n.approved_q, 0)
                             or used.m not between least(n.approved_m, 0) and greatest(n.approved_m, 0)) then
      ledger_refuse('ledger_over_billed', format('Line %s of contract %s: %s would use %s (%s minor units %s), approved are %s (%s).',
                    n.id, n.contract_id, a.kind, used.q, used.m, n.currency, n.approved_q, n.approved_m))
    else true end;
  return null;
end $$;
create trigger journal_updates after update on ledger_line referencing old table as old_rows new table as new_rows
  for each statement execute function ledger_journal_updates();

-- A credit takes back no more of a line than its own invoice billed. Runs after the journal is written (order of name).
-- It adds up the whole invoice by the acts' index: a join with the transition table has no statistics to plan by.
create function ledger_guard_credit() returns trigger language plpgsql security definer
  set search_path = accordant, pg_temp as $$
declare
  a ledger_act;
  posted bigint;
  acts bigint[];
  line text;
begin
  select * into a from ledger_act where id = (select act from new_rows limit 1);
  if a.kind = 'credit' then
    select max(id) filter (where kind = 'post'), array_agg(id) into posted, acts
    from ledger_act where invoice_id = a.invoice_id and kind in ('post', 'credit');
    select j.line_id into line from ledger_journal j where j.act = any (acts)
    group by j.line_id
    having abs(sum(case when j.act = posted then 0 else j.quantity end)) > abs(sum(case when j.act = posted then j.quantity else 0 end))
        or abs(sum(case when j.act = posted then 0 else j.amount end)) > abs(sum(case when j.act = posted then j.amount else 0 end))
    limit 1;
    if line is not null then
      perform ledger_refuse('ledger_over_credited', format('Invoice %s did not bill so much of line %s.', a.invoice_id, line));
    end if;
  end if;
  return null;
end $$;
create trigger later_guard_credit after update on ledger_line referencing new table as new_rows
  for each statement execute function ledger_guard_credit();

-- Drafts stay within the cap of their contract. The cap's row is locked first, so that drafts of one contract follow
-- each other; the sum after it sees what the one before has drafted. A draft that only lowers the bill always goes on.
create function ledger_guard_cap() returns trigger language plpgsql security definer
  set search_path = accordant, pg_temp as $$
declare
  c ledger_cap;
  used bigint;
begin
  if (select kind from ledger_act where id = (select act from new_rows limit 1)) = 'draft' then
    for c in select * from ledger_cap
             where (contract_id, currency) in (select contract_id, currency from new_rows group by 1, 2 having sum(drafted_m) > 0)
             order by contract_id for update loop
      select sum(drafted_m + billed_m - credited_m) into used from ledger_line
      where contract_id = c.contract_id and currency = c.currency;
      if used > c.cap_m then
        perform ledger_refuse('ledger_over_cap', format('Contract %s would be billed with %s minor units %s, its cap is %s.',
                              c.contract_id, used, c.currency, c.cap_m));
      end if;
    end loop;
  end if;
  return null;
end $$;
create trigger later_guard_cap after update on ledger_line referencing new table as new_rows
  for each statement execute function ledger_guard_cap();
