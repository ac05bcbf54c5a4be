-- The journal, the log and the ledger. README.md of this folder says why they look like this.
-- Times are bigint, ms since the epoch, and always a parameter: the database's own clock decides nothing.

create schema journal;
create schema bus;
create schema ledger;

-- One row per fact: event store, record of dedupe and log record at once. `off` is dense per topic partition.
create table journal.events (
  id uuid not null,
  stream text collate "C" not null,
  version int not null,
  type text not null,
  cause uuid not null,
  n smallint not null,
  tp smallint not null,
  off bigint not null,
  body text not null
) partition by hash (tp);

-- Each partition's constraints have names of their own: by them the store tells what a duplicate means.
do $$
begin
  for i in 0..7 loop
    execute format('create table journal.events_%s (like journal.events)', i);
    execute format('alter table journal.events_%s
      add constraint events_version_%s primary key (tp, stream, version),
      add constraint events_off_%s unique (tp, off),
      add constraint events_cause_%s unique (tp, cause, n)', i, i, i, i);
    execute format('alter table journal.events attach partition journal.events_%s
      for values with (modulus 8, remainder %s)', i, i);
  end loop;
end $$;

-- Adopts the partitions' indexes of the same columns.
alter table journal.events
  add constraint events_version primary key (tp, stream, version),
  add constraint events_off unique (tp, off),
  add constraint events_cause unique (tp, cause, n);

-- Commands are no facts: the same offset space, a table of its own, old rows removed by (tp, off) once every group is
-- past them. Dead rows are one contiguous range per partition, so vacuum should not wait for a fifth of the table.
create table bus.log (
  tp smallint not null,
  off bigint not null,
  body text not null,
  constraint log_off primary key (tp, off)
) with (autovacuum_vacuum_scale_factor = 0.02);

-- Next free offset. The row's lock is held to the end of the commit, so offsets appear in order.
create table bus.partitions (tp smallint primary key, next bigint not null check (next >= 0)) with (fillfactor = 10);

-- Next offset a group will process; grp is the service's number.
create table bus.offsets (
  grp smallint not null,
  tp smallint not null,
  next bigint not null check (next >= 0),
  primary key (grp, tp)
) with (fillfactor = 10);

-- At most one per stream; tp is where its TimerFired goes.
create table journal.timers (
  stream text collate "C" primary key,
  tp smallint not null,
  due_at bigint not null,
  partitionkey text not null,
  correlationid text not null
) with (fillfactor = 80);
create index timers_due on journal.timers (due_at);

create table journal.snapshots (
  tp smallint not null,
  stream text collate "C" not null,
  version int not null,
  schema int not null,
  time bigint not null,
  state text not null,
  primary key (tp, stream)
);

-- One row moves money from source to destination: balanced by construction. The id follows from the key (uuidv5), so
-- the key alone is indexed.
create table ledger.postings (
  id uuid not null,
  source text not null,
  destination text not null,
  amount bigint not null check (amount > 0),
  currency text not null,
  kind text collate "C" not null,
  payment_id text collate "C" not null,
  ref text collate "C" not null,
  stream text collate "C" not null,
  version int not null,
  time bigint not null,
  constraint postings_once primary key (payment_id, kind, ref)
);

create table bus.dead_letters (
  id uuid primary key,
  service text not null,
  unit text not null,
  topic text not null,
  tp smallint not null,
  off bigint not null,
  message_id text not null,
  type text not null,
  error_class text not null,
  error text not null,
  history text not null,
  body text not null,
  status text not null,
  created_at bigint not null,
  updated_at bigint not null
);
-- A unit is parked while one of its letters is dead.
create index dead_letters_dead on bus.dead_letters (service, unit) where status = 'dead';

create table bus.parked_messages (
  service text not null,
  unit text not null,
  seq bigint not null,
  body text not null,
  primary key (service, unit, seq)
);

-- The names of the textbook pattern, for whoever looks for them.
create view journal.processed_events as
  select cause as event_id,
    (array['payment', 'wallet', 'gateway', 'saga', 'metrics', 'notification'])[(tp / 64) + 1] as service
  from journal.events where n = 0;
create view bus.outbox as
  select tp, off, id, type, stream, cause, body from journal.events
  union all
  select tp, off, null::uuid, null::text, null::text, null::uuid, body from bus.log;

-- A CTE that touches too few rows aborts nothing by itself; this does, under a SQLSTATE of its own.
create function bus.expect(what text, got bigint, want bigint) returns boolean language plpgsql as $$
begin
  if got = want then
    return true;
  end if;
  raise exception 'expected % %, got %', want, what, got using errcode = case what
    when 'offsets' then 'WF001'
    when 'previous versions' then 'WF003'
    when 'timers' then 'WF004'
    else 'WF002'
  end;
end $$;
