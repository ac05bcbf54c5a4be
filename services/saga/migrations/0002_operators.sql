-- Why an open saga waits, how often its step was sent again: JSON, null in a payment that goes well.
alter table saga.sagas add column waits text;

-- Operators list open sagas of their tenant, newest first.
drop index saga.sagas_open;
create index sagas_open on saga.sagas (tenant, payment_id) where status not in ('COMPLETED', 'FAILED');
