-- One row a refund, written when it is asked for and when it ends. Money is bigint minor units, times are ms.
create table payment.refunds (
  id                 uuid primary key,
  payment_id         uuid not null,
  tenant             text not null,
  user_id            text not null,
  amount             bigint not null check (amount > 0),
  currency           text not null,
  status             text not null check (status in ('pending', 'succeeded', 'failed')),
  reason             text,
  provider           text,
  provider_reference text,
  failure            text,
  created_at         bigint not null,
  completed_at       bigint,
  updated_at         bigint not null
) with (fillfactor = 80);

create index refunds_by_payment on payment.refunds (payment_id, id);
