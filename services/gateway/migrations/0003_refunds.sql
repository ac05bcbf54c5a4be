-- One row a refund, written when an answer arrives or stays away. What a person must look at is found by `reviewed` and
-- by REVERSED: a refund that was done and failed afterwards. Money is bigint minor units, times are ms.
create table gateway.refunds (
  refund_id        text collate "C" primary key,
  payment_id       text collate "C" not null,
  provider         text collate "C" not null,
  status           text collate "C" not null,
  key              text collate "C" not null,
  charge_reference text collate "C" not null,
  reference        text collate "C",
  code             text collate "C",
  amount           bigint not null check (amount > 0),
  currency         text collate "C" not null,
  reviewed         boolean not null,
  started_at       bigint not null,
  updated_at       bigint not null
) with (fillfactor = 80);

create index refunds_unresolved on gateway.refunds (started_at) where status in ('UNKNOWN', 'PENDING');
create index refunds_of_operators on gateway.refunds (updated_at) where reviewed or status = 'REVERSED';
