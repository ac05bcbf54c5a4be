-- What providers told by themselves, as it came. A row is written before the delivery is acknowledged and processed
-- afterwards, so a crash in between loses nothing; rows go by age. Times are ms since the epoch.
create table gateway.webhooks (
  provider     text collate "C" not null,
  -- The provider's own id of the event; of an Adyen notification its reference, its code and its success.
  event_id     text collate "C" not null,
  type         text collate "C" not null,
  -- Its place in the body, where one delivery tells several things.
  item         int not null,
  -- The text that stands for exactly the bytes that were signed.
  body         text not null,
  -- received · applied (it changed something) · known (it told nothing new) · ignored (of no interest) · parked (about
  -- a payment that is not known) · failed (it could not be processed)
  status       text collate "C" not null,
  payment_id   text collate "C",
  reason       text,
  looks        int not null,
  received_at  bigint not null,
  -- When it is looked at next; null: never again.
  next_at      bigint,
  primary key (provider, event_id)
) with (fillfactor = 80);

create index webhooks_due on gateway.webhooks (next_at) where next_at is not null;
create index webhooks_by_age on gateway.webhooks (received_at);
