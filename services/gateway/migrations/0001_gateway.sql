-- The gateway's read models. The truth is the journal; these rows are what operators and the timeline read.
create schema if not exists gateway;

-- One row an attempt, written when an answer arrives or stays away and not at the intent, so that a payment which goes
-- through at once costs one row. Money is bigint minor units, times are ms since the epoch.
create table gateway.attempts (
  payment_id         text collate "C" not null,
  provider           text collate "C" not null,
  attempt            int not null check (attempt >= 1),
  status             text collate "C" not null,
  key                text collate "C" not null,
  handle             text collate "C",
  provider_reference text collate "C",
  code               text collate "C",
  amount             bigint not null check (amount > 0),
  currency           text collate "C" not null,
  started_at         bigint not null,
  updated_at         bigint not null,
  primary key (payment_id, provider, attempt)
) with (fillfactor = 80);

-- At most one attempt of a payment may be able to take money. The stream keeps this already; the index is the last guard.
create unique index attempts_one_that_may_charge on gateway.attempts (payment_id)
  where status in ('STARTED', 'UNKNOWN', 'PENDING', 'REVIEW', 'SUCCEEDED');

create index attempts_unresolved on gateway.attempts (started_at)
  where status in ('UNKNOWN', 'PENDING', 'REVIEW', 'REVERSING');

create table gateway.breakers (
  provider   text collate "C" primary key,
  state      text collate "C" not null check (state in ('closed', 'open', 'half_open')),
  failures   int not null,
  until      bigint,
  reason     text,
  updated_at bigint not null
) with (fillfactor = 80);
