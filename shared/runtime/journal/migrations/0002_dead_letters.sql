-- Dead letters can be brought back: a unit that waits has a row of its own, whose version guards everything done to it.

-- Written by whoever parks, drains or is asked to, always from the version it has read (`was`), in the same statement.
-- The row stays when the unit is open again, so that its sequence never begins anew.
create table bus.parked_units (
  service text not null,
  unit text collate "C" not null,
  version bigint not null,
  was bigint not null,
  status text not null check (status in ('parked', 'redriving', 'discarding', 'draining', 'open')),
  letter uuid,
  error_class text,
  next_seq bigint not null,
  redrives int not null,
  next_redrive_at bigint,
  actor text,
  reason text,
  updated_at bigint not null,
  primary key (service, unit)
);
create index parked_units_waiting on bus.parked_units (service, unit) where status <> 'open';

-- Where a waiting message came from: offsets of different partitions meet in one unit, so they are no order.
alter table bus.parked_messages
  add column tp smallint not null default 0,
  add column off bigint not null default 0,
  add column parked_at bigint not null default 0;

alter table bus.dead_letters
  add column tenant text not null default 'default',
  add column redrives int not null default 0,
  add column next_redrive_at bigint;
drop index bus.dead_letters_dead;
-- Ids are UUIDv7: a list in their order is a list in the order of dying.
create index dead_letters_listed on bus.dead_letters (tenant, id);
create index dead_letters_unit on bus.dead_letters (service, unit, id);
create index dead_letters_dead on bus.dead_letters (tenant, id) where status = 'dead';

create or replace function bus.expect(what text, got bigint, want bigint) returns boolean language plpgsql as $$
begin
  if got = want then
    return true;
  end if;
  raise exception 'expected % %, got %', want, what, got using errcode = case what
    when 'offsets' then 'WF001'
    when 'previous versions' then 'WF003'
    when 'timers' then 'WF004'
    when 'guarded rows' then 'WF005'
    else 'WF002'
  end;
end $$;
