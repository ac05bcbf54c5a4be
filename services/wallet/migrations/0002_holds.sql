-- Money set aside for a merchant. A row is written with each event of its hold, whole; `expired` may come a little late,
-- so readers count an open hold whose time is up as expired.
create table wallet.holds (
  id               text collate "C" primary key,
  tenant           text not null,
  wallet_id        text collate "C" not null,
  user_id          text not null,
  merchant_id      text not null,
  currency         text not null,
  amount           bigint not null check (amount > 0),
  captured_amount  bigint not null check (captured_amount >= 0),
  remaining_amount bigint not null check (remaining_amount >= 0),
  released_amount  bigint not null check (released_amount >= 0),
  status           text not null,
  expires_at       bigint not null,
  version          int not null,
  created_at       bigint not null,
  updated_at       bigint not null,
  check (amount = captured_amount + remaining_amount + released_amount)
) with (fillfactor = 80);

-- A wallet's holds, newest first (ids are UUIDv7).
create index holds_wallet on wallet.holds (wallet_id, id);
-- What of a wallet is held although its time is up: open holds only, so it stays small.
create index holds_open on wallet.holds (wallet_id, expires_at) where remaining_amount > 0;
