-- Money that went from one wallet to another. A row is written once, with the source's event.
create table wallet.transfers (
  id                    text collate "C" primary key,
  tenant                text not null,
  source_wallet_id      text collate "C" not null,
  destination_wallet_id text collate "C" not null,
  amount                bigint not null check (amount > 0),
  currency              text not null,
  reference             text,
  version               int not null,
  created_at            bigint not null,
  check (source_wallet_id <> destination_wallet_id)
);

-- What a wallet sent, newest first (ids are UUIDv7); the checks of consistency read by it too.
create index transfers_source on wallet.transfers (source_wallet_id, id);
