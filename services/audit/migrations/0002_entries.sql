-- The audit trail: one entry for each committed event, chained per tenant. services/audit/README.md says what an entry
-- keeps and what each hash is of.

-- By month of `at`, when it was written (ms): months come off whole, and take a chain's beginning with them.
create table audit.entries (
  tenant       text collate "C" not null,
  -- 1, 2, 3 … of the tenant's chain.
  seq          bigint not null,
  at           bigint not null,
  -- Of the event: its time (ms), its place in the log, its identity, who did it.
  time         bigint not null,
  tp           smallint not null,
  off          bigint not null,
  event_id     uuid not null,
  stream       text collate "C" not null,
  version      int not null,
  type         text collate "C" not null,
  actor        text collate "C" not null,
  -- SHA-256 of the stored row of the event.
  event_sha256 bytea not null,
  -- SHA-256 of the hash before it and this entry.
  hash         bytea not null,
  constraint entries_pkey primary key (tenant, seq, at)
) partition by range (at);

create table audit.entries_default partition of audit.entries default;

-- Where each chain ends. Moves only from where its writer has read it, so that one of two writers has no effect.
create table audit.chains (
  tenant text collate "C" primary key,
  seq    bigint not null,
  hash   bytea not null,
  at     bigint not null
) with (fillfactor = 50);

-- Where each chain ended at the end of a day (UTC); written with the first entry of a later day, and kept for ever.
create table audit.anchors (
  tenant text collate "C" not null,
  day    date not null,
  seq    bigint not null,
  hash   bytea not null,
  constraint anchors_pkey primary key (tenant, day)
);
create index anchors_by_seq on audit.anchors (tenant, seq);

-- Up to where the log stands in the trail. The group's rows of bus.offsets only show it: who winds those back, to have
-- everything read again, must not have everything recorded again.
create table audit.positions (tp smallint primary key, next bigint not null check (next >= 0)) with (fillfactor = 10);
