-- Where each refund's saga stands, for operators: written at its start, its turns and its end.
create table saga.refunds (
  refund_id  uuid primary key,
  payment_id uuid not null,
  tenant     text not null,
  user_id    text not null,
  status     text not null,
  step       text not null,
  failure    text,
  parked     boolean not null,
  started_at bigint not null,
  updated_at bigint not null
) with (fillfactor = 80);

create index refunds_open on saga.refunds (started_at) where status not in ('COMPLETED', 'FAILED');
