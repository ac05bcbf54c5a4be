-- Money on its way out of a wallet. A row is written with each event of its withdrawal, whole.
create table wallet.withdrawals (
  id         text collate "C" primary key,
  tenant     text not null,
  wallet_id  text collate "C" not null,
  user_id    text not null,
  amount     bigint not null check (amount > 0),
  currency   text not null,
  reference  text not null,
  status     text not null,
  reason     text,
  version    int not null,
  created_at bigint not null,
  updated_at bigint not null
) with (fillfactor = 80);

-- A wallet's withdrawals, newest first (ids are UUIDv7).
create index withdrawals_wallet on wallet.withdrawals (wallet_id, id);
