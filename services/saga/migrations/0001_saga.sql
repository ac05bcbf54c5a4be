create schema saga;

create table saga.sagas (
  payment_id  uuid primary key,
  tenant      text not null,
  user_id     text not null,
  status      text not null,
  step        text not null,
  failure     text,
  deadline    bigint not null,
  stuck_since bigint,
  parked      boolean not null,
  version     int not null,
  started_at  bigint not null,
  updated_at  bigint not null
) with (fillfactor = 80);

create index sagas_open on saga.sagas (started_at) where status not in ('COMPLETED', 'FAILED');
