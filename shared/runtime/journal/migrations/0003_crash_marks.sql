-- A message, or a call that follows from it, that ends the process again and again must not do so for ever. One row is
-- written a start; marks are written only after two lives in a row that ended without saying so.
create table bus.lives (
  process text primary key,
  started_at bigint not null,
  -- It ended in good order; null: it lives, or was ended.
  ended_at bigint,
  -- Lives in a row, before this one, that ended without saying so.
  deaths int not null
);

-- What is in progress, or was when a process ended: `doing` is a record's place in the log, or a kind of work.
create table bus.in_progress (
  process text not null,
  service text not null,
  unit text collate "C" not null,
  doing text not null,
  active boolean not null,
  deaths int not null,
  since bigint not null,
  primary key (process, service, unit, doing)
);
