create schema api;

-- One row per Idempotency-Key, written in the commit of the event it stands for (DECISIONS D4), so the key exists if
-- and only if the event does. No answer is stored: it is computed from the current state of what was made.
create table api.idempotency_keys (
  tenant text not null,
  method text not null,
  route text not null,
  key text not null,
  -- SHA-256 (hex) of the canonical body and the path's parameters.
  fingerprint text not null,
  -- The payment, wallet or credit that the first request made.
  resource_id text not null,
  -- Until then (ms) the first request may still be answering, in whatever process it is.
  lease_until bigint not null,
  created_at bigint not null,
  constraint idempotency_keys_pkey primary key (tenant, method, route, key)
);
create index idempotency_keys_created_at on api.idempotency_keys (created_at);

create table api.api_keys (
  id text primary key,
  tenant text not null,
  name text not null,
  -- SHA-256 (hex) of the key; the key itself is shown once and kept nowhere.
  hash text not null unique,
  -- Separated by spaces.
  scopes text not null,
  created_at bigint not null,
  revoked_at bigint
);
