create schema wallet;

-- Money is bigint minor units. The checks are the last guard: the decider refuses long before them.
create table wallet.wallets (
  id         text collate "C" primary key,
  tenant     text not null,
  user_id    text not null,
  currency   text not null,
  balance    bigint not null check (balance >= 0),
  available  bigint not null check (available >= 0),
  held       bigint not null check (held >= 0),
  status     text not null,
  metadata   text,
  version    int not null,
  created_at bigint not null,
  updated_at bigint not null,
  check (balance = available + held)
) with (fillfactor = 70);

create table wallet.owners (
  tenant    text collate "C" not null,
  user_id   text collate "C" not null,
  currency  text collate "C" not null,
  wallet_id text collate "C" not null,
  constraint owners_pkey primary key (tenant, user_id, currency)
);
