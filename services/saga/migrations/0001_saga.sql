create schema saga;

create table saga.sagas (
  payment_id  uuid primary key,
  tenant      text not null,
  user_id     text not null,
  status      text not null,
  step        text not null,
  failure     text,
  deadline    bigint not null,
  stuck_since bigint,
  parked      boolean not null,
  version     int not null,
  started_at  bigint not null,
  updated_at  bigint not null
) with (fillfactor = 80);

create index sagas_open on saga.sagas (started_at) where status not in ('COMPLETED', 'FAILED');

-- What each step came to, out of the saga's own events: a table of its own would be a second row per step.
create view saga.saga_steps as
select substr(stream, 6)::uuid as payment_id,
       version,
       type,
       body::json -> 'data' ->> 'step' as step,
       body::json ->> 'time' as at,
       cause
  from journal.events
 where type in ('SagaStepCompleted', 'SagaStepFailed', 'SagaRecoveryAttempted', 'CompensationStepCompleted');
