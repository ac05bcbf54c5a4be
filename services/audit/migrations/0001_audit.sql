create schema audit;

-- By month of the UUIDv7 id. An action without an outcome was interrupted: its request is in the log before it takes
-- effect, its outcome after it.
create table audit.operator_actions (
  id           uuid primary key,
  tenant       text not null,
  action       text collate "C" not null,
  target       text collate "C" not null,
  reason       text not null,
  actor        text collate "C" not null,
  parameters   text not null,
  before       text not null,
  outcome      text,
  code         text,
  detail       text,
  after        text,
  traceparent  text,
  requested_at bigint not null,
  completed_at bigint
) partition by range (id);

create table audit.operator_actions_default partition of audit.operator_actions default;

create index operator_actions_of_tenant on audit.operator_actions (tenant, id);
create index operator_actions_by_target on audit.operator_actions (tenant, target, id);
